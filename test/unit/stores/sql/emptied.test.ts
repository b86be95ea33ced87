import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';
import { TokenManager } from '../../../../src/index.js';
import { SqlStore } from '../../../../src/stores/sql/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { connectSqlite } from '../../../support/servers/sql-databases.js';

const APPID = 'wx1';
const TYPE = 'access_token';
const WAIT = { timeout: 20_000, interval: 50 };
const IDS = [`app/${APPID}`, `task/${APPID}/${TYPE}`, `key/${APPID}/${TYPE}`];

interface Scene {
  readonly kysely: Kysely<unknown>;
  readonly clock: FakeClock;
  readonly tokens: TokenManager;
  readonly store: SqlStore;
  readonly replacements: string[];
}

async function scene(): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'sqlite-'));
  const kysely = connectSqlite(join(directory, 'tokens.db'));
  onTestFinished(async () => {
    await kysely.destroy();
    await rm(directory, { recursive: true, force: true });
  });
  const clock = new FakeClock({ random: 0.5 });
  const store = new SqlStore(kysely);
  await store.migrate();
  let fetches = 0;
  const refresh = async () => ({ value: `token-${++fetches}`, expiresInSeconds: 7_200 });
  const refreshers = [{ type: TYPE, refresh }];
  const tokens = new TokenManager({ store: new SqlStore(kysely, { clock }), clock, refreshers });
  const replacements: string[] = [];
  tokens.on('storeReplaced', ({ replacement }) => void replacements.push(replacement));
  onTestFinished(async () => {
    await tokens.close();
    await store.close();
  });
  await tokens.register({ appid: APPID, secret: 'S', tasks: [TYPE] });
  await tokens.get(APPID, TYPE);
  return { kysely, clock, tokens, store, replacements };
}

test('a table that was emptied gets back what was in it', async () => {
  const { kysely, clock, tokens, store, replacements } = await scene();
  await sql`delete from wechat_token_manager where id like '%/%'`.execute(kysely);
  await vi.waitFor(async () => {
    await clock.advance(5_000);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    expect((await store.get(IDS)).every((found) => found !== undefined)).toBe(true);
  }, WAIT);
  expect(replacements).toEqual(['another']);
});

test('a table that was restored from a backup gets what was registered and fetched since', async () => {
  const { kysely, clock, tokens, store, replacements } = await scene();
  await vi.waitFor(async () => expect((await store.get(['store/~history']))[0]).toBeDefined());
  await sql`create table backup as select * from wechat_token_manager`.execute(kysely);
  await clock.advance(2_000);
  await tokens.register({ appid: APPID, secret: 'newer', tasks: [TYPE] });
  await tokens.register({ appid: 'wx2', secret: 'S', tasks: [TYPE] });
  await tokens.refresh(APPID, TYPE, { force: true });
  const versionIn = async (table: string): Promise<number> => {
    const { rows } = await sql<{ version: number }>`
      select version from ${sql.table(table)} where id = 'store/~history'`.execute(kysely);
    return Number(rows[0]?.version);
  };
  // Registrations are noted in the history behind whatever else is done.
  await vi.waitFor(async () => {
    await clock.advance(1_000);
    expect(await versionIn('wechat_token_manager')).toBeGreaterThan(await versionIn('backup'));
  }, WAIT);
  await sql`delete from wechat_token_manager`.execute(kysely);
  await sql`insert into wechat_token_manager select * from backup`.execute(kysely);
  await vi.waitFor(async () => {
    await clock.advance(5_000);
    await tokens.get(APPID, TYPE);
    const [app, other, key] = await store.get([`app/${APPID}`, 'app/wx2', `key/${APPID}/${TYPE}`]);
    expect([app?.data['secret'], other?.data['secret']]).toEqual(['newer', 'S']);
    expect(JSON.stringify(key?.data)).toContain(await tokens.get(APPID, TYPE));
  }, WAIT);
  expect([replacements, await tokens.get(APPID, TYPE)]).toEqual([['backup'], expect.not.stringMatching('token-1')]);
});
