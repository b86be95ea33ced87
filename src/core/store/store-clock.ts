import type { Clock, ClockTimer } from '../concurrency/clock.js';
import { CLOCK_JUMP_MS } from '../concurrency/time-limits.js';
import { noop } from '../primitives/noop.js';

const SYNC_EVERY_MS = 60_000;
/** The minimum time between two samples that are taken because of a doubt. */
const DOUBT_EVERY_MS = 1_000;
/** The maximum difference between two clocks that is ignored, since the times of files are no more precise. */
const NOISE_MS = 20;
/**
 * The maximum number of samples in a row that are discarded because the wall clock was set meanwhile; the next check
 * takes another one.
 */
const MAX_SPOILT_SAMPLES = 3;

export interface StoreClockListener {
  /**
   * Handles a wall clock or an offset that went backwards: instants that were computed before it are no longer valid.
   */
  wentBack(): void;
  /**
   * Handles a wall clock that went forward by more than the monotonic clock, for example after the machine has slept.
   */
  wentForward(): void;
}

/** Estimates the store's clock as the clock of this process plus an offset, which is sampled regularly. */
export class StoreClock implements Clock {
  readonly #clock: Clock;
  readonly #readStore: () => Promise<number>;
  #listener: StoreClockListener | undefined;
  #offset = 0;
  #wallAtTick: number;
  #monotonicAtTick: number;
  #syncedAt = Number.NEGATIVE_INFINITY;
  /** Whether the wall clock was set after the offset was sampled, so that the offset is wrong. */
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

  /** Sets the listener that is notified when a clock was set. */
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
   * Returns the interval in milliseconds at which to poll for changes: a second, or less if tokens live for less than
   * 20 s.
   */
  get pollIntervalMs(): number {
    return this.#tickEveryMs;
  }

  /** Shortens the interval of checks if tokens with a lifetime of `lifeMs` need it. */
  watchLife(lifeMs: number): void {
    this.#tickEveryMs = Math.min(this.#tickEveryMs, Math.max(100, lifeMs / 20));
  }

  /**
   * Samples the offset now instead of up to a minute later, at most once a second, because another process seems to go
   * by another time of the store.
   */
  doubt(): void {
    const isRunning = this.#tick !== undefined;
    if (isRunning && this.#clock.monotonic() - this.#syncedAt >= DOUBT_EVERY_MS) void this.sync().catch(noop);
  }

  /**
   * Returns whether the wall clock was set and the offset has not been sampled since, so that the time may be wrong by as
   * much as the clock was set.
   */
  get isDoubtful(): boolean {
    return this.#isOffsetOutdated || Math.abs(this.#drift(this.#clock.now(), this.#clock.monotonic())) > CLOCK_JUMP_MS;
  }

  /** Samples the offset. Concurrent calls share one sample. Rejects if the store does. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sample().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  /**
   * Compares the wall clock with the monotonic clock, notifies the listener if the wall clock was set, and samples the
   * offset every minute, and after a jump until a sample succeeds. A process with a wrong offset would store tokens
   * that seem to have expired long ago.
   *
   * @returns a promise that resolves when no sample is in progress, and never rejects.
   */
  async check(): Promise<void> {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const drift = this.#drift(wall, monotonic);
    this.#wallAtTick = wall;
    this.#monotonicAtTick = monotonic;
    if (drift < -CLOCK_JUMP_MS) this.#listener?.wentBack();
    if (drift > CLOCK_JUMP_MS) this.#listener?.wentForward();
    if (Math.abs(drift) > CLOCK_JUMP_MS) this.#isOffsetOutdated = true;
    if (this.#isOffsetOutdated || monotonic - this.#syncedAt >= SYNC_EVERY_MS) void this.sync().catch(() => {});
    await this.#syncing?.catch(() => {});
  }

  /** Returns by how much the wall clock has been set since the last tick. */
  #drift(wall: number, monotonic: number): number {
    return wall - this.#wallAtTick - (monotonic - this.#monotonicAtTick);
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
    // The offset is rounded to milliseconds, because instants are stored and reported as integers.
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
