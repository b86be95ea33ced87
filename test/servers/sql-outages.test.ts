import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SqlStore } from '../../src/stores/sql/index.js';
import { hasMariadb, startMariadb } from '../support/servers/mariadb-server.js';
import { hasPostgres, startPostgres } from '../support/servers/postgres-server.js';
import type { ServerControls } from '../support/servers/server-controls.js';
import { connectMariadb, connectPostgres } from '../support/servers/sql-databases.js';

const ID = 'key/wx1/access_token';
const TTL_MS = 600_000;
const MAX_WAIT_MS = 20_000;

const SERVERS = [
  {
    name: 'PostgreSQL',
    isHere: hasPostgres,
    start: async () => {
      const server = await startPostgres();
      return { server: server as ServerControls, connect: () => connectPostgres(server.connection) };
    },
  },
  {
    name: 'MariaDB',
    isHere: hasMariadb,
    start: async () => {
      const server = await startMariadb();
      return { server: server as ServerControls, connect: () => connectMariadb(server.connection) };
    },
  },
];

describe.each(SERVERS)('an outage of $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('SqlStore', () => {
    let server: ServerControls;
    let kysely: Kysely<unknown>;
    let store: SqlStore;

    beforeAll(async () => {
      const started = await start();
      server = started.server;
      kysely = started.connect();
      store = new SqlStore(kysely);
      await store.migrate();
    });
    afterAll(async () => {
      await store?.close();
      await kysely?.destroy();
      await server?.[Symbol.asyncDispose]();
    });

    test('a store fails while its server is killed, then recovers with everything that it acknowledged', async () => {
      const told: (string | undefined)[] = [];
      const end = await store.watch((id) => told.push(id));
      const version = await store.set(ID, { n: 1 }, 0, { due: { lane: 'a', at: 1 } });
      const lease = await store.lease('key/wx2/access_token', TTL_MS);
      expect(lease).toBeDefined();
      await server.kill();
      await expect(store.get([ID])).rejects.toMatchObject({ name: 'SqlFailure', code: 'UNREACHABLE' });
      await expect(store.set(ID, { n: 2 }, version ?? 0)).rejects.toMatchObject({ code: 'UNREACHABLE' });
      await expect(store.watch(() => undefined)).rejects.toMatchObject({ code: 'UNREACHABLE' });
      await server.restart();
      const documents = await untilItWorks(() => store.get([ID]));
      expect(documents).toEqual([{ id: ID, version, data: { n: 1 }, due: { lane: 'a', at: 1 } }]);
      expect(await store.lease('key/wx2/access_token', TTL_MS)).toBeUndefined();
      told.length = 0;
      const next = await store.set(ID, { n: 3 }, version ?? 0);
      expect(next).toBeGreaterThan(version ?? 0);
      await waitFor(() => told.includes(ID) || told.includes(undefined));
      await end();
    });

    test('a store recovers from an orderly stop too', async () => {
      await server.stop();
      await expect(store.now()).rejects.toMatchObject({ code: 'UNREACHABLE' });
      await server.restart();
      expect(await untilItWorks(() => store.now())).toBeGreaterThan(0);
    });

    test('a store goes on when a paused server resumes', async () => {
      server.pause();
      let isAnswered = false;
      const answer = store.set('app/paused', { n: 1 }, 0).finally(() => {
        isAnswered = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(isAnswered).toBe(false);
      server.resume();
      expect(await answer).toBeGreaterThan(0);
    });
  });
});

/** Retries until the work succeeds, as connections that broke unnoticed fail once more. */
async function untilItWorks<Result>(work: () => Promise<Result>): Promise<Result> {
  const givenUpAt = performance.now() + MAX_WAIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > givenUpAt) throw error;
    }
  }
}

async function waitFor(isDone: () => boolean): Promise<void> {
  const givenUpAt = performance.now() + MAX_WAIT_MS;
  while (!isDone()) {
    expect(performance.now()).toBeLessThan(givenUpAt);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
