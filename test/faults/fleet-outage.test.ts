import { setTimeout as passes } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { hasPostgres, startPostgres } from '../support/servers/postgres-server.js';
import { hasRedis, startRedis } from '../support/servers/redis-server.js';
import type { HandedOut, Key, Worker } from '../support/servers/worker.js';
import type { StoreDescription } from '../support/stores/fleet-stores.js';
import { FleetScene, handOutUntil } from '../support/worlds/fleet-scene.js';

const OUTAGE_MS = 30_000;
/** The life of tokens: they come due soon after the outage, when WeChat has new tickets too, and expire long afterwards. */
const LIFE_SECONDS = 80;
const REFRESH = { marginMs: 36_000, jitterMs: 2_000 };
const USER = 'openid-1';
const APPS = Array.from({ length: 10 }, (_, index) => `wx-app-${index}`);
const [APP = ''] = APPS;
const USER_TOKEN: Key = { appid: APP, type: 'oauth2_access_token', subject: USER };
const KEYS: readonly Key[] = [
  ...APPS.flatMap((appid): Key[] => [
    { appid, type: 'access_token' },
    { appid, type: 'jsapi_ticket' },
  ]),
  USER_TOKEN,
];
/** A key that is in the store and in the memory of no process. */
const COLD: Key = { appid: 'wx-cold', type: 'access_token' };
const COLD_CALLS = 20;
/** The time that one command of the store may take, with a margin for a busy machine. */
const FAST_MS = 3_500;
const RECOVERY = { timeout: 60_000, interval: 50 };

interface OutageServer extends AsyncDisposable {
  /** Describes the store as the process of this number reaches it. */
  readonly describe: (index: number) => StoreDescription;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

const CLIENTS = ['redis', 'ioredis', 'iovalkey'] as const;

const SERVERS = [
  {
    name: 'Redis',
    isHere: hasRedis,
    start: async (): Promise<OutageServer> => {
      const server = await startRedis({ appendOnly: true });
      const client = (index: number) => CLIENTS[index % CLIENTS.length] ?? 'redis';
      const store = (index: number) =>
        ({ kind: 'redis', port: server.port, prefix: 'fleet', client: client(index) }) as const;
      return { ...server, describe: store };
    },
  },
  {
    name: 'PostgreSQL',
    isHere: hasPostgres,
    start: async (): Promise<OutageServer> => {
      const server = await startPostgres();
      return { ...server, describe: () => ({ kind: 'postgres', connection: server.connection, table: 'fleet' }) };
    },
  },
];

const OUTAGES = [
  {
    what: 'hangs',
    begin: async (server: OutageServer) => server.pause(),
    end: async (server: OutageServer) => server.resume(),
  },
  {
    what: 'is killed',
    begin: (server: OutageServer) => server.kill(),
    end: (server: OutageServer) => server.restart(),
  },
];

describe('a fleet over thirty seconds without its store', () => {
  for (const { name, isHere, start } of SERVERS) {
    for (const { what, begin, end } of OUTAGES) {
      test
        .skipIf(!isHere())
        .concurrent(`${name} ${what}: hits are served, nothing hangs, calls are few`, async ({ expect }) => {
          await using server = await start();
          await using scene = await FleetScene.start(server.describe(0), {
            lifeSeconds: LIFE_SECONDS,
            refreshTokens: 'single-use',
          });
          const { wechat } = scene;
          const fleet = await Promise.all(
            [0, 1, 2].map((index) => scene.worker({ store: server.describe(index), refresh: REFRESH })),
          );
          const [first] = fleet as [Worker];
          const { refresh_token } = wechat.authorizeUser(APP, USER);
          const app = { secret: 'secret', accessToken: 'plain' };
          for (const appid of APPS)
            await first.run('register', { ...app, appid, tasks: ['access_token', 'jsapi_ticket'] });
          await first.run('register', {
            appid: APP,
            tasks: [{ type: USER_TOKEN.type, subject: USER, params: { refresh_token } }],
          });
          await first.run('register', { ...app, appid: COLD.appid });
          await Promise.all(fleet.map((worker) => worker.run('start')));
          await Promise.all(fleet.flatMap((worker) => KEYS.map((key) => worker.run('get', key))));
          const callsBefore = wechat.countCalls();
          expect(callsBefore).toBe(KEYS.length);

          const found = await handOutUntil(fleet, KEYS, async () => {
            await begin(server);
            const beganAt = performance.now();
            const refused = fleet.flatMap((worker) => Array.from({ length: COLD_CALLS }, () => coldCall(worker)));
            for (const { code, ms } of await Promise.all(refused)) {
              expect(code).toBe('STORE_UNAVAILABLE');
              expect(ms).toBeLessThan(FAST_MS);
            }
            await Promise.all(fleet.map((worker) => worker.seen(({ event }) => event === 'storeUnavailable')));
            await passes(Math.max(0, OUTAGE_MS - (performance.now() - beganAt)));
            expect(wechat.countCalls()).toBe(callsBefore);
            await end(server);
            await Promise.all(fleet.map((worker) => worker.seen(({ event }) => event === 'storeAvailable')));
            const isRefreshed = (): boolean => KEYS.every((key) => scene.callsFor(key).length >= 2);
            await expect.poll(isRefreshed, RECOVERY).toBe(true);
          });
          expect(scene.complaints(found)).toEqual([]);
          expect(slowestOf(found)).toBeLessThan(FAST_MS);
          expect(KEYS.map((key) => scene.callsFor(key).length)).toEqual(KEYS.map(() => 2));
          expect(wechat.replays).toBe(0);
          for (const worker of fleet) {
            expect([worker.count('storeUnavailable'), worker.count('storeAvailable')]).toEqual([1, 1]);
            expect(wechat.isValid(await worker.run('get', COLD))).toBe(true);
          }
          const value = await first.run('force', { appid: APP, type: 'access_token' });
          await Promise.all(fleet.map((worker) => worker.seen((event) => event.value === value)));
        });
    }
  }
});

async function coldCall(worker: Worker): Promise<{ readonly code: unknown; readonly ms: number }> {
  const askedAt = performance.now();
  const code = await worker.run('get', COLD).catch((error: { readonly code: unknown }) => error.code);
  return { code, ms: performance.now() - askedAt };
}

function slowestOf(found: readonly HandedOut[]): number {
  return Math.max(...found.map(({ slowestMs }) => slowestMs));
}
