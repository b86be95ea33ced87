import type { JsonObject } from '../primitives/json.js';

/**
 * A document that a store remembers under one id.
 *
 * @public
 */
export interface StoredDocument {
  /** The id of the document, such as `key/wx0123456789abcdef/access_token`. */
  readonly id: string;
  /**
   * Greater than any version that this id ever had, across deletes and failovers.
   */
  readonly version: number;
  /** The content of the document. */
  readonly data: JsonObject;
  /** The instant at which it is due, and its lane. */
  readonly due?: Due;
}

/**
 * The instant at which a document is due next, and its lane. They stand beside the data, in the clear, so that a store can
 * index them.
 *
 * @public
 */
export interface Due {
  /** The type's name, or `deliver`. */
  readonly lane: string;
  /** Epoch milliseconds on the store's clock. */
  readonly at: number;
}

/**
 * A time-limited exclusive right to refresh a key.
 *
 * @public
 */
export interface Lease {
  /** The id of the document that it was taken for. */
  readonly id: string;
  /** The document, read as the lease was granted. */
  readonly document: StoredDocument | undefined;
  /** Releases the lease. Harmless when it has expired, has passed to another holder, or was released before. */
  release(): Promise<void>;
}

/**
 * A small versioned key-value store in which everything is remembered.
 *
 * An implementation is done when it passes `testTokenStore` from `wechat-token-manager/testing`. A method fails by
 * rejecting; whatever it rejects with reaches the caller as the `cause` of a `TokenError` with code
 * `STORE_UNAVAILABLE`. One store object belongs to one manager, which closes it.
 *
 * Ids are 2 to 4 segments joined by `/`; a segment is 1 to 384 printable ASCII characters without `/` and space.
 *
 * @public
 */
export interface TokenStore {
  /** Returns the time of the store's clock, which all users of the store share, in epoch milliseconds. */
  now(): Promise<number>;
  /** Returns the documents with these ids, in their order; `undefined` for an absent one. One round trip. */
  get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]>;
  /**
   * Writes a document by compare-and-set. Durable when it resolves.
   *
   * @param expected - the version that is to be replaced; 0 means that the document must not exist.
   * @param options - `due` replaces the stored one (absent: the document has none any more); `lease` is released by the
   *   same write, and only by a write that succeeds.
   * @returns the new version, or `undefined` when another version is stored and nothing was written.
   */
  set(
    id: string,
    data: JsonObject,
    expected: number,
    options?: { readonly due?: Due; readonly lease?: Lease },
  ): Promise<number | undefined>;
  /**
   * Deletes the document if `expected` is its version.
   *
   * @returns whether it was deleted.
   */
  delete(id: string, expected: number): Promise<boolean>;
  /**
   * Yields the documents whose leading segments are those of `prefix` (whole segments: `task/wx1` is not a prefix of
   * `task/wx12`), each once, in an order that the store chooses and keeps.
   *
   * @param options - `after`: an id; only what follows it in that order, whether or not it still exists. `limit`: at most
   *   that many.
   */
  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): AsyncIterable<StoredDocument>;
  /**
   * Takes the lease of an id, whether or not a document exists there, for `ttlMs` on the store's clock. A store whose clock may
   * be set back treats a lease that ends more than twice `ttlMs` ahead (at least a minute) as free.
   *
   * @returns `undefined` when another holder has it.
   */
  lease(id: string, ttlMs: number): Promise<Lease | undefined>;
  /**
   * Takes the leases of at most `limit` documents that are due in one of `lanes`, earliest first. Offered by stores that
   * index what is due.
   */
  claimDue?(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]>;
  /**
   * Notifies of changed documents, including those that this process has changed. Notifications may be lost.
   *
   * @param changed - called with the id of a changed document; with `undefined` when messages may have been lost and
   *   everything should be looked at.
   * @returns a function that ends the watch.
   */
  watch?(changed: (id: string | undefined) => void): Promise<() => Promise<void>>;
  /** Releases what the store opened. Afterwards every method rejects. */
  close(): Promise<void>;
}

/** The methods that every store has. */
export const STORE_METHODS: readonly (keyof TokenStore)[] = ['now', 'get', 'set', 'delete', 'list', 'lease', 'close'];

/**
 * A listener to which the stores of this package also pass the version if they know it, which saves reads of documents
 * that are known already.
 */
export type ChangeListener = (id: string | undefined, version?: number) => void;

/**
 * The options of `list` as the core passes them. Stores of this package call `progressed` while they skip deleted
 * documents, to show that they are at work although they yield nothing meanwhile. Other stores ignore it.
 */
export interface ListOptions {
  readonly after?: string;
  readonly limit?: number;
  readonly progressed?: () => void;
}
