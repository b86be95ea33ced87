import type { Due, StoredDocument } from '../../core/model/store.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';
import { unreadable } from '../../core/store/document-codec.js';

const FOREIGN = 'what is not a document of this store';

/**
 * Returns the lane as it stands in a document and in the name of a key: what JSON makes of it. The scripts find it
 * between the quotes, where a quote of its own is escaped.
 */
export function laneName(lane: string): string {
  return JSON.stringify(lane).slice(1, -1);
}

/**
 * Returns the part of a document that says when it is due. The script puts a document together as
 * `{"version":1,"due":{"at":2,"lane":"a"},"data":{}}` and reads its head again by that order, because Lua's JSON would
 * change the data: an empty array comes out of it as an object.
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
 * Returns the document. What is no document of this store is returned as one that cannot be read, so that it does not
 * hold up those read together with it.
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

/**
 * Is thrown when something that no store of ours wrote has the name of a document. It is neither read as absent nor
 * overwritten.
 */
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
