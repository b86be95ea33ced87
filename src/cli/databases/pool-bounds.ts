/** The most connections of one process; during a reload there are two processes. */
export const MOST_CONNECTIONS = 8;
export const CONNECT_MS = 2_000;
/** Longer than the manager waits for a command. */
export const STATEMENT_MS = 3_000;
export const IDLE_MS = 60_000;
export const KEEP_ALIVE_MS = 10_000;
/** The time that connections have to close in order. */
export const PARTING_MS = 1_000;
