import type { Clock } from '../concurrency/clock.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import type { Settled } from './registration-writer.js';

/**
 * Recognizes a registration that is stored already, in a store that grants no lease for it, such as a full disk.
 *
 * Without the lease, another process may be about to roll back what is read. It does so within the time of its own lease.
 * So the registration counts as stored once every document has kept its version for longer than a lease lasts.
 */
export class StandingRegistration {
  readonly #clock: Clock;
  readonly #read: () => Promise<readonly Settled[] | undefined>;
  #seen: { readonly versions: string; readonly atMonotonic: number } | undefined;

  /**
   * @param read - returns the documents of the registration, or `undefined` if one of them would have to be written.
   */
  constructor(clock: Clock, read: () => Promise<readonly Settled[] | undefined>) {
    this.#clock = clock;
    this.#read = read;
  }

  /**
   * Reads the documents once more.
   *
   * @returns the documents, and whether they can be relied on; `undefined` if one of them would have to be written.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async look(): Promise<{ readonly settled: readonly Settled[]; readonly isReliable: boolean } | undefined> {
    const askedAtMonotonic = this.#clock.monotonic();
    const settled = await this.#read();
    if (settled === undefined) return undefined;
    const versions = settled.map(({ id, version }) => `${id}@${version}`).join('\n');
    if (this.#seen?.versions !== versions) this.#seen = { versions, atMonotonic: this.#clock.monotonic() };
    return { settled, isReliable: askedAtMonotonic - this.#seen.atMonotonic >= LEASE_MS };
  }
}
