/** The limit of connections of one process. During a reload there are two processes. */
export const MOST_CONNECTIONS = 8;
export const CONNECT_MS = 2_000;
/** The timeout of a statement, longer than the manager waits for a command. */
export const STATEMENT_MS = 3_000;
export const IDLE_MS = 60_000;
export const KEEP_ALIVE_MS = 10_000;
/** The time within which connections are closed properly before they are cut. */
export const PARTING_MS = 1_000;
