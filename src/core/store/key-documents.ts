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
  /** Whether the key has a task, so that the schedule has to know of it. One that the schedule knows of stays there. */
  readonly hadTask: boolean;
  /** The instant at which the key is due next, where the schedule knows of it. */
  readonly dueAt: number;
  /** Released by the same write, if that succeeds. */
  readonly lease?: Lease | undefined;
}

/**
 * Reads and writes the documents of keys. A grant that was got for a registration before the present one is hidden; its refresh
 * token is not, because it may be the only good one: a registration that failed half-way, or was damaged or evicted by the store,
 * has been replaced by one with another mark as well.
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
   * Returns what the store has of a key.
   *
   * @throws what {@link DocumentReader} throws; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async read(key: TokenKey): Promise<KeyDocument> {
    const [stored] = await this.#store.get([documentId('key', key)]);
    return this.decode(key, stored);
  }

  /**
   * Decodes the document of a key that was read already, and hides a grant of an earlier registration.
   *
   * @param decoded - the same document, where it was decoded before: by now its grant may be of an earlier registration.
   * @throws what {@link DocumentReader} throws; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async decode(key: TokenKey, stored: StoredDocument | undefined, decoded?: KeyDocument): Promise<KeyDocument> {
    // A grant that was hidden then may be one of the present registration now.
    const isDecoded = decoded !== undefined && decoded.hidden === undefined;
    const document = isDecoded ? decoded : await this.#reader.read(stored, readKeyDocument);
    if (this.#isOfWhatIsRegistered(key, document)) return document;
    // The record may belong to a registration that this process has not heard of yet.
    await Promise.all(registrationIds(key).map((id) => this.#registry.reload(id)));
    return this.#isOfWhatIsRegistered(key, document) ? document : hideGrant(document);
  }

  /**
   * Replaces this version of a document, with the grant and the state of trying that it has.
   *
   * @returns the new version; `undefined` where another process was first.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  save(key: TokenKey, document: KeyDocument, options: SaveOptions): Promise<number | undefined> {
    return this.#write(key, document, contentWithRetryState(document, document.trying), options);
  }

  /**
   * Replaces this version of a document with one that has a new grant, which ends all trying and answers all reports.
   *
   * @returns the new version, which is that of the record too; `undefined` where another process was first.
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
