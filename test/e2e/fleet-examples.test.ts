import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { FileStore, TokenManager, type TokenManagerOptions } from 'wechat-token-manager';
import { SqlStore } from 'wechat-token-manager/sql';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { FleetTally } from '../../examples/fleet/fleet-tally.js';
import { follow, tokenOfOthers } from '../../examples/fleet/follower.js';
import { moveStore } from '../../examples/fleet/move-store.js';
import { sqlite } from '../../examples/fleet/other-dialects.js';
import { joinOnSql } from '../../examples/fleet/sql.js';
import { connectSqlite } from '../support/servers/sql-databases.js';
import { expectOneFleet } from '../support/stores/one-fleet.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';
const TABLE = 'wechat_tokens';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = join(ROOT, 'build/fleet-test');

let wechat: FakeWeChat;
let directory: string;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  directory = await mkdtemp(join(tmpdir(), 'fleet-'));
});

afterEach(async () => {
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

const here = (): TokenManagerOptions => ({ wechat: { origins: [wechat.origin] } });

test('other-dialects: managers with one file of SQLite are a fleet', async () => {
  await expectOneFleet((options) => joinOnSql(sqlite(join(directory, 'tokens.db')), TABLE, options));
});

test('follower serves the tokens that others have fetched, reports a stale token to them, and does not call WeChat', async () => {
  const path = join(directory, 'tokens.db');
  const { tokens, leave } = await joinOnSql(sqlite(path), TABLE, here());
  const kysely = connectSqlite(path);
  const follower = follow(new SqlStore(kysely, { table: TABLE }));
  onTestFinished(async () => {
    await follower.close();
    await kysely.destroy();
    await leave();
  });
  await tokens.register({ appid: 'wx1', secret: SECRET });
  expect(await tokenOfOthers(follower, 'wx1')).toBeUndefined();
  await expect(tokenOfOthers(follower, 'wx2')).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  expect(wechat.countCalls()).toBe(0);

  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  const first = await tokens.get(APPID, 'access_token');
  expect(await tokenOfOthers(follower, APPID)).toBe(first);
  wechat.revoke(APPID);
  const second = await follower.refresh(APPID, 'access_token', { stale: first });
  expect([second === first, wechat.isValid(second)]).toEqual([false, true]);
  expect(await tokens.get(APPID, 'access_token')).toBe(second);
});

test('move-store moves everything: WeChat is not called, and refresh tokens stay usable', async () => {
  const openid = 'openid';
  const before = new TokenManager({ ...here(), store: new FileStore(join(directory, 'files')) });
  await before.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  const token = await before.get(APPID, 'access_token');
  const { refresh_token } = wechat.authorizeUser(APPID, openid);
  await before.register({
    appid: APPID,
    tasks: [{ type: 'oauth2_access_token', subject: openid, params: { refresh_token } }],
  });
  const first = await before.get(APPID, 'oauth2_access_token', { subject: openid });
  await before.close();
  const calls = wechat.countCalls();

  const files = new FileStore(join(directory, 'files'));
  const path = join(directory, 'tokens.db');
  const kysely = connectSqlite(path);
  const table = new SqlStore(kysely, { table: TABLE });
  await table.migrate();
  expect(await moveStore(files, table)).toBeGreaterThan(4);
  expect(await moveStore(files, table)).toBe(0);
  await files.close();
  await table.close();
  await kysely.destroy();

  const { tokens, leave } = await joinOnSql(sqlite(path), TABLE, here());
  onTestFinished(leave);
  expect(await tokens.get(APPID, 'access_token')).toBe(token);
  expect(await tokens.get(APPID, 'oauth2_access_token', { subject: openid })).toBe(first);
  expect(wechat.countCalls()).toBe(calls);
  wechat.expire(first);
  const second = await tokens.refresh(APPID, 'oauth2_access_token', { subject: openid, stale: first });
  expect([second === first, wechat.isValid(second), wechat.replays]).toEqual([false, true, 0]);
});

describe('the tally', () => {
  const event = { kind: 'refreshed', appid: 'wx1', expiresAt: 10_000, dueAt: 5_000 } as const;

  test('the spread lasts until the last process that was ready has a token', () => {
    const tally = new FleetTally();
    tally.ready('B');
    tally.ready('C');
    tally.refreshed('B', { ...event, version: 1, source: 'store', at: 1_050 });
    tally.refreshed('A', { ...event, version: 1, source: 'upstream', at: 1_000 });
    tally.refreshed('C', { ...event, version: 1, source: 'store', at: 1_200 });
    tally.refreshed('late', { ...event, version: 1, source: 'store', at: 9_000 });
    expect(tally.spreadMs()).toEqual({ median: 200, worst: 200 });
    expect(tally.of('A').refreshes).toBe(1);
  });

  test('the tally knows when each token was due, no matter which process reported it', () => {
    const tally = new FleetTally();
    tally.refreshed('B', { ...event, version: 7, source: 'store', at: 1_050, dueAt: 9_000 });
    tally.refreshed('A', { ...event, version: 3, source: 'upstream', at: 1_000 });
    tally.refreshed('B', { ...event, version: 3, source: 'store', at: 1_000 });
    expect(tally.dueTimesOf('wx1')).toEqual([5_000, 9_000]);
    expect(tally.dueTimesOf('wx2')).toEqual([]);
  });
});

describe('the demo', () => {
  const program = join(OUT, 'fleet/main.js');
  let demo: ChildProcess | undefined;

  beforeAll(async () => {
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const project = join(ROOT, 'examples/tsconfig.json');
    await promisify(execFile)(process.execPath, [compiler, '-p', project, '--outDir', OUT]);
  });

  afterEach(() => void demo?.kill('SIGKILL'));

  afterAll(() => rm(OUT, { recursive: true, force: true }));

  /** Runs the demo until it prints `expected`, or to its end without that, and returns what it has printed. */
  function run(kind: 'redis' | 'sql', env: Record<string, string>, expected?: string): Promise<string> {
    const started = spawn(process.execPath, [program, kind], {
      env: { ...process.env, REDIS_URL: '', DATABASE_URL: '', TMPDIR: directory, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    demo = started;
    let output = '';
    return new Promise((resolve) => {
      const hear = (data: Buffer): void => {
        output += data.toString();
        if (expected !== undefined && output.includes(expected)) resolve(output);
      };
      started.stdout.on('data', hear);
      started.stderr.on('data', hear);
      started.once('close', () => resolve(output));
    });
  }

  test('the demo says what to install where there is no Redis', async () => {
    expect(await run('redis', { PATH: directory })).toMatch(/^The demo failed: there is no redis-server .*\n$/);
    expect(demo?.exitCode).toBe(1);
  });

  test('the demo says in one line that a server of the user cannot be reached', async () => {
    const output = await run('redis', { REDIS_URL: 'redis://:canary-password@127.0.0.1:1' });
    expect(output).toMatch(/^The demo failed: .*ECONNREFUSED.*\n$/);
    expect(output).not.toContain('canary');
    expect(demo?.exitCode).toBe(1);
  });

  test('the demo runs on SQLite alone, and leaves nothing behind when it is interrupted', async () => {
    const file = join(directory, `${randomUUID()}.db`);
    const output = await run('sql', { DATABASE_URL: `sqlite:${file}` }, 'has every token, and never asks WeChat');
    expect(output).toContain('4 processes serve 10 keys');
    const exited = once(demo as ChildProcess, 'exit');
    demo?.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    expect((await readdir(directory)).filter((name) => !name.startsWith(file.slice(directory.length + 1)))).toEqual([]);
    const kysely = connectSqlite(file);
    const tables = await kysely.introspection.getTables();
    await kysely.destroy();
    expect(tables).toEqual([]);
  });
});
