/** A wall clock that has moved against the monotonic one by more than this was set; less than that is noise. */
export const CLOCK_JUMP_MS = 250;
/** The time that one command of a store may take. */
export const COMMAND_TIMEOUT_MS = 2_000;
/** The time that WeChat, or whatever a refresher asks, may take altogether. */
export const ATTEMPT_TIMEOUT_MS = 15_000;
/** The part of an attempt that must be left for a request: one that is cut short may have used up what it sent. */
export const SHORTEST_REQUEST_MS = 7_000;
/**
 * The time for which the right to refresh lasts. It is never renewed, so it outlasts the attempt with the commands
 * before and after it.
 */
export const LEASE_MS = 20_000;
/**
 * The time for which a close waits for what has been sent: an attempt, and the command that stores its answer. The store
 * adds the time of two commands: one for those that it has been sent, and one to be closed.
 */
export const CLOSE_TIMEOUT_MS: number = ATTEMPT_TIMEOUT_MS + COMMAND_TIMEOUT_MS;
/**
 * The time for which a lease that came with work may be kept before it is used: what is left outlasts an attempt and
 * two commands.
 */
export const CLAIM_LASTS_MS: number = LEASE_MS - ATTEMPT_TIMEOUT_MS - 2 * COMMAND_TIMEOUT_MS;
/**
 * No token lives for longer, so nothing is due later than this from now: an instant beyond it was written by a clock that has
 * been set back since, and counts as due.
 */
export const FARTHEST_DUE_MS: number = 366 * 86_400_000;
/**
 * The time after a store was replaced, or a document was lost, within which each process that runs has looked: it looks
 * every minute, and needs some commands to put back what it holds.
 */
export const HOLDERS_LOOK_WITHIN_MS = 70_000;
