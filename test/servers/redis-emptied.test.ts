import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TokenManager } from '../../src/index.js';
import { RedisStore } from '../../src/stores/redis/index.js';
import { FakeClock } from '../../src/testing/index.js';
import { CLIENTS, type OpenClient } from '../support/servers/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';

const APPID = 'wx1';
const TYPE = 'access_token';
const WAIT = { timeout: 20_000, interval: 50 };

describe.skipIf(!hasRedis).each(CLIENTS)('an emptied Redis with a client of %s', (_, openClient: OpenClient) => {
  interface Scene {
    readonly server: RedisServer;
    readonly clock: FakeClock;
    readonly managers: readonly TokenManager[];
    readonly replacements: string[];
    readonly fetches: () => number;
    readonly stored: () => Promise<readonly boolean[]>;
    readonly send: (command: readonly string[]) => Promise<unknown>;
  }

  async function scene(): Promise<Scene> {
    const server = await startRedis();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const clock = new FakeClock({ random: 0.5 });
    const prefix = randomUUID();
    let fetches = 0;
    const replacements: string[] = [];
    const refresh = async () => ({ value: `token-${++fetches}`, expiresInSeconds: 7_200 });
    const open = (): RedisStore => {
      const opened = openClient(server.port);
      onTestFinished(() => opened.close());
      return new RedisStore(opened.client, { prefix });
    };
    const managers = [1, 2].map(() => {
      const tokens = new TokenManager({ store: open(), clock, refreshers: [{ type: TYPE, refresh }] });
      tokens.on('storeReplaced', ({ replacement }) => void replacements.push(replacement));
      onTestFinished(() => tokens.close());
      return tokens;
    });
    for (const tokens of managers) {
      await tokens.register({ appid: APPID, secret: 'S', tasks: [TYPE] });
      await tokens.get(APPID, TYPE);
    }
    const looking = open();
    onTestFinished(() => looking.close());
    const ids = [`app/${APPID}`, `task/${APPID}/${TYPE}`, `key/${APPID}/${TYPE}`];
    const stored = async (): Promise<boolean[]> => (await looking.get(ids)).map((found) => found !== undefined);
    const plain = openClient(server.port);
    onTestFinished(() => plain.close());
    const { driverOf } = await import('../../src/stores/redis/driver-of.js');
    const driver = driverOf(plain.client);
    const send = async (command: readonly string[]): Promise<unknown> => {
      await driver.open();
      return driver.send(command, 'k');
    };
    return { server, clock, managers, replacements, fetches: () => fetches, stored, send };
  }

  async function goesOn({ clock, managers, replacements, fetches, stored }: Scene): Promise<void> {
    const fetched = fetches();
    await vi.waitFor(async () => {
      await clock.advance(5_000);
      for (const tokens of managers) expect(await tokens.get(APPID, TYPE)).toBe(`token-${fetched}`);
      expect(await stored()).toEqual([true, true, true]);
      expect(replacements).toEqual(['another', 'another']);
    }, WAIT);
    expect(fetches()).toBe(fetched);
  }

  test('a flushed Redis gets back what was in it', async () => {
    const opened = await scene();
    await opened.send(['FLUSHALL']);
    await goesOn(opened);
  });

  test('a Redis that restarts without persistence gets back what was in it', async () => {
    const opened = await scene();
    await opened.server.kill();
    await opened.server.restart();
    await goesOn(opened);
  });
});
