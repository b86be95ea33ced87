import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { type ApiKey, keyHash, keyIdOf, type Scope } from './api-key.js';
import { RateLimit } from './rate-limit.js';

/** A key, without its hash, and when this process has let in a request with it for the last time. */
export interface KeyUse extends Omit<ApiKey, 'hash'> {
  /** In milliseconds since 1970; absent for a key that has not been used since this process began. */
  readonly lastUsedAt?: number;
}

/** A key as it is held ready for requests. */
export interface HeldKey {
  readonly id: string;
  /** The hex of the hash, as text. */
  readonly hash: Uint8Array;
  readonly scopes: readonly Scope[];
  readonly appids: ReadonlySet<string> | undefined;
  readonly rate: RateLimit | undefined;
  readonly expiresAt: number | undefined;
  /** It is kept in memory alone: a file that is written at every request would be one more thing that can fail. */
  lastUsedAt: number | undefined;
}

/** The keys in force, by id. */
export class KeyRing {
  readonly #current: () => readonly ApiKey[];
  readonly #clock: Clock;
  #entries: readonly ApiKey[] = [];
  #held: ReadonlyMap<string, HeldKey> = new Map();
  /** Keys that were found right, while they are in force: a hash takes as long as all the rest of most requests. */
  readonly #verified = new WeakMap<HeldKey, Uint8Array>();

  /** @param current - called for every request; the same array means that nothing has changed. */
  constructor(current: () => readonly ApiKey[], clock: Clock) {
    this.#current = current;
    this.#clock = clock;
  }

  /** Finds by id, which is no secret, so that only one hash is left to compare. */
  find(key: string): HeldKey | undefined {
    this.#follow();
    const held = this.#held.get(keyIdOf(key) ?? '');
    if (held === undefined) return undefined;
    const presented = Buffer.from(key, 'latin1');
    const before = this.#verified.get(held);
    if (before?.length === presented.length && timingSafeEqual(before, presented)) return held;
    if (!timingSafeEqual(held.hash, Buffer.from(keyHash(key), 'latin1'))) return undefined;
    this.#verified.set(held, presented);
    return held;
  }

  /** Returns the keys in force, in their order. */
  uses(): readonly KeyUse[] {
    this.#follow();
    return this.#entries.map(({ hash: _hash, ...entry }) => {
      const lastUsedAt = this.#held.get(entry.id)?.lastUsedAt;
      return lastUsedAt === undefined ? entry : { ...entry, lastUsedAt };
    });
  }

  #follow(): void {
    const entries = this.#current();
    if (entries === this.#entries) return;
    this.#held = new Map(entries.map((entry) => [entry.id, this.#hold(entry)]));
    this.#entries = entries;
  }

  #hold({ id, hash, scopes, appids, perSecond, expiresAt }: ApiKey): HeldKey {
    return {
      id,
      hash: Buffer.from(hash, 'latin1'),
      scopes,
      appids: appids && new Set(appids),
      rate: perSecond === undefined ? undefined : this.#rateOf(id, perSecond),
      expiresAt,
      lastUsedAt: this.#held.get(id)?.lastUsedAt,
    };
  }

  /** What a key has used up outlasts a change of the others. */
  #rateOf(id: string, perSecond: number): RateLimit {
    const before = this.#held.get(id)?.rate;
    return before?.perSecond === perSecond ? before : new RateLimit(perSecond, this.#clock.monotonic());
  }
}
