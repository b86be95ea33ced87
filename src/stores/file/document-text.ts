import type { Due, StoredDocument } from '../../core/model/store.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';

/** The content of a version's file: a document, or a mark that it was deleted. */
export type VersionContent =
  | { readonly id: string; readonly document: StoredDocument }
  | { readonly id: string; readonly document: undefined };

const SHOWN_BYTES = 65_536;

export function encodeDocument(id: string, version: number, data: JsonObject, due: Due | undefined): string {
  return `${JSON.stringify({ id, version, due: due && { lane: due.lane, at: due.at }, data })}\n`;
}

export function encodeTombstone(id: string, version: number): string {
  return `${JSON.stringify({ id, version, deleted: true })}\n`;
}

/**
 * Decodes the content of a version's file.
 *
 * @param version - the version in the name of the file.
 * @returns `undefined` if the bytes are not this version of a document, complete and undamaged.
 */
export function decodeVersion(bytes: Buffer, version: number): VersionContent | undefined {
  const content = parse(bytes);
  if (!isJsonObject(content) || typeof content.id !== 'string' || content.version !== version) return undefined;
  const { id, data, due } = content;
  if (content.deleted === true) return { id, document: undefined };
  if (!isJsonObject(data)) return undefined;
  if (due === undefined) return { id, document: { id, version, data } };
  if (!isJsonObject(due) || typeof due.lane !== 'string' || typeof due.at !== 'number') return undefined;
  return { id, document: { id, version, data, due: { lane: due.lane, at: due.at } } };
}

/**
 * Returns a document that represents a version that cannot be read. It is present, so that no write replaces it by
 * mistake, and lacks the checksum that makes the data of a document valid.
 */
export function damagedDocument(id: string, version: number, bytes: Buffer): StoredDocument {
  return { id, version, data: { damaged: bytes.toString('utf8', 0, SHOWN_BYTES) } };
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
