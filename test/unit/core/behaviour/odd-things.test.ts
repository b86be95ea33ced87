import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { defineRefresher, TokenError } from '../../../../src/index.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

function throwing(name: string): object {
  return Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw new Error('CANARY');
    },
  });
}

test('call looks at no more than the beginning of an answer that has no end', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const endless = new Response(
    new ReadableStream({ pull: (controller) => controller.enqueue(new TextEncoder().encode(' '.repeat(16_384))) }),
    { headers: { 'content-type': 'text/plain' } },
  );
  expect(await tokens.call(APPID, TYPE, () => endless)).toBe(endless);
  expect(world.wechat.calls).toBe(1);
});

test('call returns results and errors that cannot be inspected as they are', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const result = throwing('errcode');
  expect(await tokens.call(APPID, TYPE, () => result)).toBe(result);
  const error = throwing('code');
  await expect(tokens.call(APPID, TYPE, () => Promise.reject(error))).rejects.toBe(error);
});

test.each<[string, unknown]>([
  ['a string', 'CANARY'],
  ['null', null],
  ['an object', { message: 'CANARY' }],
  [
    'an error with a name that throws',
    Object.defineProperty(new Error('CANARY'), 'name', {
      get: () => {
        throw new Error('CANARY');
      },
    }),
  ],
  [
    'an error whose name and code are sentences',
    Object.assign(new Error('CANARY'), { name: 'CANARY is my name', code: 'CANARY is my code' }),
  ],
  [
    'something that throws whenever it is touched',
    new Proxy(
      {},
      {
        getPrototypeOf() {
          throw new Error('CANARY');
        },
      },
    ),
  ],
])('I5: a refresher that throws %s is UPSTREAM_UNAVAILABLE without its text', async (_name, thrown) => {
  await using world = new World();
  world.wechat.always = async () => {
    throw thrown;
  };
  const tokens = await world.registered();
  const error = await world.within(5_000, tokens.get(APPID, TYPE)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TokenError);
  expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', appid: APPID });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('CANARY');
});

test('a grant whose fields throw is UPSTREAM_REJECTED without their text', async () => {
  await using world = new World();
  const refresher = defineRefresher({ type: TYPE, refresh: async () => throwing('value') as never });
  const tokens = world.manager({ refreshers: [refresher] });
  await tokens.register({ appid: APPID, secret: SECRET });
  const error = await world.within(5_000, tokens.get(APPID, TYPE)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED' });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('CANARY');
});

test('call returns an answer as it was, whatever its strings are', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const result = {
    access_token: 'v',
    again: ['v', { deep: 'v' }],
    odd: ['\u0000value', '\u0000', '\u0000\u0000value', 'w'],
  };
  const record = await tokens.put(APPID, TYPE, { value: 'v', expiresInSeconds: 7_200, result });
  expect(await record.result()).toEqual(result);
});

test("an answer's lifetime is what is left when the token is asked for", async () => {
  await using world = new World();
  const tokens = await world.registered();
  const result = { access_token: 'v', expires_in: 7_200 };
  const record = await tokens.put(APPID, TYPE, { value: 'v', expiresInSeconds: 7_200, result });
  expect(await record.result()).toEqual(result);
  await world.clock.advance(100_001);
  expect(await record.result()).toEqual({ access_token: 'v', expires_in: 7_099 });
});

test('a refresher whose dependsOn throws is a TypeError without its text', async () => {
  await using world = new World();
  const refresher = defineRefresher({
    type: 'odd',
    dependsOn: () => {
      throw new Error('CANARY');
    },
    refresh: async () => ({ value: 'x', expiresInSeconds: 1 }),
  });
  const tokens = world.manager({ refreshers: [refresher] });
  const error = await tokens.get(APPID, 'odd').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TypeError);
  expect(String((error as Error).stack)).not.toContain('CANARY');
});
