import { timingSafeEqual } from 'node:crypto';
import { RateLimiter } from '../../core/concurrency/rate-limit.js';
import { comparablePath } from '../../gateway/canonical-path.js';
import { Admission } from './admission.js';
import { type ApiKey, keyHash, keyIdOf } from './api-key.js';
import { VerifiedText } from './verified-text.js';

/** A key without its hash, with the time at which this process last let in a request with it. */
export interface KeyUse extends Omit<ApiKey, 'hash'> {
  /** The time of the last use in milliseconds since 1970; absent for a key that has not been used since this process started. */
  readonly lastUsedAt?: number;
}

/** A key in the form in which requests are checked against it. */
export interface HeldKey {
  /** The bytes of the hash in hex. */
  readonly hash: Uint8Array;
  /** The permissions of requests with the key. */
  readonly admission: Admission;
  readonly rate: RateLimiter | undefined;
  readonly expiresAt: number | undefined;
  /** The time of the last use. It is kept in memory only, because writing a file at every request could fail. */
  lastUsedAt: number | undefined;
  /**
   * The last header with this key that was verified, so that the key need not be hashed again: a hash takes as long as
   * all the rest of most requests.
   */
  verified: VerifiedText | undefined;
}

const SCHEME = 'Bearer ';
const ID_BEGINS_AT: number = `${SCHEME}wtm_`.length;
const ID_ENDS_AT: number = ID_BEGINS_AT + 8;

/** Holds the current keys by id. */
export class KeyRing {
  readonly #current: () => readonly ApiKey[];
  #entries: readonly ApiKey[] = [];
  #held: ReadonlyMap<string, HeldKey> = new Map();

  /**
   * @param current - returns the current keys. It is called for every request; the same array means that nothing has
   *   changed.
   */
  constructor(current: () => readonly ApiKey[]) {
    this.#current = current;
  }

  /** Returns the entry of a key. It is found by its id, which is not secret, so that only one hash has to be compared. */
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

  /** Returns the entry of a key if the header equals one that was verified before, so that most headers need not be parsed. */
  recognize(authorization: string): HeldKey | undefined {
    this.#follow();
    const held = this.#held.get(authorization.slice(ID_BEGINS_AT, ID_ENDS_AT));
    return held?.verified?.equals(authorization) === true ? held : undefined;
  }

  /** Returns the current keys in their order. */
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

  #hold({ id, hash, scopes, appids, paths, perSecond, expiresAt }: ApiKey): HeldKey {
    return {
      hash: Buffer.from(hash, 'latin1'),
      admission: new Admission(scopes, appids && new Set(appids), id, paths?.map(comparablePath)),
      rate: perSecond === undefined ? undefined : this.#rateOf(id, perSecond),
      expiresAt,
      lastUsedAt: this.#held.get(id)?.lastUsedAt,
      verified: undefined,
    };
  }

  /**
   * Returns the rate limit of a key. If its rate is unchanged, the previous limit is kept, so that a change of other keys
   * does not reset it.
   */
  #rateOf(id: string, perSecond: number): RateLimiter {
    const before = this.#held.get(id)?.rate;
    return before?.perSecond === perSecond ? before : new RateLimiter(perSecond, Math.max(1, perSecond));
  }
}
