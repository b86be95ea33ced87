import type { Clock, ClockTimer } from '../../../core/concurrency/clock.js';
import type { Log, LogFields, LogLevel } from './log.js';

const WINDOW_MS = 60_000;
const MOST_IN_A_WINDOW = 60;

/**
 * Writes at most 60 lines a minute. Further lines are counted, and reported as one `suppressed` line at the end of the
 * minute.
 */
export class LineLimit {
  readonly #log: Log;
  readonly #clock: Clock;
  #written = 0;
  readonly #suppressed = new Map<string, number>();
  #windowEnd: ClockTimer | undefined;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  write(level: LogLevel, message: string, fields: LogFields): void {
    this.#windowEnd ??= this.#clock.setTimer(() => this.#endWindow(), WINDOW_MS);
    if (this.#written < MOST_IN_A_WINDOW) {
      this.#written += 1;
      this.#log[level](message, fields);
    } else this.#suppressed.set(message, (this.#suppressed.get(message) ?? 0) + 1);
  }

  #endWindow(): void {
    this.#windowEnd = undefined;
    this.#written = 0;
    if (this.#suppressed.size === 0) return;
    const counts = Object.fromEntries(this.#suppressed);
    this.#suppressed.clear();
    this.#log.warn('suppressed', counts);
  }
}
