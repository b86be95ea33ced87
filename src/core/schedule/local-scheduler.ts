import type { Clock } from '../concurrency/clock.js';
import { LocalRateLimit, type RefreshRates } from '../concurrency/rate-limit.js';
import { TimerQueue } from '../concurrency/timer-queue.js';
import type { Records } from '../records/records.js';
import type { DueHandler, Scheduler } from '../refresh/scheduler.js';
import type { TaskEntry } from '../registry/task-entry.js';

/** Schedules refreshes in a process that makes all of them itself, or whose shared store cannot assign due keys. */
export class LocalScheduler implements Scheduler {
  readonly isShared = false;
  readonly #rateLimit: LocalRateLimit;
  readonly #timerQueue: TimerQueue<TaskEntry>;
  #handler: DueHandler | undefined;

  constructor(clock: Clock, limits: RefreshRates, records: Records) {
    this.#rateLimit = new LocalRateLimit(limits, () => clock.monotonic());
    this.#timerQueue = new TimerQueue<TaskEntry>(
      clock,
      (task, place) => this.#handler?.onDue(task, place) ?? Promise.resolve(),
      {
        rateLimit: this.#rateLimit,
        groupOf: ({ key }) => key.appid,
        isFresh: ({ key }) => {
          const held = records.cache.get(key);
          return held === undefined || records.leftMs(held) <= 0;
        },
      },
    );
  }

  set(task: TaskEntry, at: number): void {
    this.#timerQueue.set(task, at);
  }

  delete(task: TaskEntry): void {
    this.#timerQueue.delete(task);
  }

  start(handler: DueHandler): void {
    this.#handler = handler;
    this.#timerQueue.start();
  }

  stop(): void {
    this.#timerQueue.stop();
  }

  check(): void {
    this.#timerQueue.check();
  }

  charge(appid: string): void {
    this.#rateLimit.charge(appid);
  }

  reserveForApp(appid: string): number {
    return this.#rateLimit.reserveForApp(appid);
  }

  refundApp(appid: string): void {
    this.#rateLimit.refundApp(appid);
  }

  /** Does nothing, since all dues are those of this process, which are set anew when the clock is. */
  bringForward(): void {}

  /** Does nothing, since this process sets the dues that it knows of. */
  makeDueNow(): void {}

  /** Does nothing, since the tasks of the app are rescheduled when their registration changes. */
  makeAppDueNow(): void {}
}
