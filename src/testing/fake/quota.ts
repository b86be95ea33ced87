import type { Clock } from '../../core/concurrency/clock.js';

/**
 * The limits on how often an app may call an endpoint of the fake.
 *
 * @public
 */
export interface FakeQuota {
  /**
   * The number of calls in a calendar minute; the next one is answered with 45011.
   *
   * @defaultValue no limit
   */
  readonly perMinute?: number;
  /**
   * The number of calls in a day of Asia/Shanghai; the next one is answered with 45009.
   *
   * @defaultValue no limit
   */
  readonly perDay?: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

interface Counter {
  window: number;
  calls: number;
}

/** Counts the calls of each app to each endpoint. */
export class FakeQuotaBook {
  readonly #clock: Clock;
  readonly #quotas: ReadonlyMap<string, FakeQuota>;
  readonly #counters = new Map<string, Counter>();

  constructor(clock: Clock, quotas: ReadonlyMap<string, FakeQuota>) {
    this.#clock = clock;
    this.#quotas = quotas;
  }

  /** Counts a call, and returns the errcode of the limit that it exceeds, or 0. */
  take(appid: string, path: string): number {
    const { perMinute, perDay } = this.#quotas.get(path) ?? {};
    const now = this.#clock.now();
    const minute = Math.floor(now / MINUTE_MS);
    const day = dayOfShanghai(now);
    if (perDay !== undefined && !this.#count(`${appid} ${path} day`, day, perDay)) return 45009;
    if (perMinute !== undefined && !this.#count(`${appid} ${path} minute`, minute, perMinute)) return 45011;
    return 0;
  }

  #count(id: string, window: number, limit: number): boolean {
    let counter = this.#counters.get(id);
    if (counter?.window !== window) {
      counter = { window, calls: 0 };
      this.#counters.set(id, counter);
    }
    counter.calls += 1;
    return counter.calls <= limit;
  }
}

/** Returns the number of the day in Shanghai, by which WeChat counts quotas. */
export function dayOfShanghai(now: number): number {
  return Math.floor((now + SHANGHAI_OFFSET_MS) / DAY_MS);
}
