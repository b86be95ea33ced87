import { afterAll, beforeAll, describe, test } from 'vitest';
import type { HandedOut, Key, Worker } from '../support/servers/worker.js';
import { FLEET_STORES, type StorePlace } from '../support/stores/fleet-stores.js';
import { FleetScene, handOutUntil } from '../support/worlds/fleet-scene.js';
import { OwnClock } from './own-clock.js';
import { requireTools } from './require-tool.js';

const LIFE_SECONDS = 4;
const DAY_MS = 86_400_000;
const APP = 'wx0123456789abcdef';
const USER = 'openid-1';
const USER_TYPE = 'oauth2_access_token';
const KEYS: readonly Key[] = [
  { appid: APP, type: 'access_token' },
  { appid: APP, type: 'jsapi_ticket' },
  { appid: APP, type: USER_TYPE, subject: USER },
];
/** The most calls for one key. A process notices the jump within a twentieth of a short life, and may call in vain until then. */
const MOST_CALLS = { ofALife: 3, ofAJump: 12 };
const PATIENCE = { timeout: 40_000, interval: 20 };
/** The delay of notifications by store: a clock that jumps makes several tokens at once, and a poll sees them that much later. */
const HEARS_WITHIN_MS = new Map([
  ['redis', 0],
  ['postgres', 600],
]);
const STORES = FLEET_STORES.flatMap((store) => {
  const hearsWithinMs = HEARS_WITHIN_MS.get(store.name);
  return hearsWithinMs === undefined ? [] : { ...store, hearsWithinMs };
});

describe.each(STORES)('a fleet on $name', ({ isHere, start, hearsWithinMs }) => {
  describe.skipIf(!isHere())('one process with a wrong clock', () => {
    let place: StorePlace;

    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place?.[Symbol.asyncDispose]());

    test.concurrent.for([
      ['+1d', 1],
      ['-1d', -1],
    ] as const)(
      'I1 to I4: a process whose clock jumps by %s and back hands out no bad token and loses nothing',
      async ([offset, days], context) => {
        const { expect } = context;
        requireTools(context, OwnClock.TOOLS);
        using clock = new OwnClock('+0');
        await using scene = await FleetScene.start(place.empty(), {
          lifeSeconds: LIFE_SECONDS,
          refreshTokens: 'single-use',
        });
        const { wechat } = scene;
        const [first, second] = (await scene.startWorkers(2)) as [Worker, Worker];
        const wrong = await scene.worker({ environment: clock.environment });
        const fleet = [first, second, wrong];
        const params = { refresh_token: wechat.authorizeUser(APP, USER).refresh_token };
        const tasks = ['access_token', 'jsapi_ticket', { type: USER_TYPE, subject: USER, params }];
        await wrong.run('register', { appid: APP, secret: 'secret', accessToken: 'plain', tasks });
        await Promise.all(fleet.flatMap((worker) => KEYS.map((key) => worker.run('get', key))));
        const found: HandedOut[] = [];
        for (const [to, off] of [
          [offset, days],
          ['+0', 0],
        ] as const) {
          const startedAt = Date.now();
          const before = KEYS.map((key) => scene.callsFor(key).length);
          found.push(
            ...(await handOutUntil(fleet, KEYS, async () => {
              clock.jump(to);
              const isOff = async (): Promise<boolean> =>
                Math.abs((await wrong.run<number>('clock')) - Date.now() - off * DAY_MS) < DAY_MS / 2;
              await expect.poll(isOff, PATIENCE).toBe(true);
              const isRefreshed = (): boolean =>
                KEYS.every((key, index) => scene.callsFor(key).length >= (before[index] ?? 0) + 3);
              await expect.poll(isRefreshed, PATIENCE).toBe(true);
            })),
          );
          const lives = Math.ceil((Date.now() - startedAt) / (LIFE_SECONDS * 1_000));
          const most = MOST_CALLS.ofAJump + lives * MOST_CALLS.ofALife;
          for (const [index, key] of KEYS.entries()) {
            expect(scene.callsFor(key).length - (before[index] ?? 0)).toBeLessThanOrEqual(most);
          }
        }
        expect(scene.complaints(found, hearsWithinMs)).toEqual([]);
        const isKept = async (): Promise<boolean> => {
          const { rotation } = await first.run<{ rotation: { token: string } }>(
            'stored',
            `key/${APP}/${USER_TYPE}/${USER}`,
          );
          return wechat.isValid(rotation.token);
        };
        await expect.poll(isKept, PATIENCE).toBe(true);
        expect(wechat.replays).toBe(0);
        expect(fleet.map((worker) => worker.count('reauthorizationRequired'))).toEqual([0, 0, 0]);
        await wrong.dismiss();
      },
    );
  });
});
