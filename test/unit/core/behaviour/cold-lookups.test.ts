import { beforeEach, describe, expect } from 'vitest';
import { createHandler } from '../../../../src/http/index.js';
import type { TokenManager } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { ownScheduleTest as test } from '../../../support/worlds/fleet-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

let world: World;
let finish: () => void;

beforeEach(async () => {
  world = new World();
  const before = world.manager();
  await before.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await before.get(APPID, TYPE);
  await before.close();
});

/** A process whose store has so much in it that reading all of it takes until `finish`. */
function process(): TokenManager {
  const way = new FaultyStore(shared(world.store));
  const isRead = new Promise<void>((resolve) => (finish = resolve));
  way.before = (method, id) => (method === 'list' && id === 'app' ? isRead : undefined);
  return world.manager({ store: way });
}

/** What has come of a promise by now. */
async function soon<Result>(promise: Promise<Result>): Promise<Result | 'waits'> {
  const answered = promise.then((result) => result);
  answered.catch(() => {});
  await world.clock.advance(100);
  return Promise.race([answered, new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')))]);
}

describe('calls while a large store is being read', () => {
  test('a fresh token is answered while the store is being read, by the manager and over HTTP', async () => {
    const tokens = process();
    expect(await soon(tokens.get(APPID, TYPE))).toBe('token-1');
    expect(await soon(tokens.getRecord(APPID, TYPE))).toMatchObject({ value: 'token-1' });
    const handler = createHandler(tokens, { anonymous: true });
    const answer = handler.fetch(new Request(`http://tokens.test/task/${APPID}/0`));
    expect(await ((await soon(answer)) as Response).json()).toMatchObject({ code: 200, result: 'token-1' });
    finish();
    await tokens.start();
    expect(world.wechat.calls).toBe(1);
  });

  test('a call with minValidityMs or for an unknown task waits until the store has been read', async () => {
    const tokens = process();
    const handler = createHandler(tokens, { anonymous: true });
    const unknown = handler.fetch(new Request(`http://tokens.test/task/${APPID}/1`));
    const wish = tokens.get(APPID, TYPE, { minValidityMs: 7_200_000 });
    expect(await soon(Promise.race([unknown, wish]))).toBe('waits');
    expect(world.wechat.calls).toBe(1);
    finish();
    expect(await ((await soon(unknown)) as Response).json()).toMatchObject({ code: 400 });
    expect(await soon(wish)).toBe('token-2');
  });

  test('a call for a due token waits until the store has been read, and its task is refreshed', async () => {
    await world.clock.advance(6_900_000);
    const tokens = process();
    const due = tokens.get(APPID, TYPE);
    expect(await soon(due)).toBe('waits');
    finish();
    expect(await soon(due)).toMatch(/^token-[12]$/);
    await world.clock.advance(1_000);
    expect(await tokens.get(APPID, TYPE)).toBe('token-2');
  });

  test('a token that was answered before the store was read is still kept fresh', async () => {
    const tokens = process();
    await soon(tokens.get(APPID, TYPE));
    finish();
    await tokens.start();
    await world.clock.advance(7_000_000);
    expect(await tokens.get(APPID, TYPE)).toBe('token-2');
    expect(world.wechat.calls).toBe(2);
  });

  test('a cached token is answered, with options and without, after the store has become unavailable', async () => {
    const way = new FaultyStore(shared(world.store));
    let isAway = false;
    way.before = (method) => {
      if (method === 'list' || (isAway && method !== 'close')) throw new Error('away');
    };
    const tokens = world.manager({ store: way });
    const options = { minValidityMs: 1 };
    expect(await soon(tokens.get(APPID, TYPE))).toBe('token-1');
    isAway = true;
    for (const afterMs of [0, 61_000, 6_900_000]) {
      await world.clock.advance(afterMs);
      expect(await soon(tokens.get(APPID, TYPE, options))).toBe('token-1');
      expect(await soon(tokens.get(APPID, TYPE))).toBe('token-1');
    }
    await world.clock.advance(300_000);
    await expect(soon(tokens.get(APPID, TYPE, options))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
