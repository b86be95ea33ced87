import { afterAll, beforeAll, describe, type ExpectStatic, test } from 'vitest';
import type { FakeFault, FakeWeChatOptions } from '../../src/testing/index.js';
import type { Key, Worker } from '../support/servers/worker.js';
import { FLEET_STORES, type StorePlace } from '../support/stores/fleet-stores.js';
import { FleetScene, handOutUntil } from '../support/worlds/fleet-scene.js';

const LEASE_MS = 20_000;
const TAKEOVER_MS = LEASE_MS + 1_000;
const APP = 'wx0123456789abcdef';
const USER = 'openid-1';
const TOKEN = { appid: APP, type: 'access_token' } as const;
const USER_TOKEN = { appid: APP, type: 'oauth2_access_token', subject: USER } as const;
const BUSY: Key = { appid: 'wx-busy', type: 'access_token' };
const KEYS: readonly Key[] = [TOKEN, USER_TOKEN];
const STRICT: FakeWeChatOptions = { refreshTokens: 'single-use' };
const SOON = { timeout: 10_000, interval: 20 };
const STORES = FLEET_STORES.filter(({ name }) => name === 'file' || name === 'postgres');

describe.each(STORES)('holders on $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('a holder of a lease', () => {
    let place: StorePlace;

    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place?.[Symbol.asyncDispose]());

    test.concurrent.for([
      ['the lease is taken', 'lease', 1, STRICT],
      // A process that dies with the only copy of a refresh token loses it, unless WeChat issues it once more.
      ['WeChat has answered', 'before the answer is written', 2, { refreshTokens: { graceSeconds: 60 } }],
      ['the answer is written', 'after the answer is written', 1, STRICT],
    ] as const)(
      'I2, I3: a holder killed when %s is followed within its lease time and a second',
      async ([, at, calls, options], { expect }) => {
        const runs = KEYS.map(async (key) => {
          await using scene = await FleetScene.start(place.empty(), options);
          const holder = await scene.worker({ death: { at, of: key.type } });
          await register(scene, holder, key).catch(() => undefined);
          await holder.exited;
          const { heir } = await takeover(scene, key, expect);
          expect(scene.callsFor(key).length).toBe(calls);
          await expectNothingLost(scene, heir, key, expect);
          if (options === STRICT) expect(scene.wechat.replays).toBe(0);
        });
        await Promise.all(runs);
      },
    );

    test.concurrent('I2, I3: a holder killed when WeChat has the request is followed within its lease time and a second', async ({
      expect,
    }) => {
      const runs = KEYS.map(async (key) => {
        await using scene = await FleetScene.start(place.empty(), STRICT);
        const holder = await asking(scene, key, 'hang');
        await holder.kill('SIGKILL');
        const { heir } = await takeover(scene, key, expect);
        expect([scene.callsFor(key).length, scene.wechat.replays]).toEqual([2, 0]);
        await expectNothingLost(scene, heir, key, expect);
      });
      await Promise.all(runs);
    });

    test.concurrent('I2, I4: a holder that was stopped past its lease does not write the answer that it received', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty());
      const holder = await asking(scene, TOKEN, { delayMs: 500 });
      holder.process.kill('SIGSTOP');
      const { heir, value } = await takeover(scene, TOKEN, expect);
      holder.process.kill('SIGCONT');
      expect(await holder.run('get', TOKEN)).toBe(value);
      expect(await heir.run('get', TOKEN)).toBe(value);
      expect((await storedOf(heir, TOKEN)).grant?.value).toBe(value);
      expect(scene.callsFor(TOKEN).length).toBe(2);
    });

    test.concurrent('I2, I3: a holder that was stopped past its lease before WeChat answered takes what another got', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty(), STRICT);
      const holder = await asking(scene, USER_TOKEN, 'hang');
      holder.process.kill('SIGSTOP');
      const { heir, value } = await takeover(scene, USER_TOKEN, expect);
      holder.process.kill('SIGCONT');
      await expect.poll(() => holder.run('get', USER_TOKEN), SOON).toBe(value);
      expect([scene.callsFor(USER_TOKEN).length, scene.wechat.replays]).toEqual([2, 0]);
      await expectNothingLost(scene, heir, USER_TOKEN, expect);
    });

    test.concurrent('callers of other processes are served when the holder of a token that comes due is killed', async ({
      expect,
    }) => {
      await using scene = await FleetScene.start(place.empty(), { lifeSeconds: 30 });
      const refresh = { marginMs: 15_000, jitterMs: 0 };
      const [holder, ...others] = (await scene.startWorkers(3, { refresh })) as [Worker, Worker, Worker];
      await register(scene, holder, TOKEN);
      await Promise.all([holder, ...others].map((worker) => worker.run('get', TOKEN)));
      const found = await handOutUntil(others, [TOKEN], async () => {
        scene.wechat.fail('*', 'hang', { times: 1 });
        const asked = scene.wechat.nextCall();
        holder.run('force', TOKEN).catch(() => undefined);
        await asked;
        const next = scene.wechat.nextCall();
        await holder.kill('SIGKILL');
        await next;
        const haveBoth = (): boolean => others.every((worker) => worker.count('refreshed') === 2);
        await expect.poll(haveBoth, SOON).toBe(true);
      });
      expect(scene.complaints(found)).toEqual([]);
      expect(scene.callsFor(TOKEN).length).toBe(3);
    });
  });
});

