import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SqlStore } from '../../src/stores/sql/index.js';
import { FakeClock } from '../../src/testing/index.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../support/servers/postgres-server.js';
import { connectPostgres } from '../support/servers/sql-databases.js';

const ID = 'key/wx1/access_token';
const TTL_MS = 60_000;
const HOUR_MS = 3_600_000;
const MAX_WAIT_MS = 20_000;

describe.skipIf(!hasPostgres())('SqlStore on PostgreSQL alone', () => {
  let server: PostgresServer;
  const connections: Kysely<unknown>[] = [];
  let tables = 0;
  let table: string;
  let store: SqlStore;

  const connect = (config: pg.PoolConfig = {}): Kysely<unknown> => {
    const kysely = connectPostgres({ ...server.connection, ...config });
    connections.push(kysely);
    return kysely;
  };
  const withClient = async <Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> => {
    const client = new pg.Client(server.connection);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await Promise.all(connections.map((kysely) => kysely.destroy()));
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    tables += 1;
    table = `Tokens_${tables}`;
    store = new SqlStore(connect(), { table });
    await store.migrate();
  });

  test('the time zone of a session does not matter', async () => {
    const zones = ['UTC', 'Asia/Shanghai', 'America/New_York'];
    const stores = zones.map((zone) => new SqlStore(connect({ options: `-c TimeZone=${zone}` }), { table }));
    for (const zoned of stores) expect(Math.abs((await zoned.now()) - Date.now())).toBeLessThan(HOUR_MS / 2);
    await stores[0]?.lease(ID, TTL_MS);
    for (const zoned of stores) expect(await zoned.lease(ID, TTL_MS)).toBeUndefined();
  });

  test('twenty simultaneous operations work under serializable isolation too', async () => {
    const strict = new SqlStore(connect({ max: 20, options: '-c default_transaction_isolation=serializable' }), {
      table,
    });
    for (let round = 0; round < 5; round++) {
      const leases = await Promise.all(Array.from({ length: 20 }, () => strict.lease(`key/wx${round}/a`, TTL_MS)));
      expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
      const due = { lane: 'a', at: 1 };
      const versions = await Promise.all(
        Array.from({ length: 20 }, () => strict.set(`key/wx${round}/a`, {}, 0, { due })),
      );
      expect(versions.filter((version) => version !== undefined)).toHaveLength(1);
    }
  });

  test('a watch notifies of changes that were committed late', async () => {
    const told = new Told();
    const end = await store.watch(told.tell);
    await withClient(async (client) => {
      await client.query('begin');
      // Its time is that of this statement, before the one of the next, which is committed and seen first.
      await client.query(`update "${table}" set version = version where false`);
      await client.query(
        `insert into "${table}" (id, version, data, changed_at, lease_until)
         values ('app/late', 1, '{}', floor(extract(epoch from clock_timestamp()) * 1000), 0)`,
      );
      await store.set('app/early', {}, 0);
      await told.of('app/early');
      await store.set('app/next', {}, 0);
      await told.of('app/next');
      expect(told.ids).not.toContain('app/late');
      await client.query('commit');
    });
    await told.of('app/late');
    expect(told.ids.filter((id) => id === 'app/early')).toHaveLength(1);
    await end();
  });

  test('with listen, a watch is notified of changes of others without waiting for its next poll', async () => {
    const told = new Told();
    const channels: string[] = [];
    let ended = 0;
    const listen = async (channel: string, notified: () => void): Promise<() => Promise<void>> => {
      channels.push(channel);
      const client = new pg.Client(server.connection);
      client.on('notification', notified).on('error', () => undefined);
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      return async () => {
        ended += 1;
        await client.end();
      };
    };
    // No timer fires but those that a notification sets for at once.
    const clock = impatientClock();
    const watching = new SqlStore(connect(), { table, listen, clock });
    const writing = new SqlStore(connect(), { table, listen });
    await watching.watch(told.tell);
    const version = await writing.set(ID, {}, 0);
    await told.of(ID);
    told.ids.length = 0;
    await writing.delete(ID, version ?? 0);
    await told.of(ID);
    expect(channels).toEqual([`${table.toLowerCase()}_changes`]);
    await watching.close();
    expect(ended).toBe(1);
    await writing.close();
  });

  test.each(['order', `${'s'.repeat(50)}.${'T'.repeat(50)}`])(
    'listen is given a valid channel: table %s',
    async (name) => {
      const [schema] = name.split('.');
      if (schema !== name) await withClient((client) => client.query(`create schema ${schema}`));
      let notified = (): void => undefined;
      const heard = new Promise<void>((resolve) => {
        notified = resolve;
      });
      const listen = async (channel: string): Promise<() => Promise<void>> => {
        const client = new pg.Client(server.connection);
        client.on('notification', notified).on('error', () => undefined);
        await client.connect();
        await client.query(`LISTEN ${channel}`);
        return () => client.end();
      };
      const named = new SqlStore(connect(), { table: name, listen });
      await named.migrate();
      await named.watch(() => undefined);
      expect(await named.set(ID, {}, 0)).toBeDefined();
      await heard;
      await named.close();
    },
  );

  test('a listen that fails rejects the watch, and leaves nothing behind', async () => {
    const listen = async (): Promise<never> => {
      throw new Error('no connection left');
    };
    const clock = impatientClock();
    const watching = new SqlStore(connect(), { table, listen, clock });
    await expect(watching.watch(() => undefined)).rejects.toThrow('no connection left');
    expect(clock.pending()).toBe(0);
  });

  test('a database that can only be read is an error that says so', async () => {
    const replica = new SqlStore(connect({ options: '-c default_transaction_read_only=on' }), { table });
    expect(await replica.now()).toBeGreaterThan(0);
    expect(await replica.get([ID])).toEqual([undefined]);
    await expect(replica.set(ID, {}, 0)).rejects.toMatchObject({ code: 'READ_ONLY' });
    await expect(replica.lease(ID, TTL_MS)).rejects.toThrow(
      'the database is read-only: check whether it is a replica (25006)',
    );
  });

  test.each<[string, pg.PoolConfig, string]>([
    ['password', { password: 'WRONG-PASSWORD-1' }, 'ACCESS_DENIED'],
    ['database', { database: 'nowhere' }, 'ACCESS_DENIED'],
    ['host', { host: 'nowhere.invalid' }, 'UNREACHABLE'],
    ['port', { port: 1 }, 'UNREACHABLE'],
  ])('a wrong %s is an error that says so and shows no password', async (_, config, code) => {
    const wrong = new SqlStore(connect(config), { table });
    const failed = await wrong.now().catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'SqlFailure', code });
    expect(String(failed)).not.toMatch(/WRONG|password-/);
  });

  test('a user without rights is an error that says so', async () => {
    await withClient(async (client) => {
      await client.query(`create role reader_${tables} login password 'reader'`);
      await client.query(`grant select on "${table}" to reader_${tables}`);
    });
    const reader = new SqlStore(connect({ user: `reader_${tables}`, password: 'reader' }), { table });
    expect(await reader.now()).toBeGreaterThan(0);
    await expect(reader.set(ID, {}, 0)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  });

  test('every statement finds its rows by an index', async () => {
    const statements: { readonly sql: string; readonly parameters: readonly unknown[] }[] = [];
    const pool = new pg.Pool(server.connection);
    const logging = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool }),
      log: ({ query }) => void statements.push({ sql: query.sql, parameters: query.parameters }),
    });
    connections.push(logging);
    await withClient(async (client) => {
      await client.query(
        `insert into "${table}" (id, version, data, lane, due_at, changed_at, lease_until)
         select 'key/wx' || n || '/a', n, '{}', 'lane' || n % 5, n, n, 0 from generate_series(1, 20000) n`,
      );
      await client.query(`analyze "${table}"`);
    });
    const clock = new FakeClock();
    const logged = new SqlStore(logging, { table, clock });
    await clock.advance(HOUR_MS);
    await logged.now();
    await logged.get(['key/wx5/a', 'key/wx6/a']);
    await logged.set('key/wx5/a', {}, 5, { due: { lane: 'lane1', at: 7 } });
    await logged.set('key/wx0/a', {}, 0);
    await logged.delete('key/wx6/a', 6);
    for await (const _ of logged.list('key/wx7')) break;
    for await (const _ of logged.list('key', { after: 'key/wx7/a', limit: 5 })) break;
    const lease = await logged.lease('key/wx8/a', TTL_MS);
    await lease?.release();
    await logged.claimDue(['lane1', 'lane2'], 5, TTL_MS);
    const end = await logged.watch(() => undefined);
    await end();
    await logged.close();
    const plans = await withClient(async (client) => {
      const found = [];
      for (const { sql, parameters } of statements) {
        const { rows } = await client.query(`explain ${sql}`, [...parameters]);
        found.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      }
      return found;
    });
    expect(statements.length).toBeGreaterThan(10);
    for (const plan of plans) expect(plan).not.toContain(`Seq Scan on "${table}"`);
    const ofClaim = plans.find((plan) => plan.includes('LockRows'));
    expect(ofClaim).toMatch(/_due".*\n\s+Index Cond: \(\(lane = 'lane1'::text\) AND \(due_at <= /);
    expect(plans.filter((plan) => plan.includes('_changed"'))).toHaveLength(2);
    expect(plans.filter((plan) => plan.includes('lane IS NULL'))).toHaveLength(1);
  });
});

/** Collects the notifications of a watch, and waits for them. */
class Told {
  readonly ids: (string | undefined)[] = [];
  #wake: () => void = () => undefined;

  readonly tell = (id: string | undefined): void => {
    this.ids.push(id);
    this.#wake();
  };

  async of(id: string): Promise<void> {
    const timeout = AbortSignal.timeout(MAX_WAIT_MS);
    while (!this.ids.includes(id)) {
      timeout.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timeout.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
}

/** Returns a clock whose timers of up to 100 ms fire as they should, and longer ones never. */
function impatientClock() {
  const timers = new Set<object>();
  return {
    pending: () => timers.size,
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => 0.5,
    setTimer: (callback: () => void, delayMs: number) => {
      const timer = {};
      timers.add(timer);
      const cancel = (): void => {
        timers.delete(timer);
        clearTimeout(handle);
      };
      const fire = (): void => {
        if (timers.delete(timer)) callback();
      };
      const handle = setTimeout(delayMs > 100 ? () => undefined : fire, delayMs);
      return { cancel };
    },
  };
}
