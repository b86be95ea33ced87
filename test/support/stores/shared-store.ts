import type { StoredDocument, TokenStore } from '../../../src/index.js';

/** Returns the same store for several managers, as several processes share one: closing one of them leaves it open. */
export function shared(store: TokenStore): TokenStore {
  return {
    now: () => store.now(),
    get: (ids) => store.get(ids),
    set: (id, data, expected, options) => store.set(id, data, expected, options),
    delete: (id, expected) => store.delete(id, expected),
    list: (prefix, options) => store.list(prefix, options),
    lease: (id, ttlMs) => store.lease(id, ttlMs),
    ...(store.claimDue === undefined
      ? {}
      : { claimDue: async (lanes, limit, ttlMs) => (await store.claimDue?.(lanes, limit, ttlMs)) ?? [] }),
    ...(store.watch === undefined
      ? {}
      : { watch: async (changed) => (await store.watch?.(changed)) ?? (async () => {}) }),
    close: async () => {},
  };
}

/** Wraps a store, whose methods count their calls and fail as a test says. */
export class FaultyStore implements TokenStore {
  readonly calls: string[] = [];
  /** A function that is called before each command; it may throw, or return a promise that delays it. */
  before: (method: string, id: string | undefined) => void | Promise<void> = () => {};
  /** A function that is called after a listing was read and before it is returned, so that it is out of date by then. */
  afterList: (prefix: string) => void | Promise<void> = () => {};
  /** A function that is called after documents were read and before they are returned, so that they are out of date by then. */
  afterGet: () => void | Promise<void> = () => {};
  /** A function that is called after a document was written and before that is reported. */
  afterSet: (id: string) => void | Promise<void> = () => {};
  /** The claim method; it exists where the store has one. */
  declare readonly claimDue?: NonNullable<TokenStore['claimDue']>;
  readonly #store: TokenStore;

  constructor(store: TokenStore) {
    this.#store = store;
    if (store.claimDue === undefined) return;
    this.claimDue = (lanes, limit, ttlMs) =>
      this.#run('claimDue', undefined, async () => (await store.claimDue?.(lanes, limit, ttlMs)) ?? []);
  }

  now(): Promise<number> {
    return this.#run('now', undefined, () => this.#store.now());
  }

  get(ids: readonly string[]): ReturnType<TokenStore['get']> {
    return this.#run('get', ids[0], async () => {
      const documents = await this.#store.get(ids);
      await this.afterGet();
      return documents;
    });
  }

  set(...args: Parameters<TokenStore['set']>): ReturnType<TokenStore['set']> {
    return this.#run('set', args[0], async () => {
      const version = await this.#store.set(...args);
      await this.afterSet(args[0]);
      return version;
    });
  }

  delete(...args: Parameters<TokenStore['delete']>): ReturnType<TokenStore['delete']> {
    return this.#run('delete', args[0], () => this.#store.delete(...args));
  }

  async *list(...args: Parameters<TokenStore['list']>): ReturnType<TokenStore['list']> {
    await this.#run('list', args[0], async () => {});
    const documents: StoredDocument[] = [];
    for await (const document of this.#store.list(...args)) documents.push(document);
    await this.afterList(args[0]);
    yield* documents;
  }

  lease(...args: Parameters<TokenStore['lease']>): ReturnType<TokenStore['lease']> {
    return this.#run('lease', args[0], () => this.#store.lease(...args));
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    return (await this.#run('watch', undefined, async () => this.#store.watch?.(changed))) ?? (async () => {});
  }

  close(): Promise<void> {
    return this.#run('close', undefined, () => this.#store.close());
  }

  async #run<Result>(method: string, id: string | undefined, work: () => Promise<Result>): Promise<Result> {
    this.calls.push(method);
    await this.before(method, id);
    return work();
  }
}
