import type { Clock } from '../../core/concurrency/clock.js';
import { RateLimit } from './rate-limit.js';
import type { Refusal } from './refusal.js';

const PER_SECOND = 20;
const MISS_MS = 30_000;

/** The result of a look-up: whether the app is known, and whether the secret is its own. */
export interface SecretFound {
  readonly isKnown: boolean;
  readonly opens: boolean;
}

/** Bounds how often the store is read for the secrets of apps that are not in memory: no key is needed to ask for one. */
export class SecretLookUps {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #reads: RateLimit;
  /** The times at which misses are forgotten, by app or by app and secret; the earliest first. */
  readonly #misses = new Map<string, number>();
  /** By app and secret: requests that bring the same at once share one look. */
  readonly #underWay = new Map<string, Promise<boolean>>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#reads = new RateLimit(PER_SECOND, clock.monotonic());
  }

  /** Returns how many misses are remembered. */
  get size(): number {
    return this.#misses.size;
  }

  /** Returns whether this is being looked up, so that one more request for it costs the store nothing. */
  isUnderWay(appid: string, hash: string): boolean {
    return this.#underWay.has(`${appid}\n${hash}`);
  }

  /**
   * Returns whether the secret opens the app, or why that is not looked up now.
   *
   * @param hash - of the secret.
   * @param look - reads the store.
   */
  async opens(appid: string, hash: string, look: () => Promise<SecretFound>): Promise<boolean | Refusal> {
    const ofSecret = `${appid}\n${hash}`;
    const underWay = this.#underWay.get(ofSecret);
    if (underWay !== undefined) return underWay;
    const now = this.#clock.monotonic();
    this.#forget(now);
    if (this.#misses.has(appid) || this.#misses.has(ofSecret)) return false;
    const retryAfterSeconds = this.#reads.take(now);
    if (retryAfterSeconds > 0) return { status: 429, reason: 'throttled', message: BUSY, retryAfterSeconds };
    const looked = this.#lookFor(appid, ofSecret, look).finally(() => this.#underWay.delete(ofSecret));
    this.#underWay.set(ofSecret, looked);
    return looked;
  }

  async #lookFor(appid: string, ofSecret: string, look: () => Promise<SecretFound>): Promise<boolean> {
    const { isKnown, opens } = await look();
    if (!opens) this.#remember(isKnown ? ofSecret : appid);
    return opens;
  }

  #remember(miss: string): void {
    this.#misses.delete(miss);
    this.#misses.set(miss, this.#clock.monotonic() + MISS_MS);
  }

  #forget(now: number): void {
    for (const [miss, endsAt] of this.#misses) {
      if (endsAt > now) return;
      this.#misses.delete(miss);
    }
  }
}

const BUSY = 'too many secrets of apps that are not in memory are being looked up';
