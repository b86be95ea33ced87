/**
 * The difference between wall clock and monotonic clock from which on the wall clock counts as having been set; smaller
 * differences are noise.
 */
export const CLOCK_JUMP_MS = 250;
/** The maximum time of one command of a store. */
export const COMMAND_TIMEOUT_MS = 2_000;
/** The maximum time of an attempt, with all requests that a refresher makes to WeChat or to another service. */
export const ATTEMPT_TIMEOUT_MS = 15_000;
/**
 * The part of an attempt's time that must be left when a request begins, because a request that is cut short may have
 * used up the refresh token that it sent.
 */
export const SHORTEST_REQUEST_MS = 7_000;
/**
 * The lifetime of a lease to refresh a key. A lease is never renewed, so it outlasts an attempt together with the store
 * commands before and after it.
 */
export const LEASE_MS = 20_000;
/**
 * The time for which closing a manager waits for work in progress: an attempt, and the command that stores its answer.
 * Closing the store takes the time of up to two more commands: one for those that have been sent, and one for the close
 * itself.
 */
export const CLOSE_TIMEOUT_MS: number = ATTEMPT_TIMEOUT_MS + COMMAND_TIMEOUT_MS;
/**
 * The time for which a claim may wait before its lease is used: the time left after it suffices for an attempt and two
 * commands.
 */
export const CLAIM_LASTS_MS: number = LEASE_MS - ATTEMPT_TIMEOUT_MS - 2 * COMMAND_TIMEOUT_MS;
/**
 * The maximum time from now to a due, since no token lives for longer. A later due was written by a clock that has been
 * set back since, and counts as due now.
 */
export const FARTHEST_DUE_MS: number = 366 * 86_400_000;
/**
 * The time within which every running process has noticed that a store was replaced or a document was lost, and has put
 * back what it has cached: a process looks every minute, and then needs a few commands.
 */
export const HOLDERS_LOOK_WITHIN_MS = 70_000;
