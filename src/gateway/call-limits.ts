import type { Clock } from '../core/concurrency/clock.js';
import { RateLimiters } from '../core/concurrency/rate-limit.js';
import { GatewayFailure } from './gateway-failure.js';

const MAX_CALLS = 1_024;
const MAX_OF_APP = 64;
const MAX_OF_KEY = 128;
/** Half of the connections to a host of WeChat. */
const MAX_OPEN = 128;
const MAX_RATED_APPS = 10_000;

/** The parts of a call by which it is limited. */
export interface LimitedCall {
  readonly appid: string;
  /** The id of the caller's key. */
  readonly keyId: string | undefined;
  /**
   * Whether the caller needed no credential. Such calls have limits of their own, so that they use up none of the app's others, and
   * one in all, because appids are public and a caller may name those of many apps.
   */
  readonly isOpen?: boolean | undefined;
}

/**
 * Limits the concurrent calls of a process, of an app, of an API key and of callers without a credential, and the calls of an app
 * in a second. A call over a limit is refused and never queued.
 */
export class CallLimits {
  readonly #ofApps = new Map<string, number>();
  readonly #ofKeys = new Map<string, number>();
  readonly #clock: Clock;
  readonly #perSecondOfApp: number | undefined;
  readonly #rates: RateLimiters | undefined;
  #calls = 0;
  #openCalls = 0;

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
   * @throws GatewayFailure with reason `limit`.
   */
  acquire({ appid, keyId, isOpen = false }: LimitedCall): () => void {
    const group = isOpen ? `${appid} open` : appid;
    const ofApp = this.#ofApps.get(group) ?? 0;
    const ofKey = keyId === undefined ? 0 : (this.#ofKeys.get(keyId) ?? 0);
    if (this.#calls >= MAX_CALLS) throw limit(`this server has ${MAX_CALLS} calls in progress`);
    if (ofApp >= MAX_OF_APP) throw limit(`this app has ${MAX_OF_APP} calls in progress`);
    if (ofKey >= MAX_OF_KEY) throw limit(`this key has ${MAX_OF_KEY} calls in progress`);
    if (isOpen && this.#openCalls >= MAX_OPEN) {
      throw limit(`this server has ${MAX_OPEN} calls of callers without a credential in progress`);
    }
    const rate = this.#rates?.of(group);
    if (rate !== undefined && rate.reserve(this.#clock.monotonic()) > 0) {
      throw limit(`this app may have ${this.#perSecondOfApp} calls a second`);
    }
    this.#calls += 1;
    if (isOpen) this.#openCalls += 1;
    this.#ofApps.set(group, ofApp + 1);
    if (keyId !== undefined) this.#ofKeys.set(keyId, ofKey + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#calls -= 1;
      if (isOpen) this.#openCalls -= 1;
      decrement(this.#ofApps, group);
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
