import type { Clock } from '../../core/concurrency/clock.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import { PushWindow } from './push-window.js';

const MAX_REMEMBERED = 1_000;
/** The time within which one warning stands for those of all apps. */
const WARNED_MS = 60 * 60_000;

/**
 * Holds a window for each app: the owner of one app has its token, and could sign any time, which must not count for the
 * others.
 */
export class PushWindows {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly #warn: (message: string) => void;
  readonly #windows = boundedCache<string, PushWindow>(MAX_REMEMBERED);
  #warnedAt = Number.NEGATIVE_INFINITY;

  /** @param warn - receives a warning about a clock that differs from WeChat's. */
  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, warn: (message: string) => void) {
    this.#clock = clock;
    this.#warn = warn;
  }

  /** Returns the window of a registered app. */
  of(appid: string): PushWindow {
    const held = this.#windows.get(appid);
    if (held !== undefined) return held;
    const window = new PushWindow(this.#clock, (correctionMs) => this.#warnOf(correctionMs));
    this.#windows.set(appid, window);
    return window;
  }

  #warnOf(correctionMs: number): void {
    const now = this.#clock.monotonic();
    if (now - this.#warnedAt < WARNED_MS) return;
    this.#warnedAt = now;
    const seconds = Math.round(Math.abs(correctionMs) / 1_000);
    const direction = correctionMs > 0 ? 'behind' : 'ahead of';
    this.#warn(
      `the clock of the store is ${seconds} s ${direction} WeChat's, whose pushes would be refused from 600 s on: set it, for example with NTP`,
    );
  }
}
