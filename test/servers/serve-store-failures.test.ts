import { once } from 'node:events';
import { createServer } from 'node:net';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasMariadb, type MariadbServer, startMariadb } from '../support/servers/mariadb-server.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../support/servers/postgres-server.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';
import { ServeWorld } from '../support/servers/serve-process.js';
import { SERVE_STORES, type StorePlace } from '../support/stores/serve-stores.js';
import { StoreTrials } from '../support/stores/store-trials.js';

const SERVERS = SERVE_STORES.filter(({ isServer }) => isServer);

let world: ServeWorld;
let trials: StoreTrials;

beforeEach(() => {
  trials = new StoreTrials(() => world);
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  trials.expectNoSecrets();
});

for (const { name, isHere, start } of SERVERS) {
  describe.skipIf(!isHere())(`serve on ${name}`, () => {
    let place: StorePlace;
    const shown = (): string =>
      place
        .url('x')
        .replace(/[^/]*@/, '')
        .replace(/\?.*/, '');

    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place[Symbol.asyncDispose]());
    beforeEach(async () => {
      world = await ServeWorld.create();
    });

    test('serve does not start with a wrong password', async () => {
      const { code, said } = await trials.failure(place.withPassword('CANARY-wrong') ?? '');
      expect(code).toBe(1);
      expect(said).toMatch(/reject.*; check the URL$/);
      expect(said.startsWith(`the store ${shown()} cannot be used: `)).toBe(true);
    });

    // This tests the built command: a bundler drops code that it takes to be without effect.
    test('serve does not start with a password that is not percent-encoded', async () => {
      const { code, said } = await trials.failure(place.withPassword('CANARY')?.replace('CANARY', 'CANARY%zz') ?? '');
      expect(code).toBe(2);
      expect(said).toMatch(/^WECHAT_TOKENS_STORE must be a URL like .* has to be percent-encoded$/);
    });

    test('serve does not start with a missing database', async () => {
      const other = new URL(place.url('x'));
      other.pathname = name === 'Redis' ? '/999' : '/nothing';
      const { code, said } = await trials.failure(other.href);
      expect(code).toBe(1);
      expect(said).toMatch(
        name === 'Redis'
          ? /check the URL, including the number of the database$/
          : /wrong name, password, database or privileges/,
      );
    });

    test('serve does not start while nothing listens, and starts afterwards', async () => {
      await place.kill();
      try {
        const { code, said } = await trials.failure(place.url('later'));
        expect(code).toBe(1);
        expect(said).toMatch(
          /\(ECONNREFUSED\): connect ECONNREFUSED [\d.:]+; check that it runs and can be reached from here$/,
        );
        expect(said).toContain(shown());
      } finally {
        await place.restart();
      }
      await trials.serves(place.url('later'));
    });

    test('serve does not start where another server listens and stays silent', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const address = silent.address();
      if (address === null || typeof address === 'string') throw new Error('the system gave no port');
      const url = new URL(place.url('x'));
      url.port = String(address.port);
      const { code, said } = await trials.failure(url.href);
      expect(code).toBe(1);
      expect(said).toMatch(/^the store \w+:\/\/127\.0\.0\.1:\d+(\/\w+)? cannot be used: /);
      silent.close();
    });

    test('serve does not start with an invalid prefix or table name', async () => {
      const bad = new URL(place.url('x'));
      bad.search = name === 'Redis' ? '?prefix=a%20b' : '?table=a-b';
      const { code, said } = await trials.failure(bad.href);
      expect(code).toBe(2);
      expect(said).toMatch(/^--store: (prefix|table) must be /);
    });

    test.skipIf(name === 'Redis')('serve does not start on a table of another release', async () => {
      await trials.serves(place.url('of_another'));
      await change(place.url('of_another'), "update of_another set version = 2 where id = 'format'");
      const { code, said } = await trials.failure(place.url('of_another'));
      expect(code).toBe(1);
      expect(said).toMatch(/the table has format 2; this release reads format 1; choose another one with \?table=/);
    });
  });
}

/** Runs statements on the database of a URL. */
async function change(url: string, ...statements: string[]): Promise<void> {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const login = { host: hostname, port: Number(port), user: username, password: decodeURIComponent(password) };
  const options = { ...login, database: pathname.slice(1) };
  if (protocol === 'postgres:') {
    const client = new pg.Client(options);
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
    return;
  }
  const connection = await mysql.createConnection({ ...options, multipleStatements: true });
  for (const statement of statements) await connection.query(statement);
  await connection.end();
}

describe.runIf(hasPostgres() && hasMariadb())('a user who may not create tables', () => {
  let postgres: PostgresServer;
  let mariadb: MariadbServer;
  let urls: Readonly<Record<string, { readonly owner: string; readonly user: string; readonly grant: string }>>;

  beforeAll(async () => {
    [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
    const pgUrl = (who: string): string => `postgres://${who}@127.0.0.1:${postgres.connection.port}/postgres`;
    const myUrl = (who: string): string => `mysql://${who}@127.0.0.1:${mariadb.connection.port}/tokens`;
    urls = {
      postgres: {
        owner: pgUrl(`postgres:${postgres.connection.password}`),
        user: pgUrl('limited:CANARY'),
        grant: 'grant select, insert, update, delete on wechat_token_manager to limited',
      },
      mysql: {
        owner: myUrl(`tokens:${mariadb.connection.password}`),
        user: myUrl('limited:CANARY'),
        grant: '',
      },
    };
    await change(urls.postgres?.owner ?? '', "create role limited login password 'CANARY'");
    await mariadb.asRoot("create user limited identified by 'CANARY'");
    await mariadb.asRoot('grant select, insert, update, delete on tokens.* to limited');
  });
  afterAll(() => Promise.all([postgres[Symbol.asyncDispose](), mariadb[Symbol.asyncDispose]()]));

  test.each(['postgres', 'mysql'])(
    'serve on %s names the command that prints the missing statements, and starts once they have run',
    async (kind) => {
      world = await ServeWorld.create();
      const { owner = '', user = '', grant = '' } = urls[kind] ?? {};
      const { code, said } = await trials.failure(user);
      expect(code).toBe(1);
      const command =
        /may not create its table; have a user with that right run what "wechat-token-manager ([^"]+)" prints/.exec(
          said,
        )?.[1];
      expect(command).toBe(`ddl ${kind}`);
      const ddl = world.command(command?.split(' ') ?? []);
      expect(await ddl.exited).toBe(0);
      expect(ddl.errors).toBe('');
      await change(owner, ddl.lines.join('\n'), ...(grant === '' ? [] : [grant]));
      await trials.serves(user);
    },
  );
});

describe.skipIf(!hasRedis())('the package for Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ args: ['--requirepass', 'CANARY'] });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([['redis'], ['ioredis'], ['iovalkey']])('the package for Redis may be %s', async (name) => {
    world = await ServeWorld.installed([], [name]);
    const { host } = new URL(server.url);
    await trials.serves(`redis://:CANARY@${host}?prefix=${name}`);
    expect((await trials.failure(`redis://:CANARY-wrong@${host}`)).said).toContain(
      'rejected the user name or password',
    );
  });
});
