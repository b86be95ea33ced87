import type { Due, StoredDocument } from '../../core/model/store.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';

/** The content of a version file: a document, or the note that there is none any more. */
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
 * @param version - the one in the file's name.
 * @returns `undefined` when this is not, whole and unharmed, that version of a document.
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
 * Stands for a version that cannot be read: not absent, so that no write replaces it by mistake, and without the
 * checksum that makes a document's data credible.
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
