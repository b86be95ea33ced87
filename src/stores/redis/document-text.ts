import type { Due, StoredDocument } from '../../core/model/store.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';
import { unreadable } from '../../core/store/document-codec.js';

const FOREIGN = 'a value that is not a document of this store';

/**
 * Returns the lane in the form that it has in documents and names of keys, which is that of a JSON string. The scripts
 * find it between the quotes, because a quote in the lane is escaped.
 */
export function laneName(lane: string): string {
  return JSON.stringify(lane).slice(1, -1);
}

/**
 * Returns the part of a document that contains its due. The script composes a document as
 * `{"version":1,"due":{"at":2,"lane":"a"},"data":{}}` and parses its start by that order. Lua's JSON library would change
 * the data, since it decodes an empty array as an object.
 */
export function dueText(due: Due | undefined): string {
  if (due === undefined) return '';
  if (typeof due.at !== 'number' || !Number.isFinite(due.at) || typeof due.lane !== 'string') {
    throw new TypeError('due must have a lane and a time in epoch milliseconds');
  }
  return `"due":{"at":${due.at},"lane":"${laneName(due.lane)}"},`;
}

export function dataText(data: JsonObject): string {
  return JSON.stringify(data);
}

/**
 * Returns the document. Text that this store has not written is returned as an unreadable document, so that it does not
 * fail the others that are read with it.
 */
export function decodeDocument(id: string, text: unknown): StoredDocument | undefined {
  if (text === null || text === undefined) return undefined;
  return documentIn(id, text) ?? { id, version: 0, data: unreadable(`in its place Redis has ${FOREIGN}`) };
}

function documentIn(id: string, text: unknown): StoredDocument | undefined {
  const content = typeof text === 'string' ? parse(text) : undefined;
  if (!isJsonObject(content)) return undefined;
  const { version, data, due } = content;
  if (typeof version !== 'number' || !isJsonObject(data)) return undefined;
  if (due === undefined) return { id, version, data };
  if (!isJsonObject(due) || typeof due.lane !== 'string' || typeof due.at !== 'number') return undefined;
  return { id, version, data, due: { lane: due.lane, at: due.at } };
}

/** Reports that a value of another program has the name of a document. It is neither treated as absent nor overwritten. */
export class ForeignValue extends StoreFailure {
  override readonly name: string = 'ForeignValue';

  constructor(id: string) {
    super(`under the id ${id} Redis has ${FOREIGN}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
