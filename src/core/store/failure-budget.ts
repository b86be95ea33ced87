import type { StoredDocument } from '../model/store.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import { isJsonObject, type JsonObject } from '../primitives/json.js';
import { seal, unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import type { RetryState } from './key-document.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';

/** Requests that may fail at once. */
const SIZE = 60;
/** One more may fail after each of these spans: 492 in the first 24 h, of the 2,000 that WeChat allows. */
const REFILL_MS = 200_000;
/** The last ones are kept for keys whose token still lives. */
const RESERVED = 6;
/** Processes that fail at the same time may draw more than there is, which is paid back; this bounds it. */
const MAX_DEBT_MS = 24 * 3_600_000;
const MAX_ROUNDS = 5;
const MAX_APPS = 10_000;

interface Bucket {
  readonly version: number;
  /** The instant at which the bucket is full again, in epoch milliseconds. */
  readonly fullAt: number;
  /** The state of trying after the last failure. Absent where an earlier release has drawn last. */
  readonly failed: RetryState | undefined;
  /** Fields of another release, kept through a rewrite. */
  readonly unknown: JsonObject;
}

/**
 * Counts the failed requests of an app in plain mode, whose access tokens have a quota that failures use up too. The count
 * is in the store, for the whole fleet. A store that does not take it leaves each process to count by itself.
 */
export class FailureBudget {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: StoreClock;
  /** The instant at which the bucket of each app is full again, as this process knows it. */
  readonly #known = boundedCache<string, number>(MAX_APPS);

  constructor(store: SupervisedStore, reader: DocumentReader, clock: StoreClock) {
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
  }

  /**
   * Draws one for a request that has failed.
   *
   * @param lives - whether the key still has a token at the next attempt, which may then use what is reserved.
   * @param failed - the state of trying after it, kept for processes that begin later.
   * @returns the instant before which no other request of the app may be made for such a key.
   */
  async draw(appid: string, lives: boolean, failed: RetryState): Promise<number> {
    const fullAt = await this.#drawStored(appid, failed).catch(() => undefined);
    const drawnAt = fullAt ?? this.#drawn(this.#known.get(appid) ?? 0);
    this.#known.set(appid, drawnAt);
    return notBefore(drawnAt, lives);
  }

  /**
   * Returns the last failure of the app that is stored, with the instant before which no request may be made as its `retryAt`.
   * It draws nothing.
   *
   * @param leftMs - what is left of the token of the key, 0 or less without one.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async lastFailure(appid: string, leftMs: number): Promise<RetryState | undefined> {
    const { fullAt, failed } = await this.#read(idOf(appid));
    if (failed === undefined) return undefined;
    const now = this.#clock.now();
    const bounded = Math.min(fullAt, this.#farthest(now));
    const whileItLives = notBefore(bounded, true);
    const retryAt = now + leftMs > Math.max(now, whileItLives) ? whileItLives : notBefore(bounded, false);
    return { ...failed, retryAt, backingOff: false };
  }

  /** Returns when the bucket is full again; `undefined` where the document is contended. */
  async #drawStored(appid: string, failed: RetryState): Promise<number | undefined> {
    const id = idOf(appid);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { version, fullAt: before, unknown } = await this.#read(id);
      // What this process counted while the store was away counts as well.
      const fullAt = this.#drawn(Math.max(before, this.#known.get(appid) ?? 0));
      const data = seal(id, { ...unknown, fullAt, failed: { ...failed } });
      if ((await this.#store.set(id, data, version)) !== undefined) return fullAt;
    }
    return undefined;
  }

  async #read(id: string): Promise<Bucket> {
    const [document] = await this.#store.get([id]);
    return this.#reader.read(document, readBucket);
  }

  #drawn(fullAt: number): number {
    const now = this.#clock.now();
    return Math.min(Math.max(fullAt, now) + REFILL_MS, this.#farthest(now));
  }

  #farthest(now: number): number {
    return now + SIZE * REFILL_MS + MAX_DEBT_MS;
  }
}

function idOf(appid: string): string {
  return `limit/${appid}/~failures`;
}

/** Returns when the bucket holds what a request needs: one, beside what is reserved where no token lives. */
function notBefore(fullAt: number, lives: boolean): number {
  const needed = lives ? 1 : RESERVED + 1;
  return Math.round(fullAt - (SIZE - needed) * REFILL_MS);
}

function readBucket(document: StoredDocument | undefined): Bucket {
  if (document === undefined) return { version: 0, fullAt: 0, failed: undefined, unknown: {} };
  const { fullAt, failed, ...unknown } = unseal(document);
  return {
    version: document.version,
    fullAt: typeof fullAt === 'number' ? fullAt : 0,
    failed: isJsonObject(failed) ? (failed as unknown as RetryState) : undefined,
    unknown,
  };
}