function register({ wechat }: FleetScene, worker: Worker, { type }: Key): Promise<string> {
  const params = { refresh_token: wechat.authorizeUser(APP, USER).refresh_token };
  const task = type === 'oauth2_access_token' ? { type, subject: USER, params } : type;
  return worker.run('register', { appid: APP, secret: 'secret', accessToken: 'plain', tasks: [task] });
}

/** Starts a process whose request WeChat has received, and whose answer the fault determines. */
async function asking(scene: FleetScene, key: Key, fault: FakeFault): Promise<Worker> {
  const holder = await scene.worker();
  scene.wechat.fail('*', fault, { times: 1 });
  await Promise.all([scene.wechat.nextCall(), register(scene, holder, key)]);
  return holder;
}

/** Checks that a caller of another process gets a token in time, with at most one call to WeChat; returns both. */
async function takeover(
  scene: FleetScene,
  key: Key,
  expect: ExpectStatic,
): Promise<{ readonly heir: Worker; readonly value: string }> {
  const since = Date.now();
  const before = scene.callsFor(key).length;
  const heir = await scene.worker();
  // It has been working, as the others of a fleet have.
  await heir.run('register', { appid: BUSY.appid, secret: 'secret' });
  await heir.run('get', BUSY);
  const value = await heir.run('get', key);
  expect(scene.wechat.isValid(value)).toBe(true);
  const calls = scene.callsFor(key).slice(before);
  expect(calls.length).toBeLessThanOrEqual(1);
  for (const { at } of calls) expect(at - since).toBeLessThanOrEqual(TAKEOVER_MS + scene.longestStallMs);
  return { heir, value };
}

/** Asserts that WeChat would accept the stored refresh token, and that no reauthorization was requested. */
async function expectNothingLost(
  { wechat, workers }: FleetScene,
  worker: Worker,
  key: Key,
  expect: ExpectStatic,
): Promise<void> {
  expect(workers.map((each) => each.count('reauthorizationRequired'))).toEqual(workers.map(() => 0));
  if (key.subject === undefined) return;
  expect(wechat.isValid(String((await storedOf(worker, key)).rotation?.token))).toBe(true);
}

interface Stored {
  readonly grant?: { readonly value: string };
  readonly rotation?: { readonly token: string };
}

function storedOf(worker: Worker, { appid, type, subject }: Key): Promise<Stored> {
  return worker.run<Stored>('stored', ['key', appid, type, subject].filter((part) => part !== undefined).join('/'));
}
