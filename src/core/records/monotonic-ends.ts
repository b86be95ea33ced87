import { dueOf, lifeMs } from '../model/refresh-policy.js';
import type { TokenKey } from '../model/token-key.js';
import type { StoredGrant } from '../store/key-document.js';
import type { StoreClock } from '../store/store-clock.js';
import type { CachedRecord } from './cached-record.js';
import { KnownEnds } from './known-ends.js';
import type { RecordCache } from './record-cache.js';

/** The value of a token and the instants by which its end is known. */
export type DatedToken = Pick<StoredGrant, 'value' | 'obtainedAt' | 'expiresAt'>;

/**
 * Computes when grants expire and are due by the monotonic clock, so that no change of the wall clock extends the life
 * of a token. What is known of a grant counts as long as this process holds it or has held it recently.
 */
export class MonotonicEnds {
  readonly #cache: RecordCache;
  readonly #clock: StoreClock;
  /** The expiry instants of records, including those that are no longer cached. */
  readonly #ends = new KnownEnds();

  constructor(cache: RecordCache, clock: StoreClock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /**
   * Returns when the record of a grant that is adopted now expires and is due, and remembers the end.
   *
   * @param statedMs - the remaining lifetime that WeChat has just stated, if it repeated the token.
   */
  note(
    key: TokenKey,
    grant: StoredGrant,
    statedMs: number | undefined,
  ): Pick<CachedRecord, 'endsAtMonotonic' | 'dueAtMonotonic'> {
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    // A clock that was just set shows no end. What is known of an end only shrinks, so that a token which seems to have
    // expired now would not be returned any more.
    const leftMs = this.#clock.isDoubtful ? lifeMs(grant) : Math.min(grant.expiresAt - now, lifeMs(grant));
    const endByWall = monotonic + leftMs;
    const held = this.#held(key, grant);
    const known = this.#ends.note(key, grant, Math.min(endByWall, held?.endsAtMonotonic ?? endByWall));
    const endsAtMonotonic =
      statedMs === undefined ? known : this.#ends.prove(key, grant, Math.min(endByWall, monotonic + statedMs));
    const dueByWall = monotonic + dueOf(grant, now) - now;
    return { endsAtMonotonic, dueAtMonotonic: dueAtMonotonic(held, grant, dueByWall, endsAtMonotonic, endByWall) };
  }

  /** Returns when a grant expires, if this process holds it or has held it recently. */
  get(key: TokenKey, grant: DatedToken): number | undefined {
    return this.#held(key, grant)?.endsAtMonotonic ?? this.#ends.get(key, grant);
  }

  #held(key: TokenKey, grant: DatedToken): CachedRecord | undefined {
    const held = this.#cache.get(key);
    return held !== undefined && isSameGrant(held, grant) ? held : undefined;
  }
}

/** Returns whether both come from the same answer of WeChat, regardless of version and due. */
export function isSameGrant(held: CachedRecord, { value, obtainedAt, expiresAt }: DatedToken): boolean {
  return held.value === value && held.obtainedAt === obtainedAt && held.expiresAt === expiresAt;
}

/**
 * Returns when a record is due. Setting back the wall clock must not shorten the planned time between the refresh and
 * the expiry of the token. A due that was changed since is used as it is.
 */
function dueAtMonotonic(
  held: CachedRecord | undefined,
  grant: StoredGrant,
  byWall: number,
  end: number,
  endByWall: number,
): number {
  if (held === undefined) return byWall - (endByWall - end);
  return Math.min(byWall, held.storedDueAt === grant.dueAt ? held.dueAtMonotonic : end);
}
