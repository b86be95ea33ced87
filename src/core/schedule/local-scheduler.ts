import type { Clock } from '../concurrency/clock.js';
import { OwnPace, type PaceLimits } from '../concurrency/pace.js';
import { Schedule } from '../concurrency/schedule.js';
import type { Records } from '../records/records.js';
import type { DueHandler, Scheduler } from '../refresh/scheduler.js';
import type { HeldTask } from '../registry/held-task.js';

/** Schedules in a process that does all the work itself, or shares a store that cannot hand it out. */
export class LocalScheduler implements Scheduler {
  readonly isShared = false;
  readonly #pace: OwnPace;
  readonly #schedule: Schedule<HeldTask>;
  #handler: DueHandler | undefined;

  constructor(clock: Clock, limits: PaceLimits, records: Records) {
    this.#pace = new OwnPace(limits, () => clock.monotonic());
    this.#schedule = new Schedule<HeldTask>(
      clock,
      (task, place) => this.#handler?.onDue(task, place) ?? Promise.resolve(),
      {
        pace: this.#pace,
        groupOf: ({ key }) => key.appid,
        isFresh: ({ key }) => {
          const held = records.cache.get(key);
          return held === undefined || records.leftMs(held) <= 0;
        },
      },
    );
  }

  set(task: HeldTask, at: number): void {
    this.#schedule.set(task, at);
  }

  delete(task: HeldTask): void {
    this.#schedule.delete(task);
  }

  start(handler: DueHandler): void {
    this.#handler = handler;
    this.#schedule.start();
  }

  stop(): void {
    this.#schedule.stop();
  }

  check(): void {
    this.#schedule.check();
  }

  owe(appid: string): void {
    this.#pace.owe(appid);
  }

  pauseOfApp(appid: string): number {
    return this.#pace.takeOfApp(appid);
  }

  giveBackOfApp(appid: string): void {
    this.#pace.giveBackOfApp(appid);
  }

  /** Does nothing: the schedule has each instant of this process alone, and is set anew when the clock was. */
  bringForward(): void {}

  /** Does nothing: what this process knows to be due it sets itself. */
  hurry(): void {}

  /** Does nothing: the tasks of the app are rescheduled when their registration changes. */
  hurryApp(): void {}
}
