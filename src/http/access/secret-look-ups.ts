import type { Clock } from '../../core/concurrency/clock.js';
import { LookUpTurns } from '../../core/concurrency/look-up-turns.js';
import { RateLimiter } from '../../core/concurrency/rate-limit.js';
import { type Refusal, wholeSeconds } from './refusal.js';

const PER_SECOND = 20;
const MISS_MS = 30_000;
/** The group of all look-ups, which share one limit. */
const ALL = '';

/** The result of a look-up: whether the app is known, and whether the secret is right. */
export interface SecretFound {
  readonly isKnown: boolean;
  readonly opens: boolean;
}

/** Limits the reads of the store for secrets of apps that are not in memory, because no key is needed to cause them. */
export class SecretLookUps {
  readonly #clock: Pick<Clock, 'monotonic' | 'setTimer'>;
  readonly #reads: RateLimiter;
  readonly #turns: LookUpTurns;
  /** The expiry times of cached misses, by app or by app and secret; the earliest comes first. */
  readonly #misses = new Map<string, number>();
  /** The look-ups in progress by app and secret. Concurrent requests with the same secret share one. */
  readonly #underWay = new Map<string, Promise<boolean | Refusal>>();

  constructor(clock: Pick<Clock, 'monotonic' | 'setTimer'>) {
    this.#clock = clock;
    this.#reads = new RateLimiter(PER_SECOND, PER_SECOND);
    this.#turns = new LookUpTurns(clock);
  }

  /** Returns the number of cached misses. */
  get size(): number {
    return this.#misses.size;
  }

  /** Returns whether such a look-up is in progress, so that another request for it does not read the store. */
  isUnderWay(appid: string, hash: string): boolean {
    return this.#underWay.has(`${appid}\n${hash}`);
  }

  /**
   * Returns whether the secret gives access to the app, or a refusal if that is not looked up now.
   *
   * @param hash - the hash of the secret.
   * @param look - reads the store.
   */
  async opens(appid: string, hash: string, look: () => Promise<SecretFound>): Promise<boolean | Refusal> {
    const ofSecret = `${appid}\n${hash}`;
    const underWay = this.#underWay.get(ofSecret);
    if (underWay !== undefined) return underWay;
    const now = this.#clock.monotonic();
    this.#forget(now);
    if (this.#misses.has(appid) || this.#misses.has(ofSecret)) return false;
    const looked = this.#lookInTurn(appid, ofSecret, look).finally(() => this.#underWay.delete(ofSecret));
    this.#underWay.set(ofSecret, looked);
    return looked;
  }

  async #lookInTurn(appid: string, ofSecret: string, look: () => Promise<SecretFound>): Promise<boolean | Refusal> {
    let retryAfterSeconds = 0;
    const reserve = (): boolean => {
      retryAfterSeconds = wholeSeconds(this.#reads.reserve(this.#clock.monotonic()));
      return retryAfterSeconds === 0;
    };
    const begun = this.#turns.begin(ALL, reserve);
    if (begun !== true && !(await begun)) {
      return { status: 429, reason: 'throttled', message: BUSY, retryAfterSeconds };
    }
    try {
      return await this.#lookFor(appid, ofSecret, look);
    } finally {
      this.#turns.end(ALL);
    }
  }

  async #lookFor(appid: string, ofSecret: string, look: () => Promise<SecretFound>): Promise<boolean> {
    const { isKnown, opens } = await look();
    // After a restart the secret of each app is looked up once. Only wrong ones can be looked up without end.
    if (opens) this.#reads.refund();
    else this.#remember(isKnown ? ofSecret : appid);
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

const BUSY = 'too many secrets of apps that are not in memory are being looked up: try again later';
