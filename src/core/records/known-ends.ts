import type { Lifetime } from '../model/refresh-policy.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { deleteOldest } from '../primitives/oldest-entries.js';

/** The number of ends that are remembered of records, so that a record that is dropped and read again ends as before. */
const MAX_ENDS = 10_000;
/** The number of ends that are deleted at a time, to make room. */
const ENDS_IN_A_PASS = 1_000;

/**
 * Remembers when records that were in force end by the monotonic clock; two records of a key differ in at least one instant. Each
 * refresh notes one, so that a plain map holds them, of which those that were noted first make room.
 */
export class KnownEnds {
  readonly #ends = new Map<string, number>();

  get(key: TokenKey, life: Lifetime): number | undefined {
    return this.#ends.get(idOf(key, life));
  }

  /**
   * Notes that a record ends at this instant, or at an earlier one that is known of it.
   *
   * @returns the earlier one of both.
   */
  note(key: TokenKey, life: Lifetime, atMonotonic: number): number {
    const id = idOf(key, life);
    const known = this.#ends.get(id);
    const end = known === undefined ? atMonotonic : Math.min(known, atMonotonic);
    if (known !== undefined) this.#ends.delete(id);
    this.#ends.set(id, end);
    if (this.#ends.size > MAX_ENDS) deleteOldest(this.#ends, ENDS_IN_A_PASS);
    return end;
  }
}

/** Joins the parts, since V8 would keep a template's text as a tree of its pieces, which takes more than twice the memory. */
function idOf(key: TokenKey, { obtainedAt, expiresAt }: Lifetime): string {
  return [keyId(key), obtainedAt, expiresAt].join(' ');
}
