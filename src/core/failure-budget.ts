import { boundedCache } from './bounded-cache.js';
import { seal, unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import type { StoredDocument } from './store.js';
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
  /** When the bucket is full again, in epoch milliseconds. */
  readonly fullAt: number;
}

/**
 * Counts the failed requests of an app in plain mode, whose access tokens have a quota that failures use up too. The count
 * is in the store, for the whole fleet. A store that does not take it leaves each process to count by itself.
 */
export class FailureBudget {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: StoreClock;
  /** By app, the instant at which its bucket is full again as this process knows it. */
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
   * @returns the instant before which no other request of the app may be made for such a key.
   */
  async draw(appid: string, lives: boolean): Promise<number> {
    const fullAt = await this.#drawStored(appid).catch(() => undefined);
    const drawnAt = fullAt ?? this.#drawn(this.#known.get(appid) ?? 0);
    this.#known.set(appid, drawnAt);
    const left = lives ? 1 : RESERVED + 1;
    return Math.round(drawnAt - (SIZE - left) * REFILL_MS);
  }

  /** Returns when the bucket is full again; `undefined` where the document is contended. */
  async #drawStored(appid: string): Promise<number | undefined> {
    const id = `limit/${appid}/~failures`;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [document] = await this.#store.get([id]);
      const bucket = await this.#reader.read(document, readBucket);
      // What this process counted while the store was away counts as well.
      const fullAt = this.#drawn(Math.max(bucket.fullAt, this.#known.get(appid) ?? 0));
      if ((await this.#store.set(id, seal(id, { fullAt }), bucket.version)) !== undefined) return fullAt;
    }
    return undefined;
  }

  #drawn(fullAt: number): number {
    const now = this.#clock.now();
    return Math.min(Math.max(fullAt, now) + REFILL_MS, now + SIZE * REFILL_MS + MAX_DEBT_MS);
  }
}

function readBucket(document: StoredDocument | undefined): Bucket {
  if (document === undefined) return { version: 0, fullAt: 0 };
  const { fullAt } = unseal(document);
  return { version: document.version, fullAt: typeof fullAt === 'number' ? fullAt : 0 };
}
