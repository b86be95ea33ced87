import { type RawBuilder, sql } from 'kysely';
import type { Due, StoredDocument } from '../../core/model/store.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { assertLane } from './lane.js';

/** A row as drivers hand it over: whether a number comes as a string is their choice. */
export interface DocumentRow {
  readonly id: string;
  readonly version: number | string | bigint;
  /** JSON; null where there is no document, only a lease or the mark of one that was deleted. */
  readonly data: string | null;
  readonly lane: string | null;
  readonly due_at: number | string | bigint | null;
}

/** The values that a write puts into a row: plain ones, or expressions of the database. */
export interface RowContent {
  readonly data: string | null;
  readonly lane: string | null;
  readonly dueAt: number | RawBuilder<number> | null;
}

/** The columns of a {@link DocumentRow}. */
export const DOCUMENT_COLUMNS: RawBuilder<DocumentRow> = sql.raw('id, version, data, lane, due_at');

/** The time for which the version of a deleted document is remembered. */
const TOMBSTONE_MS = 7 * 86_400_000;
const SHOWN_CHARACTERS = 65_536;

export function rowContent(data: JsonObject, due: Due | undefined): RowContent {
  const text = asciiJson(data);
  if (due === undefined) return { data: text, lane: null, dueAt: null };
  assertLane(due.lane);
  return { data: text, lane: due.lane, dueAt: Math.ceil(due.at) };
}

/** Returns the content of a row without a document: it has no lane, and is due to be cleared away. */
export function tombstone(nowMs: RawBuilder<number>): RowContent {
  return { data: null, lane: null, dueAt: sql<number>`${nowMs} + ${sql.lit(TOMBSTONE_MS)}` };
}

export function documentOf(row: DocumentRow): StoredDocument | undefined {
  const { id, data: text, lane, due_at } = row;
  if (text === null) return undefined;
  const version = Number(row.version);
  const parsed = parse(text);
  // Not absent, so that no write replaces it by mistake, and without the checksum that makes its data credible.
  const data = isJsonObject(parsed) ? parsed : { damaged: String(text).slice(0, SHOWN_CHARACTERS) };
  return lane === null || due_at === null
    ? { id, version, data }
    : { id, version, data, due: { lane, at: Number(due_at) } };
}

/** Returns JSON in ASCII alone, which means the same in the encoding of every connection and table. */
function asciiJson(data: JsonObject): string {
  return JSON.stringify(data).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
