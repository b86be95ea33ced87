// @ts-check
// This module writes documents into a store in bulk, in the format of the store. To verify the format, one document of
// each kind is written both ways and compared.
import { isDeepStrictEqual } from 'node:util';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { createClient } from 'redis';
import { SqlStore } from 'wechat-token-manager/sql';
import { importTypeScript } from '../../scripts/import-typescript.mjs';
import { TYPE } from './keys.mjs';
import { inMib } from './report.mjs';
import { keyDocument, registrations } from './seed.mjs';

/**
 * @typedef {import('../../test/support/stores/fleet-stores.js').StoreDescription} StoreDescription
 * @typedef {import('wechat-token-manager').StoredDocument} StoredDocument
 * @typedef {import('wechat-token-manager').TokenStore} TokenStore
 * @typedef {object} BulkWriter
 * @property {(documents: readonly StoredDocument[]) => Promise<unknown>} write whatever is there is replaced.
 * @property {(id: string) => Promise<unknown>} show all that is stored of a document, but for its version.
 * @property {(id: string) => Promise<unknown>} erase
 * @property {() => Promise<readonly (readonly [string, string])[]>} sizes
 * @property {(lanes: readonly string[]) => Promise<string | undefined>} explain how the database looks for what is due, where
 *   it says that.
 * @property {() => Promise<unknown>} end
 */

const { dataText, dueText } = await importTypeScript('src/stores/redis/document-text.ts');
const { rowContent } = await importTypeScript('src/stores/sql/document-row.ts');

const BATCH = 2_000;
const CLAIMED_AT_ONCE = 16;

/** @param {StoreDescription} described @returns {Promise<BulkWriter>} */
export function bulkWriter(described) {
  if (described.kind === 'redis') return redisWriter(described);
  if (described.kind === 'postgres') return postgresWriter(described);
  throw new Error(`no bulk writer for ${described.kind}`);
}

/** @param {BulkWriter} writer @param {Iterable<StoredDocument>} documents */
export async function writeAll(writer, documents) {
  /** @type {StoredDocument[]} */
  let batch = [];
  for (const document of documents) {
    if (batch.push(document) < BATCH) continue;
    await writer.write(batch);
    batch = [];
  }
  if (batch.length > 0) await writer.write(batch);
}

/** @param {BulkWriter} writer @param {TokenStore} store */
export async function assertAlike(writer, store) {
  const now = Date.now();
  const times = { obtainedAt: now, dueAt: now + 6_000_000, expiresAt: now + 7_200_000 };
  for (const document of [...registrations(1), keyDocument(0, 1, times)]) {
    const { id, data, due } = document;
    if ((await store.set(id, data, 0, due === undefined ? {} : { due })) === undefined)
      throw new Error(`${id} is there`);
    const ofStore = await writer.show(id);
    await writer.erase(id);
    await writer.write([document]);
    const inBulk = await writer.show(id);
    await writer.erase(id);
    if (isDeepStrictEqual(ofStore, inBulk)) continue;
    throw new Error(`${id}: ${JSON.stringify(inBulk)} is not what the store writes: ${JSON.stringify(ofStore)}`);
  }
}

/** @param {Extract<StoreDescription, { kind: 'redis' }>} described @returns {Promise<BulkWriter>} */
async function redisWriter({ port, prefix }) {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  const base = `{${prefix}}:`;
  const send = (/** @type {string[]} */ ...args) => client.sendCommand(args);
  return {
    write: (documents) => {
      const texts = documents.flatMap(({ id, version, data, due }) => [
        `${base}doc:${id}`,
        `{"version":${version},${dueText(due)}"data":${dataText(data)}}`,
      ]);
      const dues = documents.flatMap(({ id, due }) => (due === undefined ? [] : [String(due.at), id]));
      return Promise.all([
        send('SET', `${base}version`, String(Math.max(...documents.map(({ version }) => version)))),
        send('MSET', ...texts),
        send('ZADD', `${base}ids`, ...documents.flatMap(({ id }) => ['0', id])),
        dues.length > 0 && send('ZADD', `${base}due:${TYPE}`, ...dues),
      ]);
    },
    show: async (id) => [
      String(await send('GET', `${base}doc:${id}`)).replace(/"version":\d+/, ''),
      await send('ZSCORE', `${base}ids`, id),
      await send('ZSCORE', `${base}due:${TYPE}`, id),
      await send('PTTL', `${base}doc:${id}`),
    ],
    erase: (id) =>
      Promise.all([
        send('DEL', `${base}doc:${id}`),
        send('ZREM', `${base}ids`, id),
        send('ZREM', `${base}due:${TYPE}`, id),
      ]),
    sizes: async () => {
      const info = String(await send('INFO', 'memory'));
      const bytes = (/** @type {string} */ name) => Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
      return [
        ['memory', bytes('used_memory')],
        ['of the process', bytes('used_memory_rss')],
        ['ids', Number(await send('MEMORY', 'USAGE', `${base}ids`))],
        ['due times', Number(await send('MEMORY', 'USAGE', `${base}due:${TYPE}`))],
      ].map(([name, size]) => [String(name), inMib(Number(size))]);
    },
    explain: async () => undefined,
    end: () => client.close(),
  };
}

