import { type RawBuilder, sql } from 'kysely';
import type { Due, StoredDocument } from '../../core/model/store.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { assertLane } from './lane.js';

/** A row as drivers return it. Some return numbers as strings. */
export interface DocumentRow {
  readonly id: string;
  readonly version: number | string | bigint;
  /** The data as JSON; null if there is no document, but only a lease or the mark of a deleted document. */
  readonly data: string | null;
  readonly lane: string | null;
  readonly due_at: number | string | bigint | null;
}

/** The values that a write sets in a row: plain values, or expressions of the database. */
export interface RowContent {
  readonly data: string | null;
  readonly lane: string | null;
  readonly dueAt: number | RawBuilder<number> | null;
}

/** The columns of a {@link DocumentRow}. */
export const DOCUMENT_COLUMNS: RawBuilder<DocumentRow> = sql.raw('id, version, data, lane, due_at');

/** The time for which the version of a deleted document is kept. */
const TOMBSTONE_MS = 7 * 86_400_000;
const SHOWN_CHARACTERS = 65_536;

export function rowContent(data: JsonObject, due: Due | undefined): RowContent {
  const text = asciiJson(data);
  if (due === undefined) return { data: text, lane: null, dueAt: null };
  assertLane(due.lane);
  return { data: text, lane: due.lane, dueAt: Math.ceil(due.at) };
}

/** Returns the content of a row without a document. It has no lane, and its due time is that of its removal. */
export function tombstone(nowMs: RawBuilder<number>): RowContent {
  return { data: null, lane: null, dueAt: sql<number>`${nowMs} + ${sql.lit(TOMBSTONE_MS)}` };
}

export function documentOf(row: DocumentRow): StoredDocument | undefined {
  const { id, data: text, lane, due_at } = row;
  if (text === null) return undefined;
  const version = Number(row.version);
  const parsed = parse(text);
  // The document is present, so that no write replaces it by mistake, and lacks the checksum that makes its data valid.
  const data = isJsonObject(parsed) ? parsed : { damaged: String(text).slice(0, SHOWN_CHARACTERS) };
  return lane === null || due_at === null
    ? { id, version, data }
    : { id, version, data, due: { lane, at: Number(due_at) } };
}

/** Returns JSON in pure ASCII, which is independent of the encodings of connections and tables. */
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
