import type { Clock, ClockTimer } from '../core/concurrency/clock.js';

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * The options of `new FakeClock(options)`.
 *
 * @public
 */
export interface FakeClockOptions {
  /**
   * The wall time at the start, in epoch milliseconds.
   *
   * @defaultValue `2026-01-01T00:00:00Z`
   */
  readonly now?: number;
  /**
   * The result of `random`, or a function that returns it.
   *
   * @defaultValue 0.5
   * @bounds at least 0 and below 1
   */
  readonly random?: number | (() => number);
}

/**
 * Provides a clock that stands still until a test moves it.
 *
 * @example
 * ```ts
 * const clock = new FakeClock();
 * const tokens = new TokenManager({ clock });
 * await clock.advance(7_200_000);   // two hours, with every timer on the way
 * ```
 *
 * @public
 */
export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  readonly #random: () => number;
  readonly #timers = new Set<PendingTimer>();

  constructor(options: FakeClockOptions = {}) {
    const { random = 0.5 } = options;
    this.#wall = options.now ?? Date.UTC(2026, 0, 1);
    this.#random = typeof random === 'function' ? random : () => random;
  }

  /** Returns the number of timers that are set. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  random(): number {
    return this.#random();
  }

  setTimer(callback: () => void, delayMs: number): ClockTimer {
    const timer = { at: this.#monotonic + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /**
   * Moves time forward by `ms`, firing every timer on the way at its own instant and in order, and letting pending
   * promises and I/O callbacks run after each.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await turns(TURNS_AROUND);
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#moveTo(timer.at);
      this.#timers.delete(timer);
      timer.callback();
      await turns(1);
    }
    this.#moveTo(end);
    await turns(TURNS_AROUND);
  }

  /** Moves the wall clock alone, as an administrator or a time server does; `ms` may be negative. No timer fires. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #moveTo(at: number): void {
    const elapsed = Math.max(0, at - this.#monotonic);
    this.#monotonic += elapsed;
    this.#wall += elapsed;
  }

  #next(end: number): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }
}

/** The turns of the event loop before the first timer and after the last one, which code that a test has started may need. */
const TURNS_AROUND = 3;

/** Lets the event loop turn: each turn runs all pending promises, and the I/O callbacks that are ready. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
