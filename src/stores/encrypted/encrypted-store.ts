import { type Due, type Lease, STORE_METHODS, type StoredDocument, type TokenStore } from '../../core/model/store.js';
import { DOCUMENT_KINDS } from '../../core/model/token-key.js';
import { assertMethods, readFields } from '../../core/primitives/assert-options.js';
import type { JsonObject } from '../../core/primitives/json.js';
import { describeWord } from '../../core/primitives/redact.js';
import { DocumentCipher, isUnreadable } from './document-cipher.js';
import { type EncryptionKey, EncryptionKeys } from './encryption-keys.js';

/**
 * The options of `new EncryptedStore(store, options)`.
 *
 * @public
 */
export interface EncryptedStoreOptions {
  /**
   * The keys: the first encrypts, all of them decrypt.
   *
   * To change the key while old and new processes run side by side, go from `[old]` to `[old, new]` and then to
   * `[new, old]`, each time everywhere before the next step; then call `reencrypt` once, and drop `old`.
   *
   * @bounds at least one, all different, of 32 bytes each: `Uint8Array`, 64 hex digits, or base64
   */
  readonly keys: readonly EncryptionKey[];
  /**
   * Whether documents that are not encrypted are read as they are, to move a store that has some.
   *
   * Each of them is encrypted when it is next written, or by `reencrypt`. Write access to the store is then enough to plant
   * documents, so remove the option again.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly acceptPlaintext?: boolean;
}

/**
 * Encrypts what another store remembers, with AES-256-GCM: secrets, tokens and the names of fields never reach it.
 *
 * Ids, versions and dues, by which the other store works, are not encrypted, and neither is the approximate length of a
 * document. A document cannot be changed unnoticed, nor pass for another; a rollback to an older state of the same
 * document is not detected. A key is good for 4 billion writes.
 *
 * A document that cannot be decrypted is never absent: it comes with its id, version and due, and
 * `{ unreadable: reason }` as its data. The manager fails what needs it with `STORE_UNAVAILABLE`, leaves the rest alone,
 * and overwrites nothing, so that it is all there again once the missing key is.
 *
 * Methods reject as those of the other store do, which is closed with this one. A `MemoryStore` in it goes by the system's
 * clock unless it is given another.
 *
 * @example
 * ```ts
 * const key = process.env.WECHAT_TOKENS_KEY ?? '';
 * const store = new EncryptedStore(new FileStore('./wechat-tokens'), { keys: [key] });
 * const tokens = new TokenManager({ store });
 * ```
 *
 * @public
 */
export class EncryptedStore implements TokenStore {
  /** Does what the other store does; absent when that has none. */
  declare readonly claimDue?: (lanes: readonly string[], limit: number, ttlMs: number) => Promise<Lease[]>;
  /** Does what the other store does; absent when that has none. */
  declare readonly watch?: (changed: (id: string | undefined) => void) => Promise<() => Promise<void>>;
  readonly #store: TokenStore;
  readonly #cipher: DocumentCipher;
  /** The lease of the inner store for each lease that was handed out, because the inner store may only accept its own. */
  readonly #leases = new WeakMap<Lease, Lease>();

  /**
   * @param store - where the encrypted documents are kept. This store owns it and closes it.
   * @throws TypeError naming the option, what it must be and what came; of a key only its kind and length.
   */
  constructor(store: TokenStore, options: EncryptedStoreOptions) {
    assertMethods('store', store, STORE_METHODS);
    const names = ['keys', 'acceptPlaintext'] as const;
    const { keys, acceptPlaintext = false } = readFields<EncryptedStoreOptions>(
      options,
      names,
      'the options of EncryptedStore',
    );
    if (typeof acceptPlaintext !== 'boolean') {
      throw new TypeError(`acceptPlaintext must be true or false, got ${describeWord(acceptPlaintext)}`);
    }
    this.#store = store;
    this.#cipher = new DocumentCipher(new EncryptionKeys(keys), acceptPlaintext);
    const { claimDue, watch } = store;
    if (claimDue !== undefined) {
      this.claimDue = async (lanes, limit, ttlMs) => {
        const leases = await claimDue.call(store, lanes, limit, ttlMs);
        return leases.map((lease) => this.#decryptLease(lease));
      };
    }
    if (watch !== undefined) this.watch = async (changed) => watch.call(store, changed);
  }

  async now(): Promise<number> {
    return this.#store.now();
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    const documents = await this.#store.get(ids);
    return documents.map((document) => document && this.#decrypt(document));
  }

  /**
   * Rejects with a TypeError for data that stands for what could not be read: written, it would take its place.
   */
  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    if (isUnreadable(data))
      throw new TypeError(`data must be the data of a readable document, got an unreadable one: ${id}`);
    const { lease } = options;
    const own = lease === undefined ? options : { ...options, lease: this.#leases.get(lease) ?? lease };
    return this.#store.set(id, this.#cipher.encrypt(id, data), expected, own);
  }

  async delete(id: string, expected: number): Promise<boolean> {
    return this.#store.delete(id, expected);
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): AsyncGenerator<StoredDocument, void, undefined> {
    for await (const document of this.#store.list(prefix, options)) yield this.#decrypt(document);
  }

  /**
   * Encrypts every document with the first key that is not encrypted with it yet, so that the other keys can be dropped, and `acceptPlaintext` too. Call it
   * once, when every process has that key first; it may be called again.
   *
   * A `FileStore` keeps the last three versions of a document, so that what was there before stays on its disk until it has
   * been written three times more.
   *
   * @returns how many documents could not be read; they are left as they are.
   * @throws whatever the store fails with.
   */
  async reencrypt(): Promise<number> {
    let unread = 0;
    for (const kind of DOCUMENT_KINDS) {
      for await (const { id, version, data, due } of this.#store.list(kind)) {
        if (this.#cipher.isCurrent(data)) continue;
        const plain = this.#cipher.decrypt(id, data);
        if (isUnreadable(plain)) unread += 1;
        else await this.set(id, plain, version, due === undefined ? {} : { due });
      }
    }
    return unread;
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    const lease = await this.#store.lease(id, ttlMs);
    return lease && this.#decryptLease(lease);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #decrypt(document: StoredDocument): StoredDocument {
    return { ...document, data: this.#cipher.decrypt(document.id, document.data) };
  }

  #decryptLease(lease: Lease): Lease {
    const { id, document } = lease;
    const decrypted: Lease = {
      id,
      document: document && this.#decrypt(document),
      release: () => lease.release(),
    };
    this.#leases.set(decrypted, lease);
    return decrypted;
  }
}