/** @param {Extract<StoreDescription, { kind: 'postgres' }>} described @returns {Promise<BulkWriter>} */
async function postgresWriter({ connection, table }) {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  return {
    write: async (documents) => {
      const rows = documents.map(({ id, version, data, due }) => ({ id, version, ...rowContent(data, due) }));
      await client.query(
        `insert into ${table} (id, version, data, lane, due_at, changed_at, lease_until)
          select id, version, data, lane, due_at, version / 1000, 0
          from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])
            as documents (id, version, data, lane, due_at)
          on conflict (id) do update set version = excluded.version, data = excluded.data, lane = excluded.lane,
            due_at = excluded.due_at, changed_at = excluded.changed_at, lease_until = 0`,
        ['id', 'version', 'data', 'lane', 'dueAt'].map((column) => rows.map((row) => row[column])),
      );
    },
    show: async (id) => {
      const { rows } = await client.query(`select * from ${table} where id = $1`, [id]);
      return rows.map(({ version, changed_at, ...row }) => row);
    },
    erase: (id) => client.query(`delete from ${table} where id = $1`, [id]),
    sizes: async () => {
      // This brings the table into the state of one that has existed for long.
      await client.query(`vacuum analyze ${table}`);
      await client.query('checkpoint');
      const { rows } = await client.query(
        `select pg_table_size($1) as heap, relname, pg_relation_size(indexrelid) as size
          from pg_index join pg_class on pg_class.oid = indexrelid where indrelid = $1::text::regclass`,
        [table],
      );
      return [['rows', rows[0]?.heap], ...rows.map(({ relname, size }) => [relname.replace(table, ''), size])].map(
        ([name, size]) => [String(name), inMib(Number(size))],
      );
    },
    explain: async (lanes) => {
      const { sql, parameters } = await claimStatement({ connection, table }, lanes);
      await client.query('begin');
      try {
        const { rows } = await client.query(`explain (analyze, buffers) ${sql}`, [...parameters]);
        return summary(rows.map((row) => row['QUERY PLAN']));
      } finally {
        await client.query('rollback');
      }
    },
    end: () => client.end(),
  };
}

/**
 * Returns the statement with which a store claims.
 *
 * @param {Pick<Extract<StoreDescription, { kind: 'postgres' }>, 'connection' | 'table'>} described
 * @param {readonly string[]} lanes
 */
async function claimStatement({ connection, table }, lanes) {
  /** @type {{ readonly sql: string, readonly parameters: readonly unknown[] }[]} */
  const seen = [];
  const kysely = new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ ...connection, max: 1 }) }),
    log: ({ query }) => void seen.push(query),
  });
  const store = new SqlStore(kysely, { table });
  try {
    // The lanes are empty, so that nothing is claimed.
    await store.claimDue(
      lanes.map((lane) => `${lane}-`),
      CLAIMED_AT_ONCE,
      1_000,
    );
  } finally {
    await store.close();
    await kysely.destroy();
  }
  const [claim] = seen;
  if (claim === undefined) throw new Error('no statement was seen');
  const { sql, parameters } = claim;
  return { sql, parameters: parameters.map((value) => lanes.find((lane) => value === `${lane}-`) ?? value) };
}

/** @param {readonly string[]} plan the plan of PostgreSQL. */
function summary(plan) {
  const reads = new Set(plan.flatMap((line) => /(?:Seq Scan|Index (?:Only )?Scan using \S+)/.exec(line)?.[0] ?? []));
  const pages = plan.find((line) => line.includes('Buffers:'))?.trim();
  const time = plan.find((line) => line.startsWith('Execution Time'));
  return `${[...reads].join(', ')}; ${pages}; ${time}`;
}
