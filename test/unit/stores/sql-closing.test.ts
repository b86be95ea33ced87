import {
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import { describe, expect, test } from 'vitest';
import { SqlStore } from '../../../src/stores/sql/index.js';
import { FORMAT } from '../../../src/stores/sql/table.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

/** What the row of the table's format and the clock of the database answer. */
const ANSWER = { version: FORMAT, settings: '', now_ms: 1, id: null };

/** A database without documents, which answers when the test lets it. */
class Script extends DummyDriver {
  readonly statements: string[] = [];
  answer: (statement: string) => readonly object[] | Promise<readonly object[]> = () => [ANSWER];

  override async acquireConnection(): Promise<DatabaseConnection> {
    return {
      executeQuery: async <Row>({ sql }: { readonly sql: string }): Promise<QueryResult<Row>> => {
        this.statements.push(sql);
        return { rows: (await this.answer(sql)) as Row[] };
      },
      async *streamQuery() {},
    };
  }
}

function storeOf(script: Script, clock: FakeClock, listen?: () => Promise<() => Promise<void>>): SqlStore {
  const kysely = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => script,
      createIntrospector: (database) => new PostgresIntrospector(database),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  return new SqlStore(kysely, { clock, ...(listen === undefined ? {} : { listen }) });
}

/** How many statements are sent within a minute. */
async function sentIn(clock: FakeClock, { statements }: Script): Promise<number> {
  const before = statements.length;
  await clock.advance(60_000);
  return statements.length - before;
}

describe('a SqlStore that is closed', () => {
  test('while it waits to be listening looks for changes no more, and ends the listening when it comes', async () => {
    const clock = new FakeClock();
    const script = new Script();
    let ended = 0;
    let grant = (): void => {};
    const store = storeOf(script, clock, () => {
      return new Promise((resolve) => {
        grant = () => resolve(async () => void ended++);
      });
    });
    const watching = store.watch(() => {}).catch((error: Error) => error.message);
    await clock.advance(1_000);
    await store.close();
    expect([clock.pendingTimers, await sentIn(clock, script)]).toEqual([0, 0]);
    grant();
    expect([await watching, ended]).toEqual(['the store is closed', 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('while a watch makes its first look neither looks again nor begins to listen', async () => {
    const clock = new FakeClock();
    const script = new Script();
    let listens = 0;
    const store = storeOf(script, clock, async () => {
      listens += 1;
      return async () => {};
    });
    let answer = (): void => {};
    script.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve([ANSWER]);
      });
    const watching = store.watch(() => {}).catch((error: Error) => error.message);
    await clock.advance(0);
    await store.close();
    script.answer = () => [ANSWER];
    answer();
    expect([await watching, listens]).toEqual(['the store is closed', 0]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('whose listen throws at once leaves nothing behind', async () => {
    const clock = new FakeClock();
    const store = storeOf(new Script(), clock, () => {
      throw new Error('no connection left');
    });
    await expect(store.watch(() => {})).rejects.toThrow('no connection left');
    expect(clock.pendingTimers).toBe(0);
    await store.close();
  });

  test('ends the watches that it has, once', async () => {
    const clock = new FakeClock();
    const script = new Script();
    let ended = 0;
    const store = storeOf(script, clock, async () => async () => void ended++);
    const end = await store.watch(() => {});
    await store.watch(() => {});
    await end();
    expect(ended).toBe(1);
    await store.close();
    await end();
    expect([ended, clock.pendingTimers, await sentIn(clock, script)]).toEqual([2, 0, 0]);
  });

  test.each([
    ['looks for rows to clear', 'select id'],
    ['checks its table', 'select'],
  ])('while it %s sends nothing after that', async (_, beginning) => {
    const clock = new FakeClock();
    const script = new Script();
    const store = storeOf(script, clock);
    if (beginning === 'select id') {
      await store.now();
      await clock.advance(3_600_000);
    }
    let answer = (): void => {};
    script.answer = (statement) => {
      if (!statement.trim().startsWith(beginning)) return [ANSWER];
      return new Promise((resolve) => {
        answer = () => resolve([{ ...ANSWER, id: 'app/wx1' }]);
      });
    };
    const now = store.now().catch(() => {});
    await clock.advance(0);
    expect(script.statements.some((statement) => statement.trim().startsWith(beginning))).toBe(true);
    const sent = script.statements.length;
    const closed = store.close();
    answer();
    await Promise.all([now, closed]);
    await clock.advance(60_000);
    expect([script.statements.length - sent, clock.pendingTimers]).toEqual([0, 0]);
  });
});
