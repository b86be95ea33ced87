import { setTimeout as passes } from 'node:timers/promises';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Key, Worker } from '../support/servers/worker.js';
import { FLEET_STORES, type StorePlace } from '../support/stores/fleet-stores.js';
import { FleetScene, handOutUntil } from '../support/worlds/fleet-scene.js';

const LIFE_SECONDS = 3;
const CYCLES = 3;
const APPS = Array.from({ length: 10 }, (_, index) => `wx-app-${index}`);
const KEYS: readonly Key[] = APPS.flatMap((appid) => [
  { appid, type: 'access_token' },
  { appid, type: 'jsapi_ticket' },
]);
const [APP = ''] = APPS;
const TOKEN = { appid: APP, type: 'access_token' } as const;
const PATIENCE = { timeout: 40_000, interval: 20 };

/** Returns the mode of an app: half of the apps have each. */
const modeOf = (appid: string) => (APPS.indexOf(appid) % 2 === 0 ? 'plain' : 'stable');

const registrationOf = (appid: string) => ({
  appid,
  secret: 'secret',
  accessToken: modeOf(appid),
  tasks: ['access_token', 'jsapi_ticket'],
});

describe.each(FLEET_STORES)('a fleet on $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('processes as one manager', () => {
    let place: StorePlace;

    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place?.[Symbol.asyncDispose]());

    test('I2: twenty processes that start at once on an empty store make one call per key', async ({ expect }) => {
      await using scene = await FleetScene.start(place.empty());
      const run = async (): Promise<string[]> => {
        const worker = await scene.worker();
        await worker.run('register', registrationOf(APP));
        return Promise.all(KEYS.slice(0, 2).map((key) => worker.run('get', key)));
      };
      const values = await Promise.all(Array.from({ length: 20 }, run));
      expect(new Set(values.flat()).size).toBe(2);
      expect(scene.wechat.countCalls()).toBe(2);
    });

    test('I1, I2, I4: no caller gets an expired token, and no process refreshes one before it is due', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty(), { lifeSeconds: LIFE_SECONDS });
      const fleet = await scene.startWorkers(4);
      const [first] = fleet as [Worker];
      for (const appid of APPS) await first.run('register', registrationOf(appid));
      await Promise.all(fleet.flatMap((worker) => KEYS.map((key) => worker.run('get', key))));
      const isDone = (): boolean => KEYS.every((key) => scene.callsFor(key).length > CYCLES);
      const found = await handOutUntil(fleet, KEYS, () => expect.poll(isDone, PATIENCE).toBe(true));
      await scene.close();
      expect(scene.complaints(found)).toEqual([]);
      const accounts = KEYS.map((key) => ({ ...key, ...scene.accountOf(key) }));
      expect(accounts.filter(({ early }) => early > 0)).toEqual([]);
      // WeChat repeats the other tokens where a request comes late, so that it is called again.
      const alwaysNew = accounts.filter(({ appid, type }) => type === 'access_token' && modeOf(appid) === 'plain');
      expect(alwaysNew.filter(({ vain }) => vain > 0)).toEqual([]);
    });

    test.concurrent('kill -9 of a process at any moment changes nothing for callers of the others', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty());
      const fleet = await scene.startWorkers(2);
      const [first] = fleet as [Worker];
      for (const appid of APPS) await first.run('register', registrationOf(appid));
      await Promise.all(fleet.flatMap((worker) => KEYS.map((key) => worker.run('get', key))));
      scene.wechat.delayMs = 100;
      const found = await handOutUntil(fleet, KEYS, async () => {
        for (const [index, appid] of APPS.slice(0, 4).entries()) {
          const victim = await scene.worker();
          const forced = victim.run('force', { appid, type: 'access_token' }).catch(() => undefined);
          await Promise.race([forced, passes(index * 50)]);
          await victim.kill('SIGKILL');
        }
      });
      expect(scene.complaints(found)).toEqual([]);
      expect(scene.wechat.countCalls()).toBeLessThanOrEqual(KEYS.length + 4);
    });

    test.concurrent('a forced refresh reaches every process', async ({ expect }) => {
      await using scene = await FleetScene.start(place.empty());
      const fleet = await scene.startWorkers(3);
      const [first] = fleet as [Worker];
      await first.run('register', registrationOf(APP));
      await Promise.all(fleet.map((worker) => worker.run('get', TOKEN)));
      const value = await first.run('force', TOKEN);
      await Promise.all(fleet.map((worker) => worker.seen((event) => event.value === value)));
      expect(await Promise.all(fleet.map((worker) => worker.run('get', TOKEN)))).toEqual(fleet.map(() => value));
      expect(scene.wechat.countCalls('/cgi-bin/token')).toBe(2);
    });

    test.concurrent('a process that leaves refreshing to others gets their token, and a new one when it reports it stale', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty());
      const [refresher, follower] = await Promise.all([scene.worker(), scene.worker({ refresh: 'never' })]);
      await refresher.run('register', registrationOf(APP));
      const stale = await refresher.run('get', TOKEN);
      expect(await follower.run('get', TOKEN)).toBe(stale);
      const miss = { appid: APP, type: 'wx_card_ticket' };
      await expect(follower.run('get', miss)).rejects.toMatchObject({ code: 'REFRESH_DISABLED' });
      await expect(follower.run('force', TOKEN)).rejects.toMatchObject({ code: 'REFRESH_DISABLED' });
      scene.wechat.revoke(APP);
      const value = await follower.run('report', { ...TOKEN, stale });
      expect(scene.wechat.isValid(value)).toBe(true);
      await expect.poll(() => refresher.run('get', TOKEN), PATIENCE).toBe(value);
      expect(scene.wechat.countCalls('/cgi-bin/token')).toBe(2);
    });

    test.concurrent('a task that one process unregisters is no longer served or refreshed by any', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty(), { lifeSeconds: LIFE_SECONDS });
      const fleet = await scene.startWorkers(2);
      const [first, second] = fleet as [Worker, Worker];
      await first.run('register', registrationOf(APP));
      await Promise.all(fleet.flatMap((worker) => KEYS.slice(0, 2).map((key) => worker.run('get', key))));
      await first.run('unregister', APP);
      const codeOfSecond = (): Promise<unknown> => second.run('get', TOKEN).catch(({ code }) => code);
      await expect.poll(codeOfSecond, PATIENCE).toBe('NOT_REGISTERED');
      // A refresh that was under way may still finish.
      await passes(LIFE_SECONDS * 1_000);
      const calls = scene.wechat.countCalls();
      await passes(LIFE_SECONDS * 1_000);
      expect(scene.wechat.countCalls()).toBe(calls);
    });
  });
});
