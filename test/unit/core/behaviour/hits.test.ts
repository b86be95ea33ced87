import { describe, expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { defineRefresher, type TokenManager, type TokenManagerOptions } from '../../../../src/index.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { APPID, SECRET, TYPE, World, type WorldOptions } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;
const DAY_MS = 24 * 3_600_000;
const ON_DEMAND = 'on_demand';
const SUBJECT = 'a-subject';

type Tokens = TokenManager<typeof ON_DEMAND>;
type KeyType = typeof TYPE | typeof ON_DEMAND;

/** The keys of these tests: two with a task and two without, of each one with a subject. */
const KEYS: readonly [KeyType, { readonly subject?: string }][] = [
  [TYPE, {}],
  [TYPE, { subject: SUBJECT }],
  [ON_DEMAND, {}],
  [ON_DEMAND, { subject: SUBJECT }],
];

/** Each way to a held token; the subject is another string at each call, as that of a request is. */
const WAYS: readonly [string, (tokens: Tokens) => Promise<unknown>][] = [
  ['get of a task', (tokens) => tokens.get(APPID, TYPE)],
  ['get of a task with a subject', (tokens) => tokens.get(APPID, TYPE, subject())],
  ['get of a key without a task', (tokens) => tokens.get(APPID, ON_DEMAND)],
  ['get of a key with a subject and without a task', (tokens) => tokens.get(APPID, ON_DEMAND, subject())],
  ['get with options that are empty', (tokens) => tokens.get(APPID, TYPE, {})],
  ['get with a subject that is undefined', (tokens) => tokens.get(APPID, TYPE, { subject: undefined })],
  ['getRecord of a task', (tokens) => tokens.getRecord(APPID, TYPE)],
  ['getRecord of a task with a subject', (tokens) => tokens.getRecord(APPID, TYPE, subject())],
  ['getRecord of a key without a task', (tokens) => tokens.getRecord(APPID, ON_DEMAND)],
  ['getRecord of a key with a subject and without a task', (tokens) => tokens.getRecord(APPID, ON_DEMAND, subject())],
];

function subject(): { readonly subject: string } {
  return { subject: SUBJECT.split('').join('') };
}

interface Warm {
  readonly world: World;
  readonly tokens: Tokens;
}

/** Makes a manager that holds the tokens of all keys. */
async function warm(options: WorldOptions = {}, more: TokenManagerOptions = {}): Promise<Warm> {
  const world = new World(options);
  const tokens = manager(world, more);
  await register(tokens);
  await ask(tokens);
  return { world, tokens };
}

function manager(world: World, more: TokenManagerOptions = {}): Tokens {
  const refresh = world.wechat.refresh.bind(world.wechat);
  return world.manager({ ...more, refreshers: [world.wechat, defineRefresher({ type: ON_DEMAND, refresh })] } as never);
}

async function register(tokens: Tokens): Promise<void> {
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, { type: TYPE, subject: SUBJECT }] });
}

async function ask(tokens: Tokens): Promise<void> {
  for (const [type, options] of KEYS) await tokens.get(APPID, type, options);
}

function peekAll(tokens: Tokens): unknown[] {
  return KEYS.map(([type, options]) => tokens.peek(APPID, type, options)?.value);
}

describe.each(WAYS)('%s', (_name, way) => {
  test('a hit answers each call with the same promise, except for one look at the record each 60 s', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    const first = way(tokens);
    await world.clock.advance(59_999);
    expect(way(tokens)).toBe(first);
    await world.clock.advance(1);
    const looked = way(tokens);
    expect(looked).not.toBe(first);
    expect(await looked).toEqual(await first);
    expect(way(tokens)).toBe(first);
    expect(world.wechat.calls).toBe(4);
  });

  test('a hit looks at the record when the clock reads less than at the last hit', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    const hit = way(tokens);
    expect(way(tokens)).toBe(hit);
    world.clock.jump(-1);
    const looked = way(tokens);
    expect(looked).not.toBe(hit);
    expect(await looked).toEqual(await hit);
    expect(way(tokens)).toBe(hit);
  });

  test('a hit rejects with CLOSED once the manager is closed', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    await way(tokens);
    const closed = tokens.close();
    await expect(way(tokens)).rejects.toMatchObject({ code: 'CLOSED' });
    await closed;
    await expect(way(tokens)).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('a hit answers nothing once the app is unregistered, and nothing old once it is registered again', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    const old = await way(tokens);
    await tokens.unregister(APPID);
    await expect(way(tokens)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await register(tokens);
    expect(await way(tokens)).not.toEqual(old);
  });

  test('a hit answers nothing once another process has unregistered the app', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    await way(tokens);
    await manager(world).unregister(APPID);
    await world.clock.advance(1_000);
    await expect(way(tokens)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  });

  test('a hit answers with the new token as soon as there is one', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    const old = await way(tokens);
    for (const [type, options] of KEYS) await tokens.refresh(APPID, type, { ...options, force: true });
    const next = way(tokens);
    expect(await next).not.toEqual(old);
    expect(way(tokens)).toBe(next);
  });
});

