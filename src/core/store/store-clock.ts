import type { Clock, ClockTimer } from '../concurrency/clock.js';
import { CLOCK_JUMP_MS } from '../concurrency/time-limits.js';

const SYNC_EVERY_MS = 60_000;
/** Two clocks that differ by no more than this are taken for one: file times are that coarse. */
const NOISE_MS = 20;
/** The number of samples in a row that a jump of the wall clock may spoil; the next check takes another. */
const MAX_SPOILT_SAMPLES = 3;

export interface StoreClockListener {
  /** Is called when the wall clock or the offset went backwards: nothing that was computed before may be trusted. */
  wentBack(): void;
  /** Is called when the wall clock went forward without time passing here, as after the machine slept. */
  wentForward(): void;
}

/** Keeps the store's clock as this process knows it: its own clock plus an offset that is sampled now and then. */
export class StoreClock implements Clock {
  readonly #clock: Clock;
  readonly #readStore: () => Promise<number>;
  #listener: StoreClockListener | undefined;
  #offset = 0;
  #wallAtTick: number;
  #monotonicAtTick: number;
  #syncedAt = Number.NEGATIVE_INFINITY;
  /** Whether the wall clock has jumped since the offset was sampled, which then says nothing. */
  #isOffsetOutdated = false;
  #tick: ClockTimer | undefined;
  #tickEveryMs = 1_000;
  #syncing: Promise<void> | undefined;

  constructor(clock: Clock, readStore: () => Promise<number>) {
    this.#clock = clock;
    this.#readStore = readStore;
    this.#wallAtTick = clock.now();
    this.#monotonicAtTick = clock.monotonic();
  }

  /** Has this listener told when a clock was set. */
  listen(listener: StoreClockListener): void {
    this.#listener = listener;
  }

  now(): number {
    return this.#clock.now() + this.#offset;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  random(): number {
    return this.#clock.random();
  }

  setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): ClockTimer {
    return this.#clock.setTimer(callback, delayMs, options);
  }

  start(): void {
    if (this.#tick === undefined) this.#setTick();
  }

  stop(): void {
    this.#tick?.cancel();
    this.#tick = undefined;
  }

  /**
   * Returns how many milliseconds apart to look at what may have changed: a second, or less where tokens live for less
   * than 20 s.
   */
  get pollIntervalMs(): number {
    return this.#tickEveryMs;
  }

  /** Looks at the clocks often enough for tokens that live `lifeMs`. */
  watchLife(lifeMs: number): void {
    this.#tickEveryMs = Math.min(this.#tickEveryMs, Math.max(100, lifeMs / 20));
  }

  /** Samples the offset. One sample at a time; rejects when the store does. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sample().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  /**
   * Compares wall and monotonic time, reports a jump, and samples the offset when that is called for: every minute, and after a
   * jump until a sample succeeds, since a process whose offset is wrong stores tokens that seem to have ended long ago.
   *
   * @returns when no sample is under way any more; it never rejects.
   */
  async check(): Promise<void> {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const drift = wall - this.#wallAtTick - (monotonic - this.#monotonicAtTick);
    this.#wallAtTick = wall;
    this.#monotonicAtTick = monotonic;
    if (drift < -CLOCK_JUMP_MS) this.#listener?.wentBack();
    if (drift > CLOCK_JUMP_MS) this.#listener?.wentForward();
    if (Math.abs(drift) > CLOCK_JUMP_MS) this.#isOffsetOutdated = true;
    if (this.#isOffsetOutdated || monotonic - this.#syncedAt >= SYNC_EVERY_MS) void this.sync().catch(() => {});
    await this.#syncing?.catch(() => {});
  }

  async #sample(): Promise<void> {
    this.#syncedAt = this.#clock.monotonic();
    for (let spoilt = 0; spoilt < MAX_SPOILT_SAMPLES; spoilt++) {
      const before = this.#clock.now();
      const monotonicBefore = this.#clock.monotonic();
      const stored = await this.#readStore();
      const after = this.#clock.now();
      const drift = after - before - (this.#clock.monotonic() - monotonicBefore);
      this.#isOffsetOutdated = Math.abs(drift) > CLOCK_JUMP_MS;
      if (this.#isOffsetOutdated) continue;
      this.#setOffset(stored, before, after);
      return;
    }
  }

  #setOffset(stored: number, before: number, after: number): void {
    // Whole milliseconds: instants are stored and told as integers.
    const offset = Math.round(stored - (before + after) / 2);
    const change = offset - this.#offset;
    if (Math.abs(change) <= NOISE_MS + Math.abs(after - before) / 2) return;
    this.#offset = offset;
    if (change < 0) this.#listener?.wentBack();
    else this.#listener?.wentForward();
  }

  #setTick(): void {
    this.#tick = this.#clock.setTimer(() => {
      this.#setTick();
      void this.check();
    }, this.#tickEveryMs);
  }
}
