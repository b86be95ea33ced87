import type { Clock } from '../concurrency/clock.js';
import { COMMAND_TIMEOUT_MS } from '../concurrency/time-limits.js';

const MOST_PENDING = 4;
const PROBE_EVERY_MS: number = COMMAND_TIMEOUT_MS;

/** A command that has been sent to the store. */
export interface SentCommand {
  /** Notes that no caller waits for the command any more. It remains pending until the store settles it. */
  abandon(): void;
  /**
   * Notes that the store has settled the command.
   *
   * @returns whether the command had been abandoned.
   */
  settle(): boolean;
}

/**
 * Rejects commands while the store hangs, so that they neither wait in vain nor pile up in its driver. A store that
 * fails at once does not hang.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  /** The number of commands that have been sent and not settled, whether or not a caller still waits for them. */
  #pending = 0;
  #admittedAt = Number.NEGATIVE_INFINITY;
  /**
   * The instant on the monotonic clock since which the store has answered nothing; `undefined` unless the store hangs.
   */
  #silentSince: number | undefined;
  /** The number of answers that have shown that the store does not hang. */
  #heard = 0;
  #isTrusted = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the time for which the store has hung, in milliseconds; 0 if it does not hang. */
  get openForMs(): number {
    return this.#silentSince === undefined ? 0 : this.#clock.monotonic() - this.#silentSince;
  }

  /** Returns whether the store does not hang and no command is pending. */
  get isIdle(): boolean {
    return this.#silentSince === undefined && this.#pending === 0;
  }

  /**
   * Returns whether a command may be sent now. While the store hangs, commands are sent only while few are pending. In
   * addition, one is sent as a probe from time to time, because the pending ones may have been lost for good.
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
        // The store does not hang if it has settled other commands since: then only this command is slow or lost.
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
   * Resumes commands after a late answer, but only once. If the store is merely slow, or its driver times out later
   * than we do, commands time out again, and then only an answer in time resumes them.
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
