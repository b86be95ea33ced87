import type { Clock } from '../concurrency/clock.js';
import { COMMAND_TIMEOUT_MS } from '../concurrency/time-limits.js';

const MOST_PENDING = 4;
const PROBE_EVERY_MS: number = COMMAND_TIMEOUT_MS;

/** A command that the store has been given. */
export interface SentCommand {
  /** Notes that no caller waits for it any more. It is pending until the store settles it. */
  abandon(): void;
  /** @returns whether it was abandoned before. */
  settle(): boolean;
}

/**
 * Keeps commands from a store that hangs, so that they neither wait in vain nor pile up in its driver. A store that
 * refuses at once does not hang.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  /** Sent and not settled, whether or not a caller still waits. */
  #pending = 0;
  #admittedAt = Number.NEGATIVE_INFINITY;
  /** The instant since which nothing has been answered, by the monotonic clock; `undefined` unless the store hangs. */
  #silentSince: number | undefined;
  /** The number of times that the store has shown that it does not hang. */
  #heard = 0;
  #isTrusted = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns for how many milliseconds the store has hung, or 0. */
  get openForMs(): number {
    return this.#silentSince === undefined ? 0 : this.#clock.monotonic() - this.#silentSince;
  }

  /** Returns whether the store does not hang and owes nothing. */
  get isIdle(): boolean {
    return this.#silentSince === undefined && this.#pending === 0;
  }

  /**
   * Returns whether a command may be sent now. Into a store that hangs: while few are pending, and one as a probe now
   * and then, because what is pending may have been lost for good.
   */
  allows(): boolean {
    const now = this.#clock.monotonic();
    const isProbeDue = now - this.#admittedAt >= PROBE_EVERY_MS;
    if (this.#silentSince !== undefined && this.#pending >= MOST_PENDING && !isProbeDue) return false;
    this.#admittedAt = now;
    return true;
  }

  send(): SentCommand {
    const sentAt = this.#clock.monotonic();
    const heard = this.#heard;
    let isAbandoned = false;
    this.#pending += 1;
    return {
      abandon: () => {
        isAbandoned = true;
        // A store that has settled others since is not silent: it is this command that is slow, or lost.
        if (this.#heard === heard) this.#silentSince ??= sentAt;
      },
      settle: () => {
        this.#pending -= 1;
        if (isAbandoned) this.#settledLate();
        else this.#settledInTime();
        return isAbandoned;
      },
    };
  }

  #settledInTime(): void {
    this.#isTrusted = true;
    this.#open();
  }

  /**
   * Takes the store to be back, unless it is merely slow, or its driver gives up later than we do. Then commands time
   * out again, and only one that is settled in time opens the gate.
   */
  #settledLate(): void {
    if (this.#silentSince === undefined || !this.#isTrusted) return;
    this.#isTrusted = false;
    this.#open();
  }

  #open(): void {
    this.#silentSince = undefined;
    this.#heard += 1;
  }
}
