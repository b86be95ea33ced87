import type { Clock } from '../core/concurrency/clock.js';
import { RateLimiters } from '../core/concurrency/rate-limit.js';
import { GatewayFailure } from './gateway-failure.js';

const MAX_CALLS = 1_024;
const MAX_OF_APP = 64;
const MAX_OF_KEY = 128;
const MAX_RATED_APPS = 10_000;

/**
 * Limits the concurrent calls of a process, of an app and of an API key, and the calls of an app in a second. A call over a
 * limit is refused and never queued.
 */
export class CallLimits {
  readonly #ofApps = new Map<string, number>();
  readonly #ofKeys = new Map<string, number>();
  readonly #clock: Clock;
  readonly #perSecondOfApp: number | undefined;
  readonly #rates: RateLimiters | undefined;
  #calls = 0;

  constructor(clock: Clock, perSecondOfApp: number | undefined) {
    this.#clock = clock;
    this.#perSecondOfApp = perSecondOfApp;
    if (perSecondOfApp !== undefined) {
      this.#rates = new RateLimiters(perSecondOfApp, MAX_RATED_APPS, Math.max(1, perSecondOfApp));
    }
  }

  /**
   * Counts a call until the returned function is called.
   *
   * @param appid - the app, or another name for a group of calls of it that has limits of its own.
   * @throws GatewayFailure with reason `limit`.
   */
  acquire(appid: string, keyId: string | undefined): () => void {
    const ofApp = this.#ofApps.get(appid) ?? 0;
    const ofKey = keyId === undefined ? 0 : (this.#ofKeys.get(keyId) ?? 0);
    if (this.#calls >= MAX_CALLS) throw limit(`this server has ${MAX_CALLS} calls in progress`);
    if (ofApp >= MAX_OF_APP) throw limit(`this app has ${MAX_OF_APP} calls in progress`);
    if (ofKey >= MAX_OF_KEY) throw limit(`this key has ${MAX_OF_KEY} calls in progress`);
    const rate = this.#rates?.of(appid);
    if (rate !== undefined && rate.reserve(this.#clock.monotonic()) > 0) {
      throw limit(`this app may have ${this.#perSecondOfApp} calls a second`);
    }
    this.#calls += 1;
    this.#ofApps.set(appid, ofApp + 1);
    if (keyId !== undefined) this.#ofKeys.set(keyId, ofKey + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#calls -= 1;
      decrement(this.#ofApps, appid);
      if (keyId !== undefined) decrement(this.#ofKeys, keyId);
    };
  }
}

function decrement(counts: Map<string, number>, name: string): void {
  const left = (counts.get(name) ?? 1) - 1;
  if (left === 0) counts.delete(name);
  else counts.set(name, left);
}

function limit(message: string): GatewayFailure {
  return new GatewayFailure('limit', `${message}: try again in a second`);
}
