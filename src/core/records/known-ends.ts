import type { Lifetime } from '../model/refresh-policy.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { deleteOldest } from '../primitives/oldest-entries.js';

/**
 * The number of expiry instants that are remembered, so that a record which is evicted and read again expires at the
 * same instant.
 */
const MAX_ENDS = 10_000;
/** The number of entries that are deleted at once to make room. */
const ENDS_IN_A_PASS = 1_000;

/**
 * Remembers when current and former records expire by the monotonic clock. Two records of a key differ in at least one
 * instant, which identifies them. Each refresh adds only one entry, so a plain map suffices, from which the oldest
 * entries are deleted.
 */
export class KnownEnds {
  readonly #ends = new Map<string, number>();

  get(key: TokenKey, life: Lifetime): number | undefined {
    return this.#ends.get(idOf(key, life));
  }

  /**
   * Notes that a record expires at this instant, unless an earlier one is known.
   *
   * @returns the earlier of the two.
   */
  note(key: TokenKey, life: Lifetime, atMonotonic: number): number {
    const id = idOf(key, life);
    const known = this.#ends.get(id);
    return this.#set(id, known, known === undefined ? atMonotonic : Math.min(known, atMonotonic));
  }

  /**
   * Notes that WeChat has just said that a record lives until this instant. An earlier end that is known was computed
   * while the time of the store was not known, and is wrong.
   *
   * @returns the later of the two.
   */
  prove(key: TokenKey, life: Lifetime, atMonotonic: number): number {
    const id = idOf(key, life);
    const known = this.#ends.get(id);
    return this.#set(id, known, known === undefined ? atMonotonic : Math.max(known, atMonotonic));
  }

  #set(id: string, known: number | undefined, end: number): number {
    if (known !== undefined) this.#ends.delete(id);
    this.#ends.set(id, end);
    if (this.#ends.size > MAX_ENDS) deleteOldest(this.#ends, ENDS_IN_A_PASS);
    return end;
  }
}

/**
 * Returns the id of an entry. The parts are joined because V8 keeps a template literal as a tree of its pieces, which
 * takes more than twice the memory.
 */
function idOf(key: TokenKey, { obtainedAt, expiresAt }: Lifetime): string {
  return [keyId(key), obtainedAt, expiresAt].join(' ');
}
