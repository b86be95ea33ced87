import {
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteQueryCompiler,
} from 'kysely';
import { describe, expect, test } from 'vitest';
import { StoreFailure } from '../../../../src/core/primitives/store-failure.js';
import { type SqlDialect, SqlStore } from '../../../../src/stores/sql/index.js';
import { FORMAT } from '../../../../src/stores/sql/table.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

/** What the row of the table's format and the clock of the database answer. */
const ANSWER = { version: FORMAT, settings: '', now_ms: 1, id: null };
const ROW = { ...ANSWER, id: 'app/wx1' };
const ID = 'key/wx1/access_token';
const TTL_MS = 20_000;

const DIALECTS = {
  postgres: [PostgresAdapter, PostgresQueryCompiler],
  mysql: [MysqlAdapter, MysqlQueryCompiler],
  sqlite: [SqliteAdapter, SqliteQueryCompiler],
} as const;

/** A database without documents, which answers when the test lets it. */
class Script extends DummyDriver {
  readonly statements: string[] = [];
  answer: (statement: string) => readonly object[] | Promise<readonly object[]> = () => [ANSWER];

  override async acquireConnection(): Promise<DatabaseConnection> {
    return {
      executeQuery: async <Row>({ sql }: { readonly sql: string }): Promise<QueryResult<Row>> => {
        this.statements.push(sql);
        return { rows: (await this.answer(sql)) as Row[], numAffectedRows: 0n };
      },
      async *streamQuery() {},
    };
  }
}

interface StoreParts {
  readonly dialect?: SqlDialect;
  readonly listen?: () => Promise<() => Promise<void>>;
}

function storeOf(script: Script, clock: FakeClock, { dialect = 'postgres', ...options }: StoreParts = {}): SqlStore {
  const [Adapter, QueryCompiler] = DIALECTS[dialect];
  const kysely = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new Adapter(),
      createDriver: () => script,
      createIntrospector: (database) => new PostgresIntrospector(database),
      createQueryCompiler: () => new QueryCompiler(),
    },
  });
  return new SqlStore(kysely, { clock, ...options });
}

/** Answers each statement with these rows, the one after the first `answered` when the returned function is called. */
function holdAfter(script: Script, answered: number, rows: readonly object[]): () => void {
  let answer = (): void => {};
  script.answer = () => {
    if (script.statements.length !== answered + 1) return rows;
    return new Promise((resolve) => {
      answer = () => resolve(rows);
    });
  };
  return () => answer();
}

async function listAll(store: SqlStore): Promise<number> {
  let documents = 0;
  for await (const _ of store.list('app')) documents += 1;
  return documents;
}

/** How many statements are sent within a minute. */
async function sentIn(clock: FakeClock, { statements }: Script): Promise<number> {
  const before = statements.length;
  await clock.advance(60_000);
  return statements.length - before;
}

