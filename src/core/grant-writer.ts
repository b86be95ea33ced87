import { seal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import { isTokenError, TokenError } from './errors.js';
import type { RefreshedEvent } from './events.js';
import {
  contentWithGrant,
  contentWithTrying,
  type KeyDocument,
  readKeyDocument,
  type StoredGrant,
} from './key-document.js';
import type { CachedRecord } from './record-cache.js';
import type { Records } from './records.js';
import { dueAfterOverlapAt, dueAgainAt, FUTURE_TOLERANCE_MS, repeats } from './refresh-policy.js';
import type { Due, Lease } from './store.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';
import { appDocumentId, documentId, keyId, type TokenKey } from './token-key.js';

export interface WriteOptions {
  readonly source: RefreshedEvent['source'];
  readonly reason?: RefreshedEvent['reason'];
  readonly lease?: Lease;
  /** Whether the key had a task when the grant was asked for. */
  readonly hadTask: boolean;
}

const MAX_ROUNDS = 5;

/** Writes grants with compare-and-set and puts in force whatever the store holds in the end. */
export class GrantWriter {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #records: Records;
  readonly #clock: StoreClock;
  readonly #writing = new Map<string, Promise<void>>();

  constructor(store: SupervisedStore, reader: DocumentReader, records: Records, clock: StoreClock) {
    this.#store = store;
    this.#reader = reader;
    this.#records = records;
    this.#clock = clock;
  }

  /**
   * @param before - the document that the write is to replace.
   * @returns the record in force: this one, or one that was stored meanwhile and is newer.
   * @throws a `TokenError`: `STORE_UNAVAILABLE`, or `NOT_REGISTERED` when the registration has gone meanwhile.
   */
  write(key: TokenKey, before: KeyDocument, grant: StoredGrant, options: WriteOptions): Promise<CachedRecord> {
    const writing = this.#write(key, before, grant, options);
    const settled = writing.then(noop, noop).then(() => {
      if (this.#writing.get(keyId(key)) === settled) this.#writing.delete(keyId(key));
    });
    this.#writing.set(keyId(key), settled);
    return writing;
  }

  /** Resolves when no write of the key is under way here: what the store tells of it before is no news. */
  async idle(key: TokenKey): Promise<void> {
    await this.#writing.get(keyId(key));
  }

  async read(key: TokenKey): Promise<KeyDocument> {
    const [stored] = await this.#store.get([documentId('key', key)]);
    return this.#reader.read(stored, readKeyDocument);
  }

  async #write(key: TokenKey, before: KeyDocument, grant: StoredGrant, given: WriteOptions): Promise<CachedRecord> {
    const id = documentId('key', key);
    let document = before;
    let options = given;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const current = document.grant;
      if (current !== undefined && this.#repeats(current, grant)) return this.#keep(key, document, current, options);
      const version = await this.#store.set(
        id,
        seal(id, contentWithGrant(document, grant)),
        document.version,
        setOptions(key, grant.dueAt, options),
      );
      if (version !== undefined) return this.#publish(key, version, grant, options);
      if (options.lease !== undefined) await this.#store.release(options.lease);
      options = withoutLease(options);
      document = await this.read(key);
      if (document.grant !== undefined && document.grant.obtainedAt >= grant.obtainedAt) {
        return this.#yieldTo(key, document, document.grant, grant, options);
      }
      if (!(await this.#isRegistered(key, options.hadTask))) throw notRegistered(key);
    }
    throw new TokenError('STORE_UNAVAILABLE', 'the stored record is being changed by others all the time', {
      ...key,
      retryable: true,
    });
  }

  #repeats(current: StoredGrant, grant: StoredGrant): boolean {
    return repeats(current, grant) && current.obtainedAt <= this.#clock.now() + FUTURE_TOLERANCE_MS;
  }

  /** The answer did not extend the token in force: the record stays; WeChat is asked again before it ends. */
  async #keep(
    key: TokenKey,
    document: KeyDocument,
    current: StoredGrant,
    options: WriteOptions,
  ): Promise<CachedRecord> {
    if (options.source !== 'upstream') {
      return this.#records.adopt(key, document, current, { source: 'store', announceFirst: options.hadTask });
    }
    const grant = { ...current, dueAt: dueAgainAt(current, this.#clock.now()) };
    const moved = await this.#moveDue(key, { ...document, grant }, grant, options);
    return this.#records.adopt(key, moved, moved.grant ?? grant, { source: 'store', announceFirst: options.hadTask });
  }

  /** A newer answer was stored while ours was under way, so nobody knows which of the two WeChat holds for current. */
  async #yieldTo(
    key: TokenKey,
    document: KeyDocument,
    winner: StoredGrant,
    ours: StoredGrant,
    options: WriteOptions,
  ): Promise<CachedRecord> {
    const dueSoonAt = dueAfterOverlapAt(winner, this.#clock.now());
    const overlapped = options.source === 'upstream' && winner.value !== ours.value && dueSoonAt < winner.dueAt;
    const grant = overlapped ? { ...winner, dueAt: dueSoonAt } : winner;
    const stored = overlapped ? await this.#moveDue(key, { ...document, grant }, grant, options) : document;
    return this.#records.adopt(key, stored, stored.grant ?? grant, { source: 'store', announceFirst: options.hadTask });
  }

  async #moveDue(
    key: TokenKey,
    document: KeyDocument,
    grant: StoredGrant,
    options: WriteOptions,
  ): Promise<KeyDocument> {
    const id = documentId('key', key);
    const content = seal(id, contentWithTrying(document, undefined));
    const version = await this.#store.set(id, content, document.version, setOptions(key, grant.dueAt, options));
    if (version !== undefined) return { ...document, version };
    if (options.lease !== undefined) await this.#store.release(options.lease);
    return this.read(key);
  }

  async #publish(key: TokenKey, version: number, grant: StoredGrant, options: WriteOptions): Promise<CachedRecord> {
    if (!(await this.#isRegistered(key, options.hadTask))) {
      await this.#store.delete(documentId('key', key), version);
      this.#records.cache.delete(key);
      throw notRegistered(key);
    }
    const { source, reason } = options;
    const document: KeyDocument = { version, recordVersion: version, grant, unknown: {} };
    this.#records.cache.clearFailure(key);
    return this.#records.adopt(key, document, grant, { source, reason, announceFirst: true });
  }

  /** Whoever unregisters deletes the key's document; a refresh that was under way must not bring it back. */
  async #isRegistered(key: TokenKey, hadTask: boolean): Promise<boolean> {
    const ids = [appDocumentId(key.appid), ...(hadTask ? [documentId('task', key)] : [])];
    try {
      return (await this.#store.get(ids)).every((document) => document !== undefined);
    } catch (error) {
      if (isTokenError(error)) return true;
      throw error;
    }
  }
}

function setOptions(key: TokenKey, at: number, options: WriteOptions): { due?: Due; lease?: Lease } {
  return {
    ...(options.hadTask ? { due: { lane: key.type, at } } : {}),
    ...(options.lease === undefined ? {} : { lease: options.lease }),
  };
}

function noop(): void {}

function withoutLease({ lease: _lease, ...options }: WriteOptions): WriteOptions {
  return options;
}

function notRegistered(key: TokenKey): TokenError {
  return new TokenError('NOT_REGISTERED', `${key.appid} was unregistered while its ${key.type} was refreshed`, key);
}
