import type { Clock } from '../../core/concurrency/clock.js';

const WINDOW_MS = 10 * 60_000;
/** A difference of the clocks up to which no correction is made. */
const TOLERATED_MS = 2 * 60_000;
const MAX_CORRECTION_MS = 10 * 60_000;
/** The number of pushes whose median counts, and the smallest number of them for a correction. */
const MAX_OFFSETS = 15;
const MIN_OFFSETS = 5;

/**
 * Judges the times of pushes to one app by the clock of the store. If that differs from WeChat's, as the median of the
 * accepted pushes shows, their difference is taken into account.
 */
export class PushWindow {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #warn: (correctionMs: number) => void;
  readonly #offsets: number[] = [];
  #latest = 0;
  #hasWarned = false;

  /** @param warn - receives the difference of a clock that is not WeChat's. */
  constructor(clock: Pick<Clock, 'now'>, warn: (correctionMs: number) => void) {
    this.#clock = clock;
    this.#warn = warn;
  }

  /** Returns the time as WeChat knows it, in epoch milliseconds. */
  now(): number {
    return this.#clock.now() + this.#correction();
  }

  /** Returns whether a push of this time may be accepted: at most ten minutes old, or ahead. */
  accepts(timestampMs: number): boolean {
    return Math.abs(timestampMs - this.now()) <= WINDOW_MS;
  }

  /**
   * Notes the time of a push that was accepted. Only one that is later than all others counts: a sender who repeats a push of
   * WeChat's again and again could otherwise make its old time the usual one, so that new pushes would be refused.
   */
  note(timestampMs: number): void {
    if (timestampMs <= this.#latest) return;
    this.#latest = timestampMs;
    this.#offsets.push(timestampMs - this.#clock.now());
    if (this.#offsets.length > MAX_OFFSETS) this.#offsets.shift();
    const correction = this.#correction();
    if (correction !== 0 && !this.#hasWarned) this.#warn(correction);
    this.#hasWarned = correction !== 0;
  }

  #correction(): number {
    if (this.#offsets.length < MIN_OFFSETS) return 0;
    const sorted = this.#offsets.toSorted((one, other) => one - other);
    const median = sorted[Math.floor(sorted.length / 2)] as number;
    if (Math.abs(median) <= TOLERATED_MS) return 0;
    return Math.max(-MAX_CORRECTION_MS, Math.min(MAX_CORRECTION_MS, median));
  }
}
