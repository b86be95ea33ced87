import { belongsTo } from '../model/enrolment.js';
import type { Registrations } from '../model/registrations.js';
import type { StoredDocument } from '../model/store.js';
import { registrationIds, type TokenKey } from '../model/token-key.js';
import type { DocumentReader } from '../store/document-reader.js';
import { type KeyDocument, readKeyDocument } from '../store/key-document.js';

/**
 * Reads the documents of keys. A grant that was got for a registration before the present one is hidden; its refresh token is
 * not, because it may be the only good one: a registration that failed half-way, or was damaged or evicted by the store, has
 * been replaced by one with another mark as well.
 */
export class KeyReader {
  readonly #reader: DocumentReader;
  readonly #registry: Registrations;

  constructor(reader: DocumentReader, registry: Registrations) {
    this.#reader = reader;
    this.#registry = registry;
  }

  /**
   * Reads the document of a key, and hides a grant of an earlier registration.
   *
   * @throws what a {@link DocumentReader} throws; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async read(key: TokenKey, stored: StoredDocument | undefined): Promise<KeyDocument> {
    const document = await this.#reader.read(stored, readKeyDocument);
    if (this.#isOfWhatIsRegistered(key, document)) return document;
    // The record may belong to a registration that this process has not heard of yet.
    await Promise.all(registrationIds(key).map((id) => this.#registry.reload(id)));
    return this.#isOfWhatIsRegistered(key, document) ? document : hideGrant(document);
  }

  #isOfWhatIsRegistered(key: TokenKey, { enrolment }: KeyDocument): boolean {
    if (enrolment === undefined || !this.#registry.knows(key.appid)) return true;
    return belongsTo(enrolment, this.#registry.enrolment(key));
  }
}

function hideGrant({ grant, ...document }: KeyDocument): KeyDocument {
  return grant === undefined ? document : { ...document, hidden: grant };
}
