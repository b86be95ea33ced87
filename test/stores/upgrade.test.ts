import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Key, Worker } from '../support/servers/worker.js';
import { FLEET_STORES, type StorePlace } from '../support/stores/fleet-stores.js';
import { OlderRelease } from '../support/stores/older-release.js';
import { ofThisRun } from '../support/stores/this-run.js';
import { FleetScene, handOutUntil } from '../support/worlds/fleet-scene.js';

const LIFE_SECONDS = 3;
const CYCLES = 2;
const OLD_APP = 'wx-registered-by-old';
const NEW_APP = 'wx-registered-by-new';
const USER = 'openid';
const KEYS: readonly Key[] = [OLD_APP, NEW_APP].flatMap((appid) => [
  { appid, type: 'access_token' },
  { appid, type: 'jsapi_ticket' },
  { appid, type: 'oauth2_access_token', subject: USER },
]);
const PATIENCE = { timeout: 40_000, interval: 20 };
const STORES = ofThisRun(FLEET_STORES).filter(({ name }) => name === 'file' || name === 'sqlite' || name === 'redis');

describe.each(STORES)('an upgrade on $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('the previous and the current release', () => {
    let place: StorePlace;
    let release: OlderRelease;

    beforeAll(async () => {
      [place, release] = await Promise.all([start(), OlderRelease.unpack('e9ec337')]);
    });
    afterAll(() => Promise.all([place?.[Symbol.asyncDispose](), release?.[Symbol.asyncDispose]()]));

    async function startBoth(scene: FleetScene): Promise<[old: Worker, current: Worker]> {
      return [await scene.worker({ script: release.workerScript }), await scene.worker()];
    }

    async function register(scene: FleetScene, worker: Worker, appid: string): Promise<void> {
      const params = { refresh_token: scene.wechat.authorizeUser(appid, USER).refresh_token };
      const user = { type: 'oauth2_access_token', subject: USER, params };
      await worker.run('register', { appid, secret: 'secret', tasks: ['access_token', 'jsapi_ticket', user] });
    }

    test('both releases side by side are one manager', async () => {
      await using scene = await FleetScene.start(place.empty(), {
        lifeSeconds: LIFE_SECONDS,
        refreshTokens: 'single-use',
      });
      const [old, current] = await startBoth(scene);
      await register(scene, old, OLD_APP);
      await register(scene, current, NEW_APP);
      await Promise.all(KEYS.map((key) => current.run('get', key)));
      // The older release throws for a task that it has not seen yet.
      const getOfOld = (key: Key): Promise<string> => old.run('get', key).catch(() => '');
      await Promise.all(KEYS.map((key) => expect.poll(() => getOfOld(key), PATIENCE).not.toBe('')));
      const isDone = (): boolean => KEYS.every((key) => scene.callsFor(key).length > CYCLES);
      const found = await handOutUntil([old, current], KEYS, () => expect.poll(isDone, PATIENCE).toBe(true));
      await scene.close();
      expect(scene.complaints(found)).toEqual([]);
      expect(scene.wechat.replays).toBe(0);
      const accounts = KEYS.map((key) => ({ ...key, ...scene.accountOf(key) }));
      expect(accounts.filter(({ early, failed }) => early > 0 || failed > 0)).toEqual([]);
    });

    test.each([
      ['the new release is notified of', 0],
      ['the old release is notified of', 1],
    ] as const)('%s a forced refresh, a changed secret and an unregistration', async (_, teller) => {
      await using scene = await FleetScene.start(place.empty());
      const both = await startBoth(scene);
      const told = both[1 - teller] as Worker;
      const telling = both[teller];
      const key: Key = { appid: OLD_APP, type: 'access_token' };
      await register(scene, telling, OLD_APP);
      await Promise.all(both.map((worker) => worker.run('get', key)));
      const value = await telling.run('force', key);
      await expect.poll(() => told.run('get', key), PATIENCE).toBe(value);
      await telling.run('register', { appid: OLD_APP, secret: 'another' });
      expect(await told.run('get', key)).toBe(value);
      const calls = scene.wechat.countCalls();
      await telling.run('unregister', OLD_APP);
      const codeOfTold = (): Promise<unknown> => told.run('get', key).catch(({ code }) => code);
      await expect.poll(codeOfTold, PATIENCE).toBe('NOT_REGISTERED');
      expect(scene.wechat.countCalls()).toBe(calls);
    });

    test('each release takes over from the other without a call, refresh tokens included', async () => {
      await using scene = await FleetScene.start(place.empty(), { refreshTokens: 'single-use' });
      const keys = KEYS.filter(({ appid }) => appid === OLD_APP);
      const first = await scene.worker({ script: release.workerScript });
      await register(scene, first, OLD_APP);
      let tokens = await Promise.all(keys.map((key) => first.run('get', key)));
      await first.run('close');
      for (const options of [{}, { script: release.workerScript }]) {
        const calls = scene.wechat.countCalls();
        const next = await scene.worker(options);
        expect(await Promise.all(keys.map((key) => next.run('get', key)))).toEqual(tokens);
        expect(scene.wechat.countCalls()).toBe(calls);
        const user = keys.at(-1) as Key;
        scene.wechat.expire(tokens.at(-1) ?? '');
        await next.run('report', { ...user, stale: tokens.at(-1) });
        tokens = await Promise.all(keys.map((key) => next.run('get', key)));
        await next.run('close');
      }
      expect(scene.wechat.replays).toBe(0);
    });
  });
});
