// #region custom-store
import type { Due, JsonObject, Lease, StoredDocument, TokenStore } from 'wechat-token-manager';

type SetOptions = { readonly due?: Due; readonly lease?: Lease };

/** The data of a store. Here it is in memory; yours is a database, and each method is one atomic command of it. */
export class Table {
  readonly rows = new Map<string, StoredDocument>();
  readonly leases = new Map<string, number>();
  lastVersion = 0;
}

export class TableStore implements TokenStore {
  readonly #table: Table;
  #isClosed = false;

  constructor(table: Table) {
    this.#table = table;
  }

  /** The database's clock, which all of its users share. */
  async now(): Promise<number> {
    this.#assertOpen();
    return Date.now();
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    this.#assertOpen();
    return ids.map((id) => structuredClone(this.#table.rows.get(id)));
  }

  /** Writes only if `expected` is still the version: an older answer never replaces a newer one. */
  async set(id: string, data: JsonObject, expected: number, options: SetOptions = {}): Promise<number | undefined> {
    this.#assertOpen();
    const { due, lease } = options;
    if ((this.#table.rows.get(id)?.version ?? 0) !== expected) return undefined;
    const version = this.#nextVersion();
    this.#table.rows.set(id, structuredClone({ id, version, data, ...(due === undefined ? {} : { due }) }));
    await lease?.release();
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    this.#assertOpen();
    return this.#table.rows.get(id)?.version === expected && this.#table.rows.delete(id);
  }

  async *list(prefix: string, options: { after?: string; limit?: number } = {}): AsyncGenerator<StoredDocument> {
    this.#assertOpen();
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    const isListed = (id: string): boolean => (id === prefix || id.startsWith(`${prefix}/`)) && id > after;
    let left = limit;
    for (const id of [...this.#table.rows.keys()].filter(isListed).sort()) {
      const document = structuredClone(this.#table.rows.get(id));
      if (document === undefined) continue;
      if (left-- <= 0) return;
      yield document;
    }
  }

  /** Grants the right to refresh one key for `ttlMs`; returns `undefined` while another process holds it. */
  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    this.#assertOpen();
    const { leases, rows } = this.#table;
    if ((leases.get(id) ?? 0) > Date.now()) return undefined;
    const lapsesAt = Date.now() + ttlMs + Math.random(); // tells this lease from the next one
    leases.set(id, lapsesAt);
    const release = async (): Promise<void> => {
      if (leases.get(id) === lapsesAt) leases.delete(id);
    };
    return { id, document: structuredClone(rows.get(id)), release };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** Greater than any version before, of deleted documents too. */
  #nextVersion(): number {
    this.#table.lastVersion = Math.max(this.#table.lastVersion + 1, Date.now() * 1_000);
    return this.#table.lastVersion;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error('the store is closed');
  }
}
// #endregion
