import type { Clock, ClockTimer } from '../core/concurrency/clock.js';

/** The time within which the next piece of a body or an answer must arrive. */
export const BETWEEN_BYTES_MS = 60_000;

/**
 * Ends an exchange in which nothing moves for too long. Only one timer is set for each period, because a large body moves
 * thousands of times in one.
 */
export class StallGuard {
  readonly #clock: Clock;
  readonly #onStall: () => void;
  #timer: ClockTimer | undefined;
  #deadline = 0;
  #hasEnded = false;

  constructor(clock: Clock, onStall: () => void) {
    this.#clock = clock;
    this.#onStall = onStall;
  }

  /** Notes that something has moved, and allows `ms` for the next time. */
  touch(ms: number): void {
    if (this.#hasEnded) return;
    const deadline = this.#clock.monotonic() + ms;
    const isEarlier = deadline < this.#deadline;
    this.#deadline = deadline;
    if (isEarlier) this.#timer?.cancel();
    if (this.#timer === undefined || isEarlier) this.#set(ms);
  }

  /** Ends the guarding for good. */
  end(): void {
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #set(ms: number): void {
    this.#timer = this.#clock.setTimer(() => this.#check(), ms);
  }

  #check(): void {
    const leftMs = this.#deadline - this.#clock.monotonic();
    if (leftMs > 0) {
      this.#set(leftMs);
      return;
    }
    this.#timer = undefined;
    this.#onStall();
  }
}
