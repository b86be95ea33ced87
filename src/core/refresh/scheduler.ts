import type { Place } from '../concurrency/places.js';
import type { RefreshReason } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { TaskEntry } from '../registry/task-entry.js';
import type { OpenedClaim } from './claim.js';
import type { Flight } from './single-flight.js';

/** Does what is due. */
export interface DueHandler {
  /** Refreshes a key that is due. Never rejects; whatever happens, the key is due again later. */
  onDue(task: TaskEntry, place: Place<TaskEntry>): Promise<void>;
  /** Refreshes a key with a lease that the schedule has taken for it. */
  flyClaimed(key: TokenKey, reason: RefreshReason, stale: string | undefined, claim: OpenedClaim): Flight<CachedRecord>;
  /** Returns whether only a caller may cause an attempt now. */
  isHeldBack(key: TokenKey): boolean;
  /** Sets when a key with a task is due next, from what is known of it now. */
  reschedule(key: TokenKey): void;
}

/**
 * The way in which a process learns what is due, and keeps its pace: by itself, or from the store that a fleet shares.
 */
export interface Scheduler {
  /** Whether what is due stands in the store, so that a registration of a task writes it there. */
  readonly isShared: boolean;
  /** Notes when this task is due next, as far as that is known. */
  set(task: TaskEntry, at: number): void;
  delete(task: TaskEntry): void;
  /** Begins to hand out what is due. */
  start(handler: DueHandler): void;
  /** Begins nothing more. @returns when nothing that was handed out is held any longer, where that takes time. */
  stop(): void | Promise<void>;
  /** Looks at the clock now: timers are hints, and the wall clock may have moved. */
  check(): void;
  /** Makes room for a refresh that a caller waits for. */
  charge(appid: string): void;
  /** Returns how many milliseconds a background refresh of this app has to wait; at 0 it may begin. */
  pauseOfApp(appid: string): number;
  /** Gives back what `pauseOfApp` allowed to a refresh that has asked for nothing. */
  refundApp(appid: string): void;
  /**
   * Corrects what is stored of when these records, and keys that have failed or have no record yet, are due: the clock was set
   * back, so they would be due too late.
   */
  bringForward(records: readonly CachedRecord[]): void;
  /** Makes a key due now for the whole fleet: what held back the attempts for it has gone. */
  makeDueNow(key: TokenKey): void;
  /** Makes the keys of an app due now: what held back the attempts for them has gone. */
  makeAppDueNow(appid: string): void;
}
