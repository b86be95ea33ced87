import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/concurrency/clock.js';
import { Admission } from './admission.js';
import { type ApiKey, keyHash, keyIdOf } from './api-key.js';
import { RateLimit } from './rate-limit.js';
import { VerifiedText } from './verified-text.js';

/** A key, without its hash, and when this process has let in a request with it for the last time. */
export interface KeyUse extends Omit<ApiKey, 'hash'> {
  /** In milliseconds since 1970; absent for a key that has not been used since this process began. */
  readonly lastUsedAt?: number;
}

/** A key as it is held ready for requests. */
export interface HeldKey {
  /** The hex of the hash, as text. */
  readonly hash: Uint8Array;
  /** The permissions of requests with the key. */
  readonly admission: Admission;
  readonly rate: RateLimit | undefined;
  readonly expiresAt: number | undefined;
  /** It is kept in memory alone: a file that is written at every request would be one more thing that can fail. */
  lastUsedAt: number | undefined;
  /** The header by which it was found right, while it is in force: a hash takes as long as all the rest of most requests. */
  verified: VerifiedText | undefined;
}

const SCHEME = 'Bearer ';
const ID_BEGINS_AT: number = `${SCHEME}wtm_`.length;
const ID_ENDS_AT: number = ID_BEGINS_AT + 8;

/** Holds the keys in force, by id. */
export class KeyRing {
  readonly #current: () => readonly ApiKey[];
  readonly #clock: Clock;
  #entries: readonly ApiKey[] = [];
  #held: ReadonlyMap<string, HeldKey> = new Map();

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
    const header = SCHEME + key;
    if (held.verified?.equals(header) === true) return held;
    if (!timingSafeEqual(held.hash, Buffer.from(keyHash(key), 'latin1'))) return undefined;
    held.verified = new VerifiedText(header);
    return held;
  }

  /**
   * Finds the key of a header that is the very one of a key which was found right before, so that most headers need not be
   * taken apart.
   */
  recognize(authorization: string): HeldKey | undefined {
    this.#follow();
    const held = this.#held.get(authorization.slice(ID_BEGINS_AT, ID_ENDS_AT));
    return held?.verified?.equals(authorization) === true ? held : undefined;
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
      hash: Buffer.from(hash, 'latin1'),
      admission: new Admission(scopes, appids && new Set(appids), id),
      rate: perSecond === undefined ? undefined : this.#rateOf(id, perSecond),
      expiresAt,
      lastUsedAt: this.#held.get(id)?.lastUsedAt,
      verified: undefined,
    };
  }

  /** Returns the rate limit of a key: while its rate is unchanged, what it has used up outlasts a change of other keys. */
  #rateOf(id: string, perSecond: number): RateLimit {
    const before = this.#held.get(id)?.rate;
    return before?.perSecond === perSecond ? before : new RateLimit(perSecond, this.#clock.monotonic());
  }
}
