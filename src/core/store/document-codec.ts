import { TokenError } from '../model/errors.js';
import type { StoredDocument } from '../model/store.js';
import { canonicalJson, checksum } from '../primitives/checksum.js';
import type { JsonObject } from '../primitives/json.js';

const FORMAT = 1;

/** Reports a damaged document, whose checksum is missing or does not match. */
export class DamagedDocument extends Error {
  readonly document: StoredDocument;

  constructor(document: StoredDocument) {
    super(`the stored document ${document.id} is damaged`);
    this.document = document;
  }
}

/**
 * Returns the data that a store returns for a document that it has but cannot read, such as one whose encryption key is
 * lost.
 */
export function unreadable(reason: string): JsonObject {
  return { unreadable: reason };
}

/**
 * Adds the format number and a checksum over id and content, so that a damaged document is detected, and one that is
 * stored under a wrong id.
 */
export function seal(id: string, content: JsonObject): JsonObject {
  const sealed = { ...content, format: FORMAT };
  return { ...sealed, checksum: checksumOf(id, sealed) };
}

/**
 * Reverses {@link seal}, and returns the content with unknown fields.
 *
 * @throws DamagedDocument, or a `TokenError` for a document that was written by a newer release or that the store could
 *   not read. Such a document must be neither used nor replaced.
 */
export function unseal(document: StoredDocument): JsonObject {
  const { unreadable: reason } = document.data;
  if (typeof reason === 'string') {
    throw new TokenError('STORE_UNAVAILABLE', `the stored document ${document.id} cannot be read: ${reason}`);
  }
  // Documents that are read without the encryption of their store are not damaged.
  if (document.data['format'] === undefined && typeof document.data['encrypted'] === 'number') {
    throw new TokenError('STORE_UNAVAILABLE', `the stored document ${document.id} cannot be read: it is encrypted`);
  }
  const { checksum: expected, ...sealed } = document.data;
  const { format, ...content } = sealed;
  // The format is checked before the checksum, because a newer release may compute the checksum in another way.
  if (typeof format === 'number' && format > FORMAT) throw unknownFormat(document.id, format);
  if (expected !== checksumOf(document.id, sealed)) throw new DamagedDocument(document);
  if (format !== FORMAT) throw unknownFormat(document.id, format);
  return content;
}

function unknownFormat(id: string, format: unknown): TokenError {
  const message = `the stored document ${id} has format ${String(format)}; this release reads format ${FORMAT}`;
  return new TokenError('STORE_UNAVAILABLE', message);
}

function checksumOf(id: string, sealed: JsonObject): string {
  return checksum(`${id}\n${canonicalJson(sealed)}`);
}
