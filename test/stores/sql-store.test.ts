import { inspect } from 'node:util';
import { CamelCasePlugin, type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ChangeListener } from '../../src/core/model/store.js';
import { type Lease, systemClock } from '../../src/index.js';
import { SqlStore } from '../../src/stores/sql/index.js';
import { FakeClock } from '../../src/testing/index.js';
import { beforeStatements, SQL_DATABASES, type SqlDatabase } from '../support/servers/sql-databases.js';
import { ofThisRun } from '../support/stores/this-run.js';

const ID = 'key/wx1/access_token';
const LANE = 'access_token';
const TTL_MS = 60_000;
const HOUR_MS = 3_600_000;

describe.each(ofThisRun(SQL_DATABASES))('SqlStore on $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('a store shared by many', () => {
    let database: SqlDatabase;
    let kysely: Kysely<unknown>;
    let other: Kysely<unknown>;
    let tables = 0;
    let table: string;
    let store: SqlStore;

    beforeAll(async () => {
      database = await start();
      kysely = database.connect();
      other = database.connect();
    });
    afterAll(() => database?.[Symbol.asyncDispose]());
    beforeEach(async () => {
      tables += 1;
      table = `tokens_${tables}`;
      store = new SqlStore(kysely, { table });
      await store.migrate();
    });

    const run = async (text: string): Promise<Record<string, unknown>[]> =>
      (await sql.raw<Record<string, unknown>>(text).execute(kysely)).rows;
    const written = async (id: string, data = {}, expected = 0): Promise<number> => {
      const version = await store.set(id, data, expected);
      if (version === undefined) throw new Error('the write lost');
      return version;
    };
    const granted = async (asked: Promise<Lease | undefined>): Promise<Lease> => {
      const lease = await asked;
      if (lease === undefined) throw new Error('no lease');
      return lease;
    };
    const listed = async (prefix: string): Promise<string[]> => {
      const ids = [];
      for await (const { id } of store.list(prefix)) ids.push(id);
      return ids;
    };

    test('a list goes by the bytes of ids, in which case counts and no character is a wildcard', async () => {
      const ids = ['task/A', 'task/A_', 'task/Ab', 'task/a', 'task/a%', 'task/a-b', 'task/a/x', 'task/aB', 'task/b'];
      for (const id of ids.toReversed()) await written(id);
      for (const id of ['task.x/a', 'task0/a', 'Task/a', 'tas_/a', '%/a', 'tas%/a']) await written(id);
      expect(await listed('task')).toEqual(ids);
      expect(await listed('task/a')).toEqual(['task/a', 'task/a/x']);
      expect(await listed('tas_')).toEqual(['tas_/a']);
      expect(await listed('%')).toEqual(['%/a']);
      const upper = await store.get(['task/AB', 'TASK/A', 'task/A']);
      expect(upper.map((document) => document?.id)).toEqual([undefined, undefined, 'task/A']);
    });

    test.each([
      [2 * TTL_MS - 2_000, undefined, []],
      [2 * TTL_MS + 2_000, ID, [ID]],
    ])(
      'a lease that ends %i ms from now is held, or free if only a clock that was ahead can have set it',
      async (aheadMs, free, claimed) => {
        await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
        const other = 'key/wx2/access_token';
        await store.set(other, {}, 0);
        for (const id of [ID, other]) await granted(store.lease(id, TTL_MS));
        await run(`update ${table} set lease_until = ${(await store.now()) + aheadMs}`);
        expect((await store.lease(other, TTL_MS))?.id).toBe(free === undefined ? undefined : other);
        expect((await store.claimDue([LANE], 5, TTL_MS)).map(({ id }) => id)).toEqual(claimed);
      },
    );

    test.each([
      [366 * 24 * HOUR_MS - 2_000, []],
      [366 * 24 * HOUR_MS + 2_000, [ID]],
    ])('a document due in %i ms is claimed then, or now if no token lives that long', async (aheadMs, claimed) => {
      await store.set(ID, {}, 0, { due: { lane: LANE, at: (await store.now()) + aheadMs } });
      expect((await store.claimDue(['other', LANE], 5, TTL_MS)).map(({ id }) => id)).toEqual(claimed);
      expect(await store.claimDue(['other', LANE], 5, TTL_MS)).toEqual([]);
    });

    test('ids, prefixes and lanes that no column would hold are refused', async () => {
      for (const id of ['app', 'app/a b', 'app/a ', 'app//a', 'app/ä', `app/${'x'.repeat(385)}`, 'a/b/c/d/e']) {
        await expect(store.get([id]), id).rejects.toThrow(TypeError);
        await expect(store.set(id, {}, 0), id).rejects.toThrow(TypeError);
        await expect(store.lease(id, 1), id).rejects.toThrow(TypeError);
      }
      await expect(listed('')).rejects.toThrow('prefix must be');
      await expect(store.set(ID, {}, 0, { due: { lane: 'x'.repeat(256), at: 1 } })).rejects.toThrow('lane must be');
      await expect(store.claimDue([''], 1, 1)).rejects.toThrow('lane must be');
      expect(await store.get([ID])).toEqual([undefined]);
    });

    test('a late holder may write if no other has, without releasing the lease of the next holder', async () => {
      const version = await written(ID);
      const late = await granted(store.lease(ID, 0));
      const rival = new SqlStore(other, { table });
      const next = await granted(rival.lease(ID, TTL_MS));
      expect(await store.set(ID, { by: 'late' }, version, { lease: late })).toBeGreaterThan(version);
      expect(await store.lease(ID, TTL_MS)).toBeUndefined();
      expect(await rival.set(ID, { by: 'next' }, version, { lease: next })).toBeUndefined();
      expect((await store.get([ID]))[0]?.data).toEqual({ by: 'late' });
      await late.release();
      expect(await store.lease(ID, TTL_MS)).toBeUndefined();
      await next.release();
      await granted(store.lease(ID, TTL_MS));
    });

    test('a write releases a lease that the store does not know', async () => {
      const lease = await granted(store.lease(ID, TTL_MS));
      expect(await store.set(ID, {}, 0, { lease: { ...lease } })).toBeGreaterThan(0);
      await granted(store.lease(ID, TTL_MS));
    });

    test('a store goes by the clock of the database, not by its own', async () => {
      const clock = new FakeClock({ now: 0 });
      const elsewhere = new SqlStore(other, { table, clock });
      expect(Math.abs((await elsewhere.now()) - Date.now())).toBeLessThan(HOUR_MS);
      await granted(elsewhere.lease(ID, TTL_MS));
      await clock.advance(10 * TTL_MS);
      expect(await elsewhere.lease(ID, TTL_MS)).toBeUndefined();
      await granted(elsewhere.lease('key/wx2/access_token', 0));
      await granted(store.lease('key/wx2/access_token', TTL_MS));
    });

    test('versions are microseconds, and grow where the clock is behind', async () => {
      const version = await written(ID);
      expect(Math.abs(version / 1_000 - (await store.now()))).toBeLessThan(HOUR_MS);
      const ahead = version + 1_000_000 * HOUR_MS;
      await run(`update ${table} set version = ${ahead} where id = '${ID}'`);
      expect(await store.set(ID, {}, ahead)).toBe(ahead + 1);
      expect(await store.delete(ID, ahead + 1)).toBe(true);
      expect(await store.set(ID, {}, 0)).toBe(ahead + 3);
    });

    test('an invalid expected version never matches', async () => {
      await written(ID);
      for (const expected of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, -1]) {
        expect(await store.set(ID, {}, expected)).toBeUndefined();
        expect(await store.delete(ID, expected)).toBe(false);
      }
    });

    test('a row whose text is no document keeps its place in the schedule', async () => {
      const due = { lane: 'access_token', at: 1_700_000_000_000 };
      await store.set(ID, { n: 1 }, 0, { due });
      await run(`update ${table} set data = '{"n": 1' where id = '${ID}'`);
      const [document] = await store.get([ID]);
      expect(document).toMatchObject({ data: { damaged: '{"n": 1' }, due });
    });

    test('a row whose text is no document is damaged, not absent, and others can still be read', async () => {
      const version = await written(ID, { n: 1 });
      await written('key/wx2/access_token', { n: 2 });
      for (const text of ['{"n": 1', '[1]', 'null', '7', '']) {
        await run(`update ${table} set data = '${text}' where id = '${ID}'`);
        const documents = [];
        for await (const document of store.list('key')) documents.push(document);
        expect(documents.map(({ id, data }) => [id, data])).toEqual([
          [ID, { damaged: text }],
          ['key/wx2/access_token', { n: 2 }],
        ]);
        expect(await store.get([ID])).toEqual([{ id: ID, version, data: { damaged: text } }]);
      }
      expect(await store.set(ID, {}, 0)).toBeUndefined();
      expect(await store.delete(ID, version)).toBe(true);
    });

    test('an error reveals nothing of what was written', async () => {
      const secret = 'ACCESS-TOKEN-77';
      await run(
        database.dialect === 'sqlite'
          ? `create trigger ${table}_t before insert on ${table} begin select raise(abort, '${secret}'); end`
          : `alter table ${table} add constraint ${table}_c check (data not like '%${secret}%')`,
      );
      const failed = await store.set(ID, { secret }, 0).catch((error: unknown) => error);
      expect(failed).toMatchObject({ name: 'SqlFailure' });
      expect(inspect(failed, { showHidden: true, depth: 9 })).not.toContain(secret);
      expect(await store.get([ID])).toEqual([undefined]);
    });

    test('most operations need one statement, and none more than three', async () => {
      let statements = 0;
      const counting = new SqlStore(
        beforeStatements(kysely, () => (statements += 1)),
        { table },
      );
      const cost = async (work: () => Promise<unknown>): Promise<number> => {
        statements = 0;
        await work();
        return statements;
      };
      await counting.now();
      const isMysql = database.dialect === 'mysql';
      const isPostgres = database.dialect === 'postgres';
      const due = { lane: LANE, at: 1 };
      let version: number | undefined;
      let lease: Lease | undefined;
      expect(await cost(() => counting.now())).toBe(1);
      expect(await cost(async () => (version = await counting.set(ID, {}, 0, { due })))).toBe(isMysql ? 2 : 1);
      expect(await cost(async () => (lease = await counting.lease(ID, TTL_MS)))).toBe(isPostgres ? 1 : 2);
      expect(await cost(() => counting.lease(ID, TTL_MS))).toBe(isMysql ? 2 : 1);
      expect(await cost(() => counting.set(ID, {}, version ?? 0, { due, lease: lease as Lease }))).toBe(1);
      expect(await cost(() => counting.get(Array.from({ length: 2_000 }, (_, index) => `app/${index}`)))).toBe(1);
      const lanes = Array.from({ length: 10 }, (_, index) => `lane${index}`);
      expect(await cost(() => counting.claimDue([LANE, ...lanes], 50, TTL_MS))).toBe(
        { mysql: 3, sqlite: 2, postgres: 1 }[database.dialect],
      );
      const [document] = await counting.get([ID]);
      expect(await cost(() => counting.delete(ID, document?.version ?? 0))).toBe(1);
    });

    test('four simultaneous claims all get as many leases as they asked for', async () => {
      for (let index = 0; index < 100; index++)
        await store.set(`key/wx${index}/a`, {}, 0, { due: { lane: LANE, at: index + 1 } });
      const stores = [store, new SqlStore(other, { table })] as const;
      const claims = await Promise.all([0, 1, 0, 1].map((user) => stores[user as 0 | 1].claimDue([LANE], 10, TTL_MS)));
      expect(claims.map((leases) => leases.length)).toEqual([10, 10, 10, 10]);
      expect(new Set(claims.flat().map(({ id }) => id)).size).toBe(40);
    });

    test('a claim takes the earliest of all lanes', async () => {
      const lanes = ['a', 'b', 'c'];
      for (let index = 0; index < 30; index++) {
        await store.set(`key/wx${index}/x`, {}, 0, { due: { lane: lanes[index % 3] ?? '', at: 1_000 - index } });
      }
      const leases = await store.claimDue(lanes, 4, TTL_MS);
      expect(leases.map(({ document }) => document?.due?.at)).toEqual([971, 972, 973, 974]);
      for (let at = 975; at < 990; at++) await granted(store.lease(`key/wx${1_000 - at}/x`, TTL_MS));
      const behind = await store.claimDue(lanes, 1, TTL_MS);
      expect(behind.map(({ document }) => document?.due?.at)).toEqual([990]);
    });

    test('plugins of Kysely do not disturb the store', async () => {
      const plugged = new SqlStore(kysely.withPlugin(new CamelCasePlugin()), { table });
      const version = await plugged.set(ID, { some_name: 1 }, 0, { due: { lane: LANE, at: 5 } });
      expect(await plugged.get([ID])).toEqual([
        { id: ID, version, data: { some_name: 1 }, due: { lane: LANE, at: 5 } },
      ]);
    });

    test('documents deleted or only leased a week ago are cleared away, and nothing else', async () => {
      const clock = new FakeClock();
      const clearing = new SqlStore(kysely, { table, clock });
      await clearing.now();
      const due = { lane: LANE, at: 1 };
      for (const id of ['app/kept', 'app/old', 'app/recent']) await written(id);
      await clearing.set('app/due', {}, 0, { due });
      for (const id of ['app/old', 'app/recent']) {
        const [document] = await clearing.get([id]);
        await clearing.delete(id, document?.version ?? 0);
      }
      for (const id of ['app/lapsed', 'app/held']) await clearing.lease(id, id === 'app/held' ? TTL_MS : 0);
      await run(`update ${table} set due_at = 1 where lane is null and due_at is not null and id <> 'app/recent'`);
      await clock.advance(HOUR_MS);
      await clearing.now();
      // A store that is being closed begins no statement, and clearing takes two.
      const ids = async (): Promise<unknown[]> =>
        (await run(`select id from ${table} order by id`)).map(({ id }) => id);
      await expect.poll(ids).toEqual(['app/due', 'app/held', 'app/kept', 'app/recent', 'format']);
      await clearing.close();
    });

    test('a deleted document can be cleared away only after a week', async () => {
      const version = await written(ID);
      await store.delete(ID, version);
      const [row] = await run(`select due_at from ${table} where id = '${ID}'`);
      const days = (Number(row?.due_at) - (await store.now())) / (24 * HOUR_MS);
      expect(days).toBeGreaterThan(6.9);
      expect(days).toBeLessThanOrEqual(7);
    });

    test('a closed store leaves no timer behind, and Kysely still works', async () => {
      const clock = new FakeClock();
      const closing = new SqlStore(kysely, { table, clock });
      await closing.watch(() => undefined);
      expect(clock.pendingTimers).toBe(1);
      await closing.close();
      expect(clock.pendingTimers).toBe(0);
      await expect(closing.migrate()).rejects.toThrow('the store is closed');
      await expect(closing.now()).rejects.toThrow('the store is closed');
      expect(await store.now()).toBeGreaterThan(0);
    });

    test('a Kysely that was destroyed is an error that says so', async () => {
      const destroyed = database.connect();
      const late = new SqlStore(destroyed, { table });
      await late.now();
      await destroyed.destroy();
      await expect(late.get([ID])).rejects.toMatchObject({ code: 'DATABASE_CLOSED' });
      await late.close();
    });

    test('a failure other than a write conflict is not retried', async () => {
      let statements = 0;
      const failing = new SqlStore(
        beforeStatements(kysely, () => {
          statements += 1;
          throw Object.assign(new Error(), { code: 'ECONNRESET' });
        }),
        { table },
      );
      await expect(failing.get([ID])).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(statements).toBe(1);
    });

    test('a watch notifies with the version that was written', async () => {
      const told: unknown[] = [];
      const clock = new FakeClock();
      const watching = new SqlStore(kysely, { table, clock });
      const tell: ChangeListener = (id, version) => told.push({ id, version });
      await watching.watch(tell);
      const version = await watching.set(ID, {}, 0);
      await pollUntil(clock, () => told.length > 0);
      expect(told).toEqual([{ id: ID, version }]);
      await watching.close();
    });

    test('a watch skips changes with a future time, from before the clock was set back', async () => {
      const told: (string | undefined)[] = [];
      const clock = new FakeClock();
      const watching = new SqlStore(kysely, { table, clock });
      await watching.watch((id) => told.push(id));
      await written('app/ahead');
      await run(`update ${table} set changed_at = changed_at + ${HOUR_MS} where id = 'app/ahead'`);
      await written(ID);
      await pollUntil(clock, () => told.length > 0);
      expect(told).toEqual([ID]);
      await watching.close();
    });

    test('a watch survives a database that fails for a while', async () => {
      const clock = new FakeClock();
      const told: (string | undefined)[] = [];
      let fails = false;
      const shaky = beforeStatements(kysely, () => {
        if (fails) throw new Error('down');
      });
      const watching = new SqlStore(shaky, { table, clock });
      await watching.watch((id) => told.push(id));
      fails = true;
      await clock.advance(2_000);
      fails = false;
      await pollUntil(clock, () => told.length > 0);
      expect(told).toEqual([undefined]);
      await watching.close();
    });
  });
});

/** Lets polls run, on the fake clock and then in real time, until the condition holds. */
async function pollUntil(clock: FakeClock, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    await clock.advance(500);
    await new Promise<void>((resolve) => systemClock.setTimer(resolve, 1, { ref: true }));
  }
}
