import { type Clock, systemClock } from '../core/concurrency/clock.js';
import type { ChangeListener, Due, Lease, StoredDocument, TokenStore } from '../core/model/store.js';
import { readFields } from '../core/primitives/assert-options.js';
import type { JsonObject, JsonValue } from '../core/primitives/json.js';
import { StoreFailure } from '../core/primitives/store-failure.js';
import { farthestLeaseEndMs } from './lease-end.js';

/**
 * The options of `new MemoryStore(options)`.
 *
 * @public
 */
export interface MemoryStoreOptions {
  /**
   * The clock of the store.
   *
   * @defaultValue the clock of the manager that the store is given to, else {@link systemClock}
   */
  readonly clock?: Clock;
}

interface Holding {
  readonly expiresAt: number;
}

const MICROSECONDS_PER_MS = 1000;

/**
 * Keeps documents in the memory of this process: nothing survives it, and no other process sees it.
 *
 * Data is copied when it is written; data that is read is frozen and not copied. It has no limit of its own; a lease lasts
 * until it is released or expires by the clock.
 *
 * @example
 * ```ts
 * const tokens = new TokenManager({ store: new MemoryStore() });
 * ```
 *
 * @public
 */
export class MemoryStore implements TokenStore {
  #clock: Clock;
  readonly #hasOwnClock: boolean;
  #closed = false;
  #lastVersion = 0;
  readonly #documents = new Map<string, StoredDocument>();
  readonly #leases = new Map<string, Holding>();
  readonly #watchers = new Set<ChangeListener>();

  constructor(options: MemoryStoreOptions = {}) {
    const { clock } = readFields<MemoryStoreOptions>(options, ['clock'], 'the options of MemoryStore');
    this.#hasOwnClock = clock !== undefined;
    this.#clock = clock ?? systemClock;
  }

  /**
   * Goes by this clock from now on, unless the store was constructed with one of its own.
   *
   * @internal
   */
  adoptClock(clock: Clock): void {
    if (!this.#hasOwnClock) this.#clock = clock;
  }

  async now(): Promise<number> {
    this.#assertOpen();
    return this.#clock.now();
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    this.#assertOpen();
    return ids.map((id) => this.#documents.get(id));
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    this.#assertOpen();
    if (!this.#matches(id, expected)) return undefined;
    const { due, lease } = options;
    const version = Math.max(this.#lastVersion + 1, Math.floor(this.#clock.now() * MICROSECONDS_PER_MS));
    this.#lastVersion = version;
    const copy = frozenCopy(data) as JsonObject;
    this.#documents.set(
      id,
      Object.freeze(due === undefined ? { id, version, data: copy } : { id, version, data: copy, due: frozenDue(due) }),
    );
    await lease?.release();
    this.#tell(id, version);
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    this.#assertOpen();
    if (expected === 0 || !this.#matches(id, expected)) return false;
    this.#documents.delete(id);
    this.#tell(id);
    return true;
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): AsyncGenerator<StoredDocument, void, undefined> {
    this.#assertOpen();
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    const below = `${prefix}/`;
    const ids = [...this.#documents.keys()]
      .filter((id) => (id === prefix || id.startsWith(below)) && id > after)
      .sort();
    let left = limit;
    for (const id of ids) {
      if (left <= 0) return;
      this.#assertOpen();
      const document = this.#documents.get(id);
      if (document === undefined) continue;
      left -= 1;
      yield document;
    }
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    this.#assertOpen();
    const now = this.#clock.now();
    const held = this.#leases.get(id);
    const isHeld = held !== undefined && held.expiresAt > now && held.expiresAt <= now + farthestLeaseEndMs(ttlMs);
    if (isHeld) return undefined;
    const holding: Holding = { expiresAt: now + ttlMs };
    this.#leases.set(id, holding);
    return {
      id,
      document: this.#documents.get(id),
      release: async () => {
        if (this.#leases.get(id) === holding) this.#leases.delete(id);
      },
    };
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#assertOpen();
    const tell: ChangeListener = changed;
    const watcher: ChangeListener = (id, version) => tell(id, version);
    this.#watchers.add(watcher);
    return async () => {
      this.#watchers.delete(watcher);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watchers.clear();
    this.#documents.clear();
    this.#leases.clear();
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreFailure('the store is closed');
  }

  #matches(id: string, expected: number): boolean {
    return (this.#documents.get(id)?.version ?? 0) === expected;
  }

  #tell(id: string, version?: number): void {
    for (const watcher of this.#watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher(id, version);
      });
    }
  }
}

function frozenDue({ lane, at }: Due): Due {
  return Object.freeze({ lane, at });
}

/**
 * Copies an object member by member. A frozen copy that was made by spreading would get its own shape in V8, which takes
 * several times the memory of the copy.
 */
function frozenCopy(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((item) => frozenCopy(item) as JsonValue)) as JsonValue[];
  const members = Object.entries(value).map(([name, member]) => [name, frozenCopy(member)] as const);
  return Object.freeze(Object.fromEntries(members)) as JsonObject;
}
