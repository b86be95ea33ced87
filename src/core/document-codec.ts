import { canonicalJson, checksum } from './checksum.js';
import { TokenError } from './errors.js';
import type { JsonObject } from './json.js';
import type { StoredDocument } from './store.js';

const FORMAT = 1;

/** A document that was damaged: its checksum is missing or does not fit. */
export class DamagedDocument extends Error {
  readonly document: StoredDocument;

  constructor(document: StoredDocument) {
    super(`the stored document ${document.id} is damaged`);
    this.document = document;
  }
}

/** Adds the format number and a checksum over id and content, so that neither damage nor a swap goes unnoticed. */
export function seal(id: string, content: JsonObject): JsonObject {
  const sealed = { ...content, format: FORMAT };
  return { ...sealed, checksum: checksumOf(id, sealed) };
}

/**
 * The inverse of {@link seal}: the content, unknown fields included.
 *
 * @throws DamagedDocument, or a `TokenError` for a document of a newer release, which must be neither used nor replaced.
 */
export function unseal(document: StoredDocument): JsonObject {
  const { checksum: expected, ...sealed } = document.data;
  if (expected !== checksumOf(document.id, sealed)) throw new DamagedDocument(document);
  const { format, ...content } = sealed;
  if (format !== FORMAT) {
    throw new TokenError(
      'STORE_UNAVAILABLE',
      `the stored document ${document.id} has format ${String(format)}; this release reads format ${FORMAT}`,
    );
  }
  return content;
}

function checksumOf(id: string, sealed: JsonObject): string {
  return checksum(`${id}\n${canonicalJson(sealed)}`);
}
