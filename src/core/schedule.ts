import type { Clock, ClockTimer } from './clock.js';
import { DueQueue, type Queued } from './due-queue.js';
import type { OwnPace } from './pace.js';
import type { TaskSchedule } from './task-schedule.js';

/** Timers run late after the machine slept and cannot be set beyond 24 days, so none is longer than this. */
const MAX_TIMER_MS = 60_000;
const MAX_RUNNING = 64;
/** Then others have their turn: what takes no time ends before the event loop goes on, and frees its place. */
const MAX_IN_ONE_TURN = 500;
/** Two readings of the clocks that differ by no more than this are noise. */
const JUMP_MS = 250;

export interface ScheduleOptions {
  /** How many are under way at a time. */
  readonly maxRunning?: number;
  /** Asked before each call. Without it there is none. */
  readonly pace?: Pick<OwnPace, 'take'>;
}

/** Calls `onDue` for each item when it is due, so many at a time, with one timer. It knows items and instants, not tokens. */
export class Schedule<Item extends Queued> implements TaskSchedule<Item> {
  readonly #queue = new DueQueue<Item>();
  readonly #clock: Clock;
  readonly #onDue: (item: Item) => Promise<void>;
  readonly #pace: Pick<OwnPace, 'take'> | undefined;
  readonly #maxRunning: number;
  #timer: ClockTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #running = 0;
  /** How many have begun since a timer last fired. */
  #begun = 0;
  #stopped = true;
  /** How far the wall clock was ahead of the monotonic one when the instants in the queue were last in step with it. */
  #aheadMs: number;

  /**
   * @param onDue - must not reject. Whoever wants an item to be due again sets it again.
   */
  constructor(
    clock: Clock,
    onDue: (item: Item) => Promise<void>,
    { maxRunning = MAX_RUNNING, pace }: ScheduleOptions = {},
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#pace = pace;
    this.#maxRunning = maxRunning;
    this.#aheadMs = this.#measureAhead();
  }

  set(item: Item, at: number): void {
    this.#followClock();
    this.#queue.set(item, at);
    if (at < this.#timerAt) this.#arm();
  }

  delete(item: Item): void {
    this.#queue.delete(item);
  }

  start(): void {
    this.#stopped = false;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  /** Looks at the clock now: timers are hints, and the wall clock may have moved. */
  check(): void {
    this.#followClock();
    let pauseMs = 0;
    while (!this.#stopped && this.#running < this.#maxRunning) {
      const now = this.#clock.now();
      if ((this.#queue.nextAt() ?? Number.POSITIVE_INFINITY) > now) break;
      pauseMs = this.#begun >= MAX_IN_ONE_TURN ? 1 : (this.#pace?.take() ?? 0);
      if (pauseMs > 0) break;
      this.#begun++;
      const item = this.#queue.pop(now) as Item;
      this.#running++;
      void this.#onDue(item).finally(() => {
        this.#running--;
        if (this.#running === this.#maxRunning - 1) this.check();
      });
    }
    this.#arm(pauseMs);
  }

  /** Moves every instant back with a wall clock that was set back: no item waits for that clock to catch up. */
  #followClock(): void {
    const aheadMs = this.#measureAhead();
    const driftMs = aheadMs - this.#aheadMs;
    if (Math.abs(driftMs) <= JUMP_MS) return;
    this.#aheadMs = aheadMs;
    if (driftMs < 0) this.#queue.shift(driftMs);
  }

  #measureAhead(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }

  #arm(pauseMs = 0): void {
    this.#cancelTimer();
    const at = this.#queue.nextAt();
    if (this.#stopped || at === undefined || this.#running >= this.#maxRunning) return;
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(pauseMs, at - this.#clock.now()));
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => {
      this.#begun = 0;
      this.check();
    }, Math.ceil(delayMs));
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}
