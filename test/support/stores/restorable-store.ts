import type { Due, JsonObject, Lease, StoredDocument, TokenStore } from '../../../src/index.js';
import type { FakeClock } from '../../../src/testing/index.js';

/** What a store held at an instant. */
export interface State {
  readonly documents: ReadonlyMap<string, StoredDocument>;
  readonly deleted: ReadonlyMap<string, number>;
}

export interface RestorableStoreOptions {
  readonly isShared?: boolean;
  readonly versions?: 'counted' | 'of the clock';
}

/**
 * Provides a store that can be emptied and restored to an earlier state, versions included, without notification. Its versions
 * count from 1, as those of files do, so that those of two histories meet, or follow the clock, as those of servers do.
 */
export class RestorableStore implements TokenStore {
  readonly #clock: FakeClock;
  readonly #versions: 'counted' | 'of the clock';
  #documents = new Map<string, StoredDocument>();
  #deleted = new Map<string, number>();
  readonly #leases = new Map<string, { until: number }>();
  readonly #watchers = new Set<(id: string | undefined) => void>();
  readonly claimDue?: NonNullable<TokenStore['claimDue']>;

  constructor(clock: FakeClock, { isShared = false, versions = 'counted' }: RestorableStoreOptions = {}) {
    this.#clock = clock;
    this.#versions = versions;
    if (isShared) this.claimDue = (lanes, limit, ttlMs) => this.#claimDue(lanes, limit, ttlMs);
  }

  state(): State {
    return { documents: new Map(this.#documents), deleted: new Map(this.#deleted) };
  }

  restore({ documents, deleted }: State): void {
    this.#documents = new Map(documents);
    this.#deleted = new Map(deleted);
    this.#leases.clear();
  }

  wipe(): void {
    this.restore({ documents: new Map(), deleted: new Map() });
  }

  /** Notifies all watchers that a document has changed, or, without its id, that changes may have been missed. */
  tell(id?: string): void {
    for (const watcher of this.#watchers) watcher(id);
  }

  /** Returns the ids of these kinds that are stored, in order. */
  ids(...kinds: string[]): string[] {
    return [...this.#documents.keys()].filter((id) => kinds.some((kind) => id.startsWith(`${kind}/`))).sort();
  }

  data(id: string): JsonObject | undefined {
    return this.#documents.get(id)?.data;
  }

  async now(): Promise<number> {
    return this.#clock.now();
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    return ids.map((id) => this.#documents.get(id));
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    { due, lease }: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    const before = this.#documents.get(id)?.version ?? 0;
    if (before !== expected) return undefined;
    const least = this.#versions === 'counted' ? 0 : this.#clock.now() * 1_000;
    const version = Math.max(before + 1, (this.#deleted.get(id) ?? 0) + 1, least);
    this.#documents.set(id, { id, version, data: structuredClone(data), ...(due === undefined ? {} : { due }) });
    await lease?.release();
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    if (expected === 0 || this.#documents.get(id)?.version !== expected) return false;
    this.#documents.delete(id);
    this.#deleted.set(id, expected + 1);
    return true;
  }

  async *list(prefix: string, { after = '', limit = Number.POSITIVE_INFINITY } = {}): AsyncIterable<StoredDocument> {
    const isListed = (id: string): boolean => (id === prefix || id.startsWith(`${prefix}/`)) && id > after;
    const found = [...this.#documents.values()].filter(({ id }) => isListed(id));
    yield* found.sort((left, right) => (left.id < right.id ? -1 : 1)).slice(0, limit);
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    const now = this.#clock.now();
    if ((this.#leases.get(id)?.until ?? 0) > now) return undefined;
    const held = { until: now + ttlMs };
    this.#leases.set(id, held);
    const release = async (): Promise<void> => {
      if (this.#leases.get(id) === held) this.#leases.delete(id);
    };
    return { id, document: this.#documents.get(id), release };
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#watchers.add(changed);
    return async () => void this.#watchers.delete(changed);
  }

  async close(): Promise<void> {}

  async #claimDue(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]> {
    const leases: Lease[] = [];
    for (const { id, due } of [...this.#documents.values()]) {
      if (due === undefined || !lanes.includes(due.lane) || due.at > this.#clock.now()) continue;
      const lease = leases.length < limit ? await this.lease(id, ttlMs) : undefined;
      if (lease !== undefined) leases.push(lease);
    }
    return leases;
  }
}
