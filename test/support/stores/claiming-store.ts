import { DueQueue, NOT_QUEUED, type Queued } from '../../../src/core/concurrency/due-queue.js';
import type { Due, Lease, StoredDocument, TokenStore } from '../../../src/core/model/store.js';
import type { JsonObject } from '../../../src/core/primitives/json.js';

interface Scheduled extends Queued {
  readonly id: string;
}

/** Wraps a store, and hands out what is due, as those of a fleet do. */
export class ClaimingStore implements TokenStore {
  readonly #store: TokenStore;
  readonly #dues = new Map<string, Due>();
  readonly #scheduled = new Map<string, Scheduled>();
  readonly #queue = new DueQueue<Scheduled>();

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
    if (version !== undefined) this.#schedule(id, options.due);
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    const isDeleted = await this.#store.delete(id, expected);
    if (isDeleted) this.#schedule(id, undefined);
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
    const looked: string[] = [];
    const leases: Lease[] = [];
    while (leases.length < limit && (this.#queue.nextAt() ?? Number.POSITIVE_INFINITY) <= now) {
      const { id } = this.#queue.pop(now) as Scheduled;
      looked.push(id);
      const isOurs = lanes.includes(this.#dues.get(id)?.lane ?? '');
      const lease = isOurs ? await this.#store.lease(id, ttlMs) : undefined;
      if (lease !== undefined) leases.push(lease);
    }
    for (const id of looked) this.#schedule(id, this.#dues.get(id));
    return leases;
  }

  /** Loses what is due, as a store whose index is evicted: the documents still say when they are. */
  loseIndex(): void {
    for (const id of [...this.#scheduled.keys()]) this.#schedule(id, undefined);
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    return (await this.#store.watch?.(changed)) ?? (async () => {});
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #schedule(id: string, due: Due | undefined): void {
    if (due === undefined) {
      const scheduled = this.#scheduled.get(id);
      if (scheduled !== undefined) this.#queue.delete(scheduled);
      this.#scheduled.delete(id);
      this.#dues.delete(id);
    } else {
      const scheduled = this.#scheduled.get(id) ?? { id, place: NOT_QUEUED };
      this.#scheduled.set(id, scheduled);
      this.#dues.set(id, due);
      this.#queue.set(scheduled, due.at);
    }
  }
}
