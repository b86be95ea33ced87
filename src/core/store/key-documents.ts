import { belongsTo } from '../model/enrolment.js';
import type { Registrations } from '../model/registrations.js';
import type { Lease, StoredDocument } from '../model/store.js';
import { documentId, registrationIds, type TokenKey } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import { seal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import {
  contentWithGrant,
  contentWithRetryState,
  type KeyDocument,
  readKeyDocument,
  type StoredGrant,
  withDue,
} from './key-document.js';
import type { SupervisedStore } from './supervised-store.js';

export interface SaveOptions {
  /** Whether the key has a task, and so belongs in the schedule. A key that is in the schedule already stays there. */
  readonly hadTask: boolean;
  /** The next due of the key, if it is in the schedule. */
  readonly dueAt: number;
  /** The lease that is released by the same write, if the write succeeds. */
  readonly lease?: Lease | undefined;
}

/**
 * Reads and writes the documents of keys. A grant that was obtained for an earlier registration is hidden. Its refresh
 * token is not, because it may be the only valid one: the mark of a registration also changes when a registration
 * failed half-way, or when its document was damaged or evicted by the store.
 */
export class KeyDocuments {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #registry: Registrations;

  constructor(store: SupervisedStore, reader: DocumentReader, registry: Registrations) {
    this.#store = store;
    this.#reader = reader;
    this.#registry = registry;
  }

  /**
   * Reads the state of a key.
   *
   * @throws what {@link DocumentReader} throws; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async read(key: TokenKey): Promise<KeyDocument> {
    const [stored] = await this.#store.get([documentId('key', key)]);
    return this.decode(key, stored);
  }

  /**
   * Decodes a document that has already been read, and hides a grant of an earlier registration.
   *
   * @param decoded - the same document, if it was decoded before; its grant is checked again, because the registration
   *   may have changed since.
   * @throws what {@link DocumentReader} throws; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async decode(key: TokenKey, stored: StoredDocument | undefined, decoded?: KeyDocument): Promise<KeyDocument> {
    // A document with a hidden grant is decoded again, because the grant may belong to the present registration now.
    const isDecoded = decoded !== undefined && decoded.hidden === undefined;
    const document = isDecoded ? decoded : await this.#reader.read(stored, readKeyDocument);
    if (this.#isOfWhatIsRegistered(key, document)) return document;
    // The record may belong to a registration that this process has not read yet.
    await Promise.all(registrationIds(key).map((id) => this.#registry.reload(id)));
    return this.#isOfWhatIsRegistered(key, document) ? document : hideGrant(document);
  }

  /**
   * Replaces this version of a document, with the grant and the retry state of `document`.
   *
   * @returns the new version; `undefined` if another process has written first.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  save(key: TokenKey, document: KeyDocument, options: SaveOptions): Promise<number | undefined> {
    return this.#write(key, document, contentWithRetryState(document, document.trying), options);
  }

  /**
   * Replaces this version of a document with one that has a new grant, and neither a retry state nor a report.
   *
   * @returns the new version, which is also that of the record; `undefined` if another process has written first.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  saveGrant(key: TokenKey, before: KeyDocument, grant: StoredGrant, options: SaveOptions): Promise<number | undefined> {
    return this.#write(key, before, contentWithGrant(before, grant), options);
  }

  #write(
    key: TokenKey,
    document: KeyDocument,
    content: JsonObject,
    { hadTask, dueAt, lease }: SaveOptions,
  ): Promise<number | undefined> {
    const id = documentId('key', key);
    const due = withDue(key, document, hadTask, dueAt);
    return this.#store.set(id, seal(id, content), document.version, lease === undefined ? due : { ...due, lease });
  }

  #isOfWhatIsRegistered(key: TokenKey, { enrolment }: KeyDocument): boolean {
    if (enrolment === undefined || !this.#registry.hasApp(key.appid)) return true;
    return belongsTo(enrolment, this.#registry.enrolment(key));
  }
}

function hideGrant({ grant, ...document }: KeyDocument): KeyDocument {
  return grant === undefined ? document : { ...document, hidden: grant };
}
