import { FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import type { RateLimit } from '../model/refresher.js';
import type { StoredDocument } from '../model/store.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { assertInteger, assertNumber, readFields } from '../primitives/assert-options.js';
import type { JsonValue } from '../primitives/json.js';
import { seal, unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import type { SupervisedStore } from './supervised-store.js';
import { contended } from './write-errors.js';

export type Allowance = { readonly granted: true } | { readonly granted: false; readonly retryAt: number };

interface Taken {
  readonly at: number;
  readonly key: string;
}

const DAY_MS = 24 * 3_600_000;
const MAX_REMEMBERED = 1_000;
const MAX_ROUNDS = 20;

/**
 * Enforces limits that the whole fleet shares, because they are counted in the store, in one document for each name and
 * app.
 */
export class CountedLimits {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #now: () => number;

  constructor(store: SupervisedStore, reader: DocumentReader, now: () => number) {
    this.#store = store;
    this.#reader = reader;
    this.#now = now;
  }

  /** Draws one unit of the limit. The draw is durable before the event that it is for takes place. */
  async draw(key: TokenKey, name: string, given: RateLimit): Promise<Allowance> {
    const limit = readRateLimit(given);
    const id = idOf(key, name);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { version, recent, now } = await this.#read(id);
      const retryAt = freeAt(recent, keyId(key), limit);
      if (retryAt > now) return { granted: false, retryAt };
      const next = [...recent, { at: now, key: keyId(key) }];
      const content = { taken: next.map(({ at, key: by }): JsonValue => [at, by]) };
      if ((await this.#store.set(id, seal(id, content), version)) !== undefined) return { granted: true };
    }
    throw contended(`the limit ${name} of ${key.appid}`, { appid: key.appid });
  }

  /** Returns whether a unit of the limit could be drawn now. */
  async isFree(key: TokenKey, name: string, limit: RateLimit): Promise<boolean> {
    const { recent, now } = await this.#read(idOf(key, name));
    return freeAt(recent, keyId(key), limit) <= now;
  }

  async #read(id: string): Promise<{ version: number; recent: readonly Taken[]; now: number }> {
    const [document] = await this.#store.get([id]);
    const { version, taken } = await this.#reader.read(document, readTaken);
    const now = this.#now();
    const recent = taken.filter(({ at }) => at > now - DAY_MS && at <= now + FUTURE_TOLERANCE_MS);
    return { version, recent: recent.slice(-MAX_REMEMBERED), now };
  }
}

function idOf({ appid }: TokenKey, name: string): string {
  return `limit/${appid}/${name}`;
}

/**
 * Returns a checked copy of the bounds. Each is read once.
 *
 * @throws TypeError that names the bound.
 */
function readRateLimit(given: RateLimit): RateLimit {
  const limit = readFields<RateLimit>(given, ['everyMs', 'perDay'], 'a rate limit');
  const { everyMs, perDay } = limit;
  if (everyMs !== undefined) assertNumber('everyMs', everyMs, 0, DAY_MS);
  if (perDay !== undefined) assertInteger('perDay', perDay, 1, MAX_REMEMBERED);
  return limit;
}

function freeAt(taken: readonly Taken[], key: string, limit: RateLimit): number {
  let at = 0;
  if (limit.everyMs !== undefined) {
    const last = taken.findLast((entry) => entry.key === key);
    if (last !== undefined) at = last.at + limit.everyMs;
  }
  if (limit.perDay !== undefined && taken.length >= limit.perDay) {
    at = Math.max(at, (taken[taken.length - limit.perDay] as Taken).at + DAY_MS);
  }
  return at;
}

function readTaken(document: StoredDocument | undefined): { version: number; taken: Taken[] } {
  if (document === undefined) return { version: 0, taken: [] };
  const stored = unseal(document)['taken'];
  const entries = Array.isArray(stored) ? (stored as [number, string][]) : [];
  return { version: document.version, taken: entries.map(([at, key]) => ({ at, key })) };
}
