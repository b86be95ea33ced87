import type { JsonObject } from '../../src/core/json.js';
import type { Due, Lease, StoredDocument, TokenStore } from '../../src/core/store.js';

/** A store around a store that hands out what is due, as those of a fleet do. */
export class ClaimingStore implements TokenStore {
  readonly #store: TokenStore;
  readonly #dues = new Map<string, Due>();

  constructor(store: TokenStore) {
    this.#store = store;
  }

  now(): Promise<number> {
    return this.#store.now();
  }

  get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    return this.#store.get(ids);
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    const version = await this.#store.set(id, data, expected, options);
    if (version === undefined) return undefined;
    if (options.due === undefined) this.#dues.delete(id);
    else this.#dues.set(id, options.due);
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    const isDeleted = await this.#store.delete(id, expected);
    if (isDeleted) this.#dues.delete(id);
    return isDeleted;
  }

  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): AsyncIterable<StoredDocument> {
    return this.#store.list(prefix, options);
  }

  lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#store.lease(id, ttlMs);
  }

  async claimDue(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]> {
    const now = await this.#store.now();
    const due = [...this.#dues]
      .filter(([, { lane, at }]) => lanes.includes(lane) && at <= now)
      .sort(([, one], [, other]) => one.at - other.at);
    const leases: Lease[] = [];
    for (const [id] of due) {
      if (leases.length === limit) break;
      const lease = await this.#store.lease(id, ttlMs);
      if (lease !== undefined) leases.push(lease);
    }
    return leases;
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    return (await this.#store.watch?.(changed)) ?? (async () => {});
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