test('a hit sends no store command, and reads the clock once', async () => {
  let commands = 0;
  const { world, tokens } = await warm({
    store: (store) =>
      new Proxy(store, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return (...given: unknown[]): unknown => {
            commands += 1;
            return Reflect.apply(member, target, given);
          };
        },
      }),
  });
  await using _world = world;
  commands = 0;
  let reads = 0;
  const now = world.clock.now.bind(world.clock);
  world.clock.now = () => {
    reads += 1;
    return now();
  };
  world.clock.monotonic = () => {
    throw new Error('a hit needs no monotonic time');
  };
  for (const [, way] of WAYS) way(tokens);
  for (const [type, options] of KEYS) tokens.peek(APPID, type, options);
  expect([commands, reads]).toEqual([0, WAYS.length + KEYS.length]);
  world.clock.monotonic = Object.getPrototypeOf(world.clock).monotonic;
});

test.each([
  [-1, ['token-1', 'token-2', 'token-3', 'token-4']],
  [0, [undefined, undefined, undefined, undefined]],
  [1, [undefined, undefined, undefined, undefined]],
])(
  'I1: peek answers nothing past the end of the token, with the clock set back a day: %i ms',
  async (offset, found) => {
    const { world, tokens } = await warm();
    await using _world = world;
    for (const [, way] of WAYS) await way(tokens);
    world.wechat.always = () => new Promise(() => {});
    world.clock.jump(-DAY_MS);
    await world.clock.advance(LIFE_MS + offset);
    expect(peekAll(tokens)).toEqual(found);
  },
);

test('peek answers for every key, and for none of an app that is unregistered', async () => {
  const { world, tokens } = await warm();
  await using _world = world;
  expect(peekAll(tokens)).toEqual(['token-1', 'token-2', 'token-3', 'token-4']);
  await world.clock.advance(60_000);
  expect(peekAll(tokens)).toEqual(['token-1', 'token-2', 'token-3', 'token-4']);
  await tokens.unregister(APPID);
  expect(peekAll(tokens)).toEqual([undefined, undefined, undefined, undefined]);
});

test('an app that turns out to be gone removes the cached tokens of all its keys', async () => {
  const { world, tokens } = await warm();
  await using _world = world;
  engineOf(tokens).registry.removeApp(APPID);
  expect(peekAll(tokens)).toEqual([undefined, undefined, undefined, undefined]);
});

test('unregistering an app that fell out of memory in a fleet forgets its tokens', async () => {
  const { world, tokens } = await warm({ fleet: true, store: unwatched }, { maxCachedRecords: 10 });
  await using _world = world;
  for (let app = 0; app < 1_100; app++) await tokens.register({ appid: `wx${app}`, secret: SECRET });
  const { registry } = engineOf(tokens);
  expect([registry.hasApp(APPID), peekAll(tokens)]).toEqual([false, ['token-1', 'token-2', 'token-3', 'token-4']]);
  await tokens.unregister(APPID);
  expect(peekAll(tokens)).toEqual([undefined, undefined, undefined, undefined]);
});

test('unregistering one key forgets its token, with a task and without, and leaves the others', async () => {
  const { world, tokens } = await warm({ store: unwatched });
  await using _world = world;
  await tokens.unregister(APPID, TYPE, { subject: SUBJECT });
  expect(peekAll(tokens)).toEqual(['token-1', undefined, 'token-3', 'token-4']);
  await tokens.unregister(APPID, ON_DEMAND);
  await tokens.unregister(APPID, ON_DEMAND, { subject: SUBJECT });
  expect(peekAll(tokens)).toEqual(['token-1', undefined, undefined, undefined]);
  expect(await tokens.get(APPID, ON_DEMAND)).toBe('token-5');
});

