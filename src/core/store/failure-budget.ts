import type { StoredDocument } from '../model/store.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import { isJsonObject, type JsonObject } from '../primitives/json.js';
import { seal, unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import type { RetryState } from './key-document.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';

/** The number of requests that may fail in a row when the bucket is full. */
const SIZE = 60;
/**
 * The time after which one more request may fail. This allows 492 failures in the first 24 h, of the 2,000 requests
 * that WeChat permits.
 */
const REFILL_MS = 200_000;
/** The number of failures that are reserved for keys with an unexpired token. */
const RESERVED = 6;
/** The maximum debt. Processes that fail at the same time may draw more than there is, which delays later requests. */
const MAX_DEBT_MS = 24 * 3_600_000;
const MAX_ROUNDS = 5;
const MAX_APPS = 10_000;

/** The result of a draw, in epoch milliseconds. */
interface Drawn {
  /** The instant at which the bucket will be full again. */
  readonly fullAt: number;
  /** The instant of the draw; `undefined` if it is not known. */
  readonly drawnAt: number | undefined;
}

interface Bucket extends Drawn {
  readonly version: number;
  /** The retry state after the last failure; absent if an earlier release made the last draw. */
  readonly failed: RetryState | undefined;
  /** The fields of another release, which are preserved when the document is rewritten. */
  readonly unknown: JsonObject;
}

/**
 * Counts the failed requests of an app in plain mode, because failures use up the quota of access tokens as well. The
 * count is kept in the store for the whole fleet. If it cannot be stored, each process counts by itself.
 */
export class FailureBudget {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: StoreClock;
  /** The last draws for apps, as far as this process knows. */
  readonly #known = boundedCache<string, Drawn>(MAX_APPS);

  constructor(store: SupervisedStore, reader: DocumentReader, clock: StoreClock) {
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
  }

  /**
   * Draws one unit for a failed request.
   *
   * @param lives - whether the key still has an unexpired token at the next attempt, which may then use the reserved
   *   units.
   * @param failed - the retry state after the failure, which is stored for processes that start later.
   * @returns the instant before which no further request of the app may be made for such a key.
   */
  async draw(appid: string, lives: boolean, failed: RetryState): Promise<number> {
    const fullAt = await this.#drawStored(appid, failed).catch(() => undefined);
    const known = fullAt ?? this.#drawn(this.#knownFullAt(appid));
    this.#known.set(appid, { fullAt: known, drawnAt: this.#clock.now() });
    return notBefore(known, lives);
  }

  /**
   * Returns the last stored failure of the app, with `retryAt` set to the instant before which no request may be made.
   * It draws nothing.
   *
   * @param leftMs - the remaining life of the token of the key; 0 or less if there is none.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async lastFailure(appid: string, leftMs: number): Promise<RetryState | undefined> {
    const { failed, ...drawn } = await this.#read(idOf(appid));
    if (failed === undefined) return undefined;
    const now = this.#clock.now();
    const bounded = Math.min(fullAgainAt(drawn, now), this.#farthest(now));
    const whileItLives = notBefore(bounded, true);
    const retryAt = now + leftMs > Math.max(now, whileItLives) ? whileItLives : notBefore(bounded, false);
    return { ...failed, retryAt, backingOff: false };
  }

  /**
   * Draws one unit in the store, and returns the instant at which the bucket will be full again; `undefined` if the
   * document is contended.
   */
  async #drawStored(appid: string, failed: RetryState): Promise<number | undefined> {
    const id = idOf(appid);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { version, unknown, ...drawn } = await this.#read(id);
      const before = fullAgainAt(drawn, this.#clock.now());
      // Failures that this process counted while the store was unavailable are included.
      const fullAt = this.#drawn(Math.max(before, this.#knownFullAt(appid)));
      const data = seal(id, { ...unknown, fullAt, failed: { ...failed } });
      if ((await this.#store.set(id, data, version)) !== undefined) return fullAt;
    }
    return undefined;
  }

  async #read(id: string): Promise<Bucket> {
    const [document] = await this.#store.get([id]);
    return this.#reader.read(document, readBucket);
  }

  #knownFullAt(appid: string): number {
    const known = this.#known.get(appid);
    return known === undefined ? 0 : fullAgainAt(known, this.#clock.now());
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

/**
 * Returns the instant at which the bucket contains a unit for a request, beyond the reserved ones if the key has no
 * unexpired token.
 */
function notBefore(fullAt: number, lives: boolean): number {
  const needed = lives ? 1 : RESERVED + 1;
  return Math.round(fullAt - (SIZE - needed) * REFILL_MS);
}

/**
 * Returns when the bucket will be full again. That takes no longer than after the last draw, even if the clock has been
 * set back since.
 */
function fullAgainAt({ fullAt, drawnAt }: Drawn, now: number): number {
  return drawnAt === undefined ? fullAt : Math.min(fullAt, now + Math.max(0, fullAt - drawnAt));
}

function readBucket(document: StoredDocument | undefined): Bucket {
  if (document === undefined) return { version: 0, fullAt: 0, drawnAt: undefined, failed: undefined, unknown: {} };
  const { fullAt, failed, ...unknown } = unseal(document);
  const last = isJsonObject(failed) ? (failed as unknown as RetryState) : undefined;
  return {
    version: document.version,
    fullAt: typeof fullAt === 'number' ? fullAt : 0,
    // A draw is stored together with its failure.
    drawnAt: typeof last?.failedAt === 'number' ? last.failedAt : undefined,
    failed: last,
    unknown,
  };
}
