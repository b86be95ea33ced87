import { type CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SqlStore } from '../../src/stores/sql/index.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../support/servers/postgres-server.js';

const LANES = ['a', 'b', 'c'];

interface Plan {
  readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number };
}

describe.skipIf(!hasPostgres())('a claim in PostgreSQL', () => {
  let server: PostgresServer;
  let kysely: Kysely<unknown>;
  const statements: CompiledQuery[] = [];

  beforeAll(async () => {
    server = await startPostgres();
    const dialect = new PostgresDialect({ pool: new pg.Pool(server.connection) });
    kysely = new Kysely({ dialect, log: ({ query }) => void statements.push(query) });
  });

  afterAll(async () => {
    await kysely?.destroy();
    await server?.[Symbol.asyncDispose]();
  });

  it('a claim stays cheap when more is due than the statistics of the database say', async () => {
    const store = new SqlStore(kysely, { table: 'tokens' });
    await store.migrate();
    await sql`insert into tokens (id, version, data, lane, due_at, changed_at, lease_until)
      select 'key/wx' || number || '/a', 1, '{}', 'a', 9000000000000, 0, 0 from generate_series(1, 3000) as number`.execute(
      kysely,
    );
    await sql`analyze tokens`.execute(kysely);
    await sql`update tokens set due_at = version where lane = 'a'`.execute(kysely);
    expect(await blocksOf(() => store.claimDue(LANES, 16, 1_000))).toBeLessThan(2_000);
    await store.close();
  });

  async function blocksOf(work: () => Promise<unknown>): Promise<number> {
    statements.length = 0;
    await work();
    const [statement] = statements;
    if (statement === undefined) throw new Error('nothing was sent');
    const explained = { ...statement, sql: `explain (analyze, buffers, format json) ${statement.sql}` };
    const { rows } = await kysely.executeQuery<{ 'QUERY PLAN': readonly Plan[] }>(explained);
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
    return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
  }
});
