import { type RawBuilder, sql } from 'kysely';
import type { StoredDocument } from '../../core/model/store.js';
import type { Changes } from './change-poll.js';
import type { Database } from './database.js';
import { DOCUMENT_COLUMNS, type DocumentRow, documentOf } from './document-row.js';

/** The limit of ids in a statement, below the limits of parameters of all databases: SQLite has 32,766, PostgreSQL 65,535. */
const MAX_IDS = 10_000;
const PAGE = 200;

interface ClockRow {
  readonly now_ms: number | string | bigint;
}

interface ChangeRow extends ClockRow {
  readonly id: string | null;
  readonly version: number | string | bigint | null;
}

export async function readNow(database: Database): Promise<number> {
  const [row] = await database.rows(sql<ClockRow>`select ${database.words.nowMs} as now_ms`);
  return Number(row?.now_ms);
}

export async function readDocuments(
  database: Database,
  ids: readonly string[],
): Promise<(StoredDocument | undefined)[]> {
  const documents = new Map<string, StoredDocument | undefined>();
  for (let start = 0; start < ids.length; start += MAX_IDS) {
    const rows = await database.rows(sql<DocumentRow>`
      select ${DOCUMENT_COLUMNS} from ${database.table}
      where id in (${sql.join(ids.slice(start, start + MAX_IDS))}) and data is not null`);
    for (const row of rows) documents.set(row.id, documentOf(row));
  }
  return ids.map((id) => documents.get(id));
}

/** Yields the documents at and below `prefix`, ordered by the bytes of their ids. */
export async function* listDocuments(
  database: Database,
  prefix: string,
  after: string | undefined,
  limit: number,
): AsyncGenerator<StoredDocument, void, undefined> {
  // The range ends before `0`, which is the character after `/`. Longer names that only begin with the prefix may come
  // between the prefix and the ids below it, so that they are excluded.
  const end = sql`id < ${`${prefix}0`} and (id = ${prefix} or id > ${`${prefix}/`})`;
  let start: RawBuilder<unknown> = after !== undefined && after >= prefix ? sql`id > ${after}` : sql`id >= ${prefix}`;
  for (let left = limit; left > 0; left -= PAGE) {
    const page = Math.min(PAGE, left);
    const rows = await database.rows(sql<DocumentRow>`
      select ${DOCUMENT_COLUMNS} from ${database.table}
      where ${start} and ${end} and data is not null order by id limit ${sql.lit(page)}`);
    for (const row of rows) {
      const document = documentOf(row);
      if (document !== undefined) yield document;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < page) return;
    start = sql`id > ${last.id}`;
  }
}

export async function readChanges(database: Database, since: number, limit: number): Promise<Changes> {
  const { table, words } = database;
  const rows = await database.rows(sql<ChangeRow>`
    select now_ms, id, version from (select ${words.nowMs} as now_ms) as clock
    left join ${table} on changed_at > ${since} and changed_at <= now_ms
    limit ${sql.lit(limit)}`);
  return {
    now: Number(rows[0]?.now_ms),
    changes: rows.flatMap(({ id, version }) => (id === null ? [] : [{ id, version: Number(version) }])),
  };
}
