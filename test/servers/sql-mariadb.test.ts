import { inspect } from 'node:util';
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { PoolOptions } from 'mysql2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SqlStore } from '../../src/stores/sql/index.js';
import { testTokenStore } from '../../src/testing/index.js';
import { hasMariadb, type MariadbServer, startMariadb } from '../support/servers/mariadb-server.js';
import { beforeStatements, connectMariadb } from '../support/servers/sql-databases.js';

const ID = 'key/wx1/access_token';
const TTL_MS = 60_000;
const HOUR_MS = 3_600_000;
const MAX_PACKET = 4_194_304;

describe.skipIf(!hasMariadb())('SqlStore on MariaDB alone', () => {
  let server: MariadbServer;
  const connections: Kysely<unknown>[] = [];
  let tables = 0;
  let table: string;
  let store: SqlStore;

  const connect = (options: PoolOptions = {}): Kysely<unknown> => {
    const kysely = connectMariadb({ ...server.connection, ...options });
    connections.push(kysely);
    return kysely;
  };

  beforeAll(async () => {
    server = await startMariadb([`--max-allowed-packet=${MAX_PACKET}`]);
  });
  afterAll(async () => {
    await Promise.all(connections.map((kysely) => kysely.destroy()));
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    tables += 1;
    table = `tokens_${tables}`;
    store = new SqlStore(connect(), { table });
    await store.migrate();
  });

  test('the time zone of a session does not matter', async () => {
    for (const zone of ['+00:00', '+08:00', '-11:00']) {
      const kysely = connect({ connectionLimit: 1 });
      await sql`set time_zone = ${zone}`.execute(kysely);
      const zoned = new SqlStore(kysely, { table });
      expect(Math.abs((await zoned.now()) - Date.now())).toBeLessThan(HOUR_MS / 2);
      const lease = await zoned.lease(ID, TTL_MS);
      expect(lease).toBeDefined();
      expect(await store.lease(ID, TTL_MS)).toBeUndefined();
      await lease?.release();
    }
  });

  test.each<[string, PoolOptions]>([
    ['counts changed rows only', { flags: ['-FOUND_ROWS'] }],
    ['gives large numbers as strings', { supportBigNumbers: true, bigNumberStrings: true }],
    ['has another encoding', { charset: 'latin1' }],
    ['has a time zone', { timezone: '+09:00', dateStrings: true }],
  ])('a pool that %s makes no difference', async (_, options) => {
    const other = new SqlStore(connect(options), { table });
    const data = { text: '信 é \u{1f511}' };
    const first = (await other.set(ID, data, 0, { due: { lane: 'a', at: 1 } })) ?? 0;
    expect(await store.get([ID])).toEqual([{ id: ID, version: first, data, due: { lane: 'a', at: 1 } }]);
    expect(await other.set(ID, data, 0)).toBeUndefined();
    const lease = await other.lease(ID, TTL_MS);
    expect(lease?.document).toEqual({ id: ID, version: first, data, due: { lane: 'a', at: 1 } });
    expect(await other.lease(ID, TTL_MS)).toBeUndefined();
    await lease?.release();
    expect(await other.claimDue(['a'], 5, TTL_MS)).toHaveLength(1);
    expect(await other.claimDue(['a'], 5, TTL_MS)).toHaveLength(0);
    const second = (await other.set(ID, data, first)) ?? 0;
    expect(second).toBeGreaterThan(first);
    expect(await other.delete(ID, first)).toBe(false);
    expect(await other.delete(ID, second)).toBe(true);
    expect(await other.get([ID])).toEqual([undefined]);
    expect(await other.now()).toBeGreaterThan(0);
  });

  test('a value beyond max_allowed_packet is an error that says so, and nothing is stored', async () => {
    const secret = `ACCESS-TOKEN-77${'x'.repeat(MAX_PACKET)}`;
    const failed = await store.set(ID, { secret }, 0).catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'SqlFailure', code: 'TOO_LARGE' });
    expect(String(failed)).toContain('max_allowed_packet');
    expect(inspect(failed, { showHidden: true, depth: 9 })).not.toContain('ACCESS-TOKEN');
    expect(await store.get([ID])).toEqual([undefined]);
    const version = (await store.set(ID, { n: 1 }, 0)) ?? 0;
    await expect(store.set(ID, { secret }, version)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(store.set(ID, { quotes: '"'.repeat(MAX_PACKET / 4) }, version)).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
    expect(await store.get([ID])).toEqual([{ id: ID, version, data: { n: 1 } }]);
    expect(await store.set(ID, { large: 'x'.repeat(MAX_PACKET - 65_536) }, version)).toBeGreaterThan(version);
  });

  test('a database that can only be read is an error that says so', async () => {
    await server.asRoot('set global read_only = on');
    try {
      const replica = new SqlStore(connect(), { table });
      expect(await replica.now()).toBeGreaterThan(0);
      await expect(replica.set(ID, {}, 0)).rejects.toMatchObject({ code: 'READ_ONLY' });
    } finally {
      await server.asRoot('set global read_only = off');
    }
    const kysely = connect({ connectionLimit: 1 });
    await sql`set session transaction read only`.execute(kysely);
    await expect(new SqlStore(kysely, { table }).lease(ID, 1)).rejects.toMatchObject({ code: 'READ_ONLY' });
  });

  test('the sql_mode NO_BACKSLASH_ESCAPES is refused', async () => {
    const kysely = connect({ connectionLimit: 1 });
    await sql`set sql_mode = 'NO_BACKSLASH_ESCAPES'`.execute(kysely);
    await expect(new SqlStore(kysely, { table }).now()).rejects.toThrow('NO_BACKSLASH_ESCAPES');
  });

  test('sessions without autocommit are refused, also for the first migration', async () => {
    const kysely = connect({ connectionLimit: 1 });
    await sql`set autocommit = 0`.execute(kysely);
    const refusal = { code: 'NO_AUTOCOMMIT', message: expect.stringContaining('autocommit must be on') };
    await expect(new SqlStore(kysely, { table }).now()).rejects.toMatchObject(refusal);
    await expect(new SqlStore(kysely, { table: `${table}_new` }).migrate()).rejects.toMatchObject(refusal);
  });

  test('any other sql_mode makes no difference', async () => {
    for (const mode of ['ANSI,TRADITIONAL', 'SIMULTANEOUS_ASSIGNMENT', 'ORACLE', '']) {
      const kysely = connect({ connectionLimit: 1 });
      await sql`set sql_mode = ${mode}`.execute(kysely);
      const other = new SqlStore(kysely, { table });
      const id = `key/${mode}x/a`;
      await other.now();
      const lease = await other.lease(id, TTL_MS);
      expect(lease, mode).toBeDefined();
      expect(await store.lease(id, TTL_MS), mode).toBeUndefined();
      const version = await other.set(id, { quote: `'"\\` }, 0, lease === undefined ? {} : { lease });
      expect(await store.get([id])).toEqual([{ id, version, data: { quote: `'"\\` } }]);
      expect(await store.lease(id, TTL_MS), mode).toBeDefined();
    }
  });

  test.each<[string, PoolOptions, string]>([
    ['password', { password: 'WRONG-PASSWORD-1' }, 'ACCESS_DENIED'],
    ['database', { database: 'nowhere' }, 'ACCESS_DENIED'],
    ['host', { host: 'nowhere.invalid' }, 'UNREACHABLE'],
    ['port', { port: 1 }, 'UNREACHABLE'],
  ])('a wrong %s is an error that says so and shows no password', async (_, options, code) => {
    const wrong = new SqlStore(connect(options), { table });
    const failed = await wrong.now().catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'SqlFailure', code });
    expect(String(failed)).not.toMatch(/WRONG|password-/);
  });

  test('a document is created although another store takes its lease meanwhile', async () => {
    let statements = 0;
    const slow = beforeStatements(connect(), async () => {
      statements += 1;
      if (statements === 2) expect(await store.lease(ID, TTL_MS)).toBeDefined();
    });
    const version = await new SqlStore(slow, { table }).set(ID, { n: 1 }, 0);
    expect(statements).toBe(3);
    expect(await store.get([ID])).toEqual([{ id: ID, version, data: { n: 1 } }]);
    expect(await store.lease(ID, TTL_MS)).toBeUndefined();
  });

  test('a deadlock is retried', async () => {
    const [left, right] = [connect({ connectionLimit: 1 }), connect({ connectionLimit: 1 })];
    await store.set('app/a', {}, 0);
    const version = (await store.set('app/b', {}, 0)) ?? 0;
    const lock = (kysely: Kysely<unknown>, id: string) =>
      sql`update ${sql.table(table)} set changed_at = changed_at + 1 where id = ${id}`.execute(kysely);
    await sql`begin`.execute(left);
    await lock(left, 'app/a');
    await sql`begin`.execute(right);
    await lock(right, 'app/b');
    // The database aborts the one that has changed less: the store's own statement, which closes the circle here.
    await sql`insert into ${sql.table(table)} (id, version, changed_at, lease_until) values ('x/1', 0, 0, 0)`.execute(
      left,
    );
    const writing = new SqlStore(right, { table });
    const waiting = lock(left, 'app/b');
    const written = writing.set('app/a', { n: 2 }, 1);
    await waiting;
    await sql`commit`.execute(left);
    expect(await written).toBeUndefined();
    expect((await store.get(['app/b']))[0]?.version).toBe(version);
  });

  describe('a connection that counts changed rows', () => {
    let kysely: Kysely<unknown>;
    let opened = 0;
    beforeAll(() => {
      kysely = connect({ flags: ['-FOUND_ROWS'] });
    });
    testTokenStore(test, async () => {
      opened += 1;
      const changing = new SqlStore(kysely, { table: `changed_${opened}` });
      await changing.migrate();
      return changing;
    });
  });
});
