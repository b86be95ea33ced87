import type { Place } from '../concurrency/places.js';
import type { RefreshReason } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { TaskEntry } from '../registry/task-entry.js';
import type { OpenedClaim } from './claim.js';
import type { Flight } from './single-flight.js';

/** The handler of keys that become due. */
export interface DueHandler {
  /** Refreshes a key that is due. Never rejects; whatever happens, the key is due again later. */
  onDue(task: TaskEntry, place: Place<TaskEntry>): Promise<void>;
  /** Refreshes a key with a lease that the schedule has acquired for it. */
  refreshClaimed(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    claim: OpenedClaim,
  ): Flight<CachedRecord>;
  /** Returns whether only a caller may cause an attempt now. */
  isHeldBack(key: TokenKey): boolean;
  /** Sets when a key with a task is due next, by what is known of the key now. */
  reschedule(key: TokenKey): void;
}

/**
 * The part that decides when keys are due and enforces the rate limit: by itself, or by the store that a fleet shares.
 */
export interface Scheduler {
  /** Whether dues are stored, so that the registration of a task writes one. */
  readonly isShared: boolean;
  /** Sets when this task is due next, as far as that is known. */
  set(task: TaskEntry, at: number): void;
  delete(task: TaskEntry): void;
  /** Starts to pass due keys to the handler. */
  start(handler: DueHandler): void;
  /**
   * Stops passing on due keys.
   *
   * @returns a promise for the release of everything that was passed on, if that takes time.
   */
  stop(): void | Promise<void>;
  /** Checks the clock now, since timers are only hints and the wall clock may have been set. */
  check(): void;
  /** Charges a refresh that a caller waits for, which begins without waiting. */
  charge(appid: string): void;
  /** Returns how many milliseconds a background refresh of this app has to wait; at 0 it may begin. */
  reserveForApp(appid: string): number;
  /** Refunds the permit that `reserveForApp` granted to a refresh that has made no request. */
  refundApp(appid: string): void;
  /**
   * Corrects the stored dues of these records, and of keys that have failed or have no record yet. The clock was set
   * back, so these keys would be due too late.
   */
  bringForward(records: readonly CachedRecord[]): void;
  /** Makes a key due now for the whole fleet, because the obstacle to its attempts is gone. */
  makeDueNow(key: TokenKey): void;
  /** Makes the keys of an app due now, because the obstacle to their attempts is gone. */
  makeAppDueNow(appid: string): void;
}