test('a pushed ticket is not answered once its app is unregistered', async () => {
  const { world, tokens } = await warm();
  await using _world = world;
  await tokens.put(APPID, 'component_verify_ticket', { value: 'ticket', expiresInSeconds: 43_200 });
  expect(await tokens.get(APPID, 'component_verify_ticket')).toBe('ticket');
  await tokens.unregister(APPID);
  expect(tokens.peek(APPID, 'component_verify_ticket')).toBeUndefined();
  await expect(tokens.get(APPID, 'component_verify_ticket')).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
});

test('a record that a slow read brings after its app was unregistered is no hit', async () => {
  const { world, tokens } = await warm();
  await using _world = world;
  const { records, documents } = engineOf(tokens);
  const keys = KEYS.map(([type, options]) => ({ appid: APPID, type, ...options }));
  const read = await Promise.all(keys.map((key) => documents.read(key)));
  await tokens.unregister(APPID);
  for (const [index, key] of keys.entries()) {
    const document = read[index] as (typeof read)[number];
    if (document.grant === undefined) throw new Error('the store has no such token');
    const adopted = records.adopt(key, document, document.grant, { source: 'store', announceFirst: false });
    records.confirm(adopted);
  }
  for (const [, way] of WAYS) await expect(way(tokens)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
});

test('a due key without a task is refreshed by the first look at it, however often it is peeked at', async () => {
  const { world, tokens } = await warm({ store: unwatched });
  await using _world = world;
  await world.clock.advance(LIFE_MS - 300_000);
  const { calls } = world.wechat;
  for (let second = 0; second < 5; second++) {
    await world.clock.advance(500);
    tokens.peek(APPID, ON_DEMAND);
    await tokens.get(APPID, ON_DEMAND);
  }
  expect(world.wechat.calls).toBe(calls + 1);
  expect(tokens.peek(APPID, ON_DEMAND)?.value).toBe(`token-${calls + 1}`);
});

describe('options of calls for a cached token', () => {
  const calls: readonly [string, (tokens: Tokens, options: never) => unknown][] = [
    ['get', (tokens, options) => tokens.get(APPID, TYPE, options)],
    ['getRecord', (tokens, options) => tokens.getRecord(APPID, TYPE, options)],
    ['peek', async (tokens, options) => tokens.peek(APPID, TYPE, options)],
  ];

  test.each<[string, unknown]>([
    ['a name that is unknown', { subject: SUBJECT, validity: 1 }],
    ['an own __proto__', JSON.parse(`{"subject":"${SUBJECT}","__proto__":{}}`)],
    ['a subject that is a number', { subject: 7 }],
    ['a subject that is empty', { subject: '' }],
    ['a subject with a space', { subject: 'a b' }],
    ['null', null],
    ['an array', Object.assign([], { subject: SUBJECT })],
    ['a function', Object.assign(() => {}, { subject: SUBJECT })],
    ['a string', SUBJECT],
  ])('every call for a cached token rejects %s as it does without', async (_name, options) => {
    const { world, tokens } = await warm();
    await using _world = world;
    for (const [, call] of calls) await expect(call(tokens, options as never)).rejects.toThrow(TypeError);
  });

  test('options that throw make get and getRecord reject instead of throwing', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    const options = {
      get subject(): string {
        throw new Error('the options are not to be read');
      },
    };
    const error = new TypeError('the options of this call: subject cannot be read');
    for (const [, call] of calls) await expect(call(tokens, options as never)).rejects.toThrow(error);
  });

  test.each<[string, object]>([
    ['of its own', { subject: SUBJECT, minValidityMs: LIFE_MS }],
    ['inherited', Object.create({ minValidityMs: LIFE_MS }, { subject: { value: SUBJECT, enumerable: true } })],
  ])('a call for more validity than the cached token has refreshes it: %s', async (_name, options) => {
    const { world, tokens } = await warm();
    await using _world = world;
    await world.clock.advance(1);
    expect(await tokens.get(APPID, TYPE, options)).toBe('token-5');
  });

  test('an aborted signal rejects a call for a cached token', async () => {
    const { world, tokens } = await warm();
    await using _world = world;
    const reason = new Error('given up');
    await expect(tokens.get(APPID, TYPE, { ...subject(), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