describe('a SqlStore that is closed', () => {
  test('a store closed before it listens polls no more, and ends the listening when it comes', async () => {
    const clock = new FakeClock();
    const script = new Script();
    let ended = 0;
    let grant = (): void => {};
    const listen = () =>
      new Promise<() => Promise<void>>((resolve) => {
        grant = () => resolve(async () => void ended++);
      });
    const store = storeOf(script, clock, { listen });
    const watching = store.watch(() => {}).catch((error: Error) => error.message);
    await clock.advance(1_000);
    await store.close();
    expect([clock.pendingTimers, await sentIn(clock, script)]).toEqual([0, 0]);
    grant();
    expect([await watching, ended]).toEqual(['the store is closed', 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a store closed during the first read of a watch neither reads again nor begins to listen', async () => {
    const clock = new FakeClock();
    const script = new Script();
    let listens = 0;
    const listen = async () => {
      listens += 1;
      return async () => {};
    };
    const store = storeOf(script, clock, { listen });
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

  test('a watch whose listen throws at once leaves nothing behind', async () => {
    const clock = new FakeClock();
    const listen = () => {
      throw new Error('no connection left');
    };
    const store = storeOf(new Script(), clock, { listen });
    await expect(store.watch(() => {})).rejects.toThrow('no connection left');
    expect(clock.pendingTimers).toBe(0);
    await store.close();
  });

  test('a watch whose listen is refused by the database tells what the database said', async () => {
    const message = 'too many connections for role "tokens"';
    const listen = () => Promise.reject(Object.assign(new Error(message), { code: '53300' }));
    const store = storeOf(new Script(), new FakeClock(), { listen });
    await expect(store.watch(() => {})).rejects.toMatchObject({
      name: 'SqlFailure',
      code: 'UNREACHABLE',
      message: `the database cannot be reached, or closed the connection (53300): ${message}`,
    });
    await store.close();
  });

  test('close ends each watch once', async () => {
    const clock = new FakeClock();
    const script = new Script();
    let ended = 0;
    const store = storeOf(script, clock, { listen: async () => async () => void ended++ });
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
  ])('a store closed while it %s sends nothing after that', async (_, beginning) => {
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

  test.each<[string, SqlDialect, number, readonly object[], (store: SqlStore) => Promise<unknown>]>([
    ['creates a document', 'mysql', 3, [], (store) => store.set(ID, {}, 0)],
    ['writes a large document', 'mysql', 2, [{ packet: 1e9 }], (store) => store.set(ID, { text: 'x'.repeat(3e5) }, 1)],
    ['takes a lease', 'mysql', 2, [], (store) => store.lease(ID, TTL_MS)],
    ['claims', 'mysql', 3, [ROW], (store) => store.claimDue(['access_token'], 5, TTL_MS)],
    ['takes a lease', 'sqlite', 2, [], (store) => store.lease(ID, TTL_MS)],
    ['claims', 'sqlite', 2, [ROW], (store) => store.claimDue(['access_token'], 5, TTL_MS)],
    ['reads many documents', 'postgres', 2, [], (store) => store.get(Array.from({ length: 10_001 }, () => ID))],
    ['lists', 'postgres', 2, Array.from({ length: 200 }, () => ROW), listAll],
  ])('a store closed while it %s (%s), which takes %i statements, sends nothing after that', async (...given) => {
    const [, dialect, statements, rows, operate] = given;
    for (let answered = 0; answered < statements - 1; answered++) {
      const clock = new FakeClock();
      const script = new Script();
      const store = storeOf(script, clock, { dialect });
      const answer = holdAfter(script, answered, rows);
      const outcome = operate(store).catch((error: unknown) => error);
      await expect.poll(() => script.statements.length).toBe(answered + 1);
      await store.close();
      answer();
      expect(await outcome).toEqual(new StoreFailure('the store is closed'));
      expect([script.statements.length, clock.pendingTimers]).toEqual([answered + 1, 0]);
    }
  });

  test('close ends the wait before a statement is sent again', async () => {
    const clock = new FakeClock();
    const script = new Script();
    script.answer = () => Promise.reject(Object.assign(new Error('deadlock detected'), { code: '40P01' }));
    const store = storeOf(script, clock);
    const reading = store.get([ID]).catch((error: unknown) => error);
    await expect.poll(() => clock.pendingTimers).toBe(1);
    await store.close();
    expect(await reading).toEqual(new StoreFailure('the store is closed'));
    expect([script.statements.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('close rejects what waits behind a statement of SQLite', async () => {
    const script = new Script();
    const store = storeOf(script, new FakeClock(), { dialect: 'sqlite' });
    const answer = holdAfter(script, 0, []);
    const first = store.get([ID]);
    const second = store.get([ID]).catch((error: unknown) => error);
    await expect.poll(() => script.statements.length).toBe(1);
    await store.close();
    expect(await second).toEqual(new StoreFailure('the store is closed'));
    answer();
    expect(await first).toEqual([undefined]);
    expect(script.statements.length).toBe(1);
  });
});
