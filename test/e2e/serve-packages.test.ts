import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { ServeWorld } from '../support/servers/serve-process.js';
import { StoreTrials } from '../support/stores/store-trials.js';

let world: ServeWorld;
let trials: StoreTrials;

beforeEach(() => {
  trials = new StoreTrials(() => world);
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  trials.expectNoSecrets();
});

describe('a package that is not installed', () => {
  test.each([
    ['redis://a.test', 'Redis', 'redis (or ioredis or iovalkey)'],
    ['postgres://a.test/db', 'PostgreSQL', 'kysely pg'],
    ['mysql://a.test/db', 'MySQL', 'kysely mysql2'],
  ])('a missing package for %s is named', async (url, what, packages) => {
    world = await ServeWorld.installed();
    expect(await trials.failure(url)).toEqual({
      code: 2,
      said: `--store: ${what} requires a package that is not installed: npm install ${packages}, where the command is run or beside this package`,
    });
  });

  test('a missing package for SQLite is named, but not a driver that Node has itself', async () => {
    world = await ServeWorld.installed();
    const { code, said } = await trials.failure('sqlite:./tokens.db');
    expect(code).toBe(2);
    expect(said).toMatch(
      /^--store: SQLite requires a package that is not installed: npm install kysely( better-sqlite3 \(or libsql\))?, /,
    );
  });

  test('only the missing one of two packages is named', async () => {
    world = await ServeWorld.installed(['kysely']);
    expect((await trials.failure('postgres://a.test/db')).said).toContain(': npm install pg, ');
    const ddl = world.command(['ddl', 'sqlite']);
    expect(await ddl.exited).toBe(0);
  });

  test('ddl names the missing package', async () => {
    world = await ServeWorld.installed();
    const ddl = world.command(['ddl', 'sqlite']);
    expect(await ddl.exited).toBe(2);
    expect(ddl.errors).toContain('npm install kysely, ');
  });

  test('a store in a directory needs no package', async () => {
    world = await ServeWorld.installed();
    await trials.serves(world.path('store'));
  });
});

describe('installed packages', () => {
  test.each([
    ['beside the package', ['kysely', 'libsql'], []],
    ['where the command is run', [], ['kysely', 'libsql']],
    ['one here and one there', ['kysely'], ['libsql']],
  ])('packages may be installed %s', async (_where, beside, here) => {
    world = await ServeWorld.installed(beside, here);
    await trials.serves('sqlite:./tokens.db');
    expect((await readFile(world.path('here/tokens.db'))).toString('latin1', 0, 15)).toBe('SQLite format 3');
  });

  test.runIf(isBuiltin('node:sqlite'))('SQLite needs only kysely where Node has a driver', async () => {
    world = await ServeWorld.installed([], ['kysely']);
    const wechat = await FakeWeChat.start();
    const server = await world.start(['--wechat-origin', wechat.origin], { WECHAT_TOKENS_STORE: 'sqlite:./tokens.db' });
    await server.register('wx0123456789abcdef', 'secret');
    expect(await server.task('wx0123456789abcdef')).toMatchObject({ code: 200, result: expect.any(String) });
    expect(await server.stop()).toBe(0);
    await wechat.close();
  });
});
