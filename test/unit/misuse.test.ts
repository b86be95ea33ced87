import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LEASE_MS } from '../../src/core/concurrency/time-limits.js';
import { FileStore, MemoryStore, TokenError, TokenManager } from '../../src/index.js';
import { APPID, SECRET, TYPE, World } from '../support/worlds/world.js';

const LONG = 'x'.repeat(300);

test.each<[string, object]>([
  ['store', { store: {} }],
  ['store', { store: 'wechat-tokens' }],
  ['refreshers', { refreshers: {} }],
  ['refresh', { refreshers: [{ type: 'x' }] }],
  ['type', { refreshers: [{ type: '', refresh: async () => ({}) }] }],
  ['refresh.marginMs', { refresh: { marginMs: -1 } }],
  ['refresh.jitterMs', { refresh: { jitterMs: Number.NaN } }],
  ['refresh.minValidityMs', { refresh: { minValidityMs: '5' } }],
  ['margin', { refresh: { margin: 5 } }],
  ['wechat.origins', { wechat: { origins: [] } }],
  ['wechat.origins', { wechat: { origins: 'https://api.weixin.qq.com' } }],
  ['wechat.origins', { wechat: { origins: ['ftp://api.weixin.qq.com'] } }],
  ['wechat.proxy', { wechat: { proxy: 'socks5://10.0.0.9' } }],
  ['wechat.accessToken', { wechat: { accessToken: 'fast' } }],
  ['origin', { wechat: { origin: 'https://api.weixin.qq.com' } }],
  ['timeoutMs', { timeoutMs: LEASE_MS }],
  ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }],
  ['maxCachedRecords', { maxCachedRecords: 0 }],
  ['clock', { clock: Date }],
  ['stroe', { stroe: new MemoryStore() }],
])('the option %s is named in the TypeError that refuses %o', (name, options) => {
  expect(() => new TokenManager(options as never)).toThrow(TypeError);
  expect(() => new TokenManager(options as never)).toThrow(name);
});

test('a manager whose deadline just outlasts a lease is accepted', async () => {
  await new TokenManager({ timeoutMs: LEASE_MS + 1 }).close();
});

test.each<[unknown]>([
  [''],
  [LONG],
  ['a\nb'],
  ['a\0b'],
  ['a/b'],
  ['../x'],
  [' '],
  ['中文'],
  [7],
  [undefined],
  [null],
  [{}],
])('the appid %j is refused by every method, naming appid, and nothing is stored', async (appid) => {
  await using world = new World();
  const tokens = world.manager();
  const bad = appid as string;
  const calls = [
    () => tokens.register({ appid: bad, secret: SECRET }),
    () => tokens.unregister(bad),
    () => tokens.get(bad, TYPE),
    () => tokens.getRecord(bad, TYPE),
    async () => tokens.peek(bad, TYPE),
    async () => tokens.hasTask(bad, TYPE),
    () => tokens.refresh(bad, TYPE, { force: true }),
    () => tokens.put(bad, TYPE, { value: 'x', expiresInSeconds: 1 }),
    () => tokens.call(bad, TYPE, String),
  ];
  for (const call of calls) await expect(call()).rejects.toThrow(/^appid must be/);
  for (const kind of ['app', 'task', 'key'])
    for await (const document of world.store.list(kind)) expect(document).toBeUndefined();
});

test.each<[unknown]>([['acess_token'], ['__proto__'], ['constructor'], [''], [0], [undefined]])(
  'the type %j is refused by every method',
  async (type) => {
    await using world = new World();
    const tokens = await world.registered();
    const bad = type as typeof TYPE;
    for (const call of [() => tokens.get(APPID, bad), () => tokens.register({ appid: APPID, tasks: [bad] })]) {
      await expect(call()).rejects.toThrow(/^type must be one of access_token, /);
    }
    expect(() => tokens.peek(APPID, bad)).toThrow(TypeError);
    expect(tokens.hasType(String(type))).toBe(false);
  },
);

test.each<[string, object]>([
  ['minValidityMs', { minValidityMs: -1 }],
  ['minValidityMs', { minValidityMs: Number.NaN }],
  ['timeoutMs', { timeoutMs: -1 }],
  ['timeoutMs', { timeoutMs: 2 ** 31 }],
  ['timeoutMs', { timeoutMs: '1000' }],
  ['signal', { signal: {} }],
  ['subject', { subject: '' }],
  ['subject', { subject: 'a b' }],
  ['subject', { subject: 'x'.repeat(129) }],
  ['validity', { validity: 1 }],
])('get refuses a wrong %s: %o', async (name, options) => {
  await using world = new World();
  const tokens = await world.registered();
  await expect(tokens.get(APPID, TYPE, options as never)).rejects.toThrow(TypeError);
  await expect(tokens.get(APPID, TYPE, options as never)).rejects.toThrow(name);
});

test.each<[string, object]>([
  ['type only together', { type: TYPE }],
  ['subject only together', { appid: APPID, subject: 'x' }],
  ['limit', { limit: 0 }],
  ['after', { after: 5 }],
  ['page', { page: 2 }],
])('status refuses %s: %o', async (message, query) => {
  await using world = new World();
  const tokens = await world.registered();
  await expect(tokens.status(query as never).next()).rejects.toThrow(message);
});

test.each<[string, object]>([
  ['secret', { appid: APPID, secret: undefined }],
  ['secret', { appid: APPID, secret: '' }],
  ['secret', { appid: APPID, secret: 12_345 }],
  ['accessToken', { appid: APPID, secret: SECRET, accessToken: 'forced' }],
  ['tasks', { appid: APPID, secret: SECRET, tasks: TYPE }],
  ['taks', { appid: APPID, secret: SECRET, taks: [TYPE] }],
  ['params', { appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: 'http://app/params' }] }],
  ['notify', { appid: APPID, secret: SECRET, tasks: [{ type: TYPE, notify: 'http://app/cb' }] }],
  ['param"', { appid: APPID, secret: SECRET, tasks: [{ type: TYPE, param: {} }] }],
])('register refuses a wrong %s and leaves what is registered', async (name, registration) => {
  await using world = new World();
  const tokens = await world.registered();
  const error = await tokens.register(registration as never).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain(name);
  expect((error as Error).message).not.toContain('CANARY');
  expect((error as Error).message).not.toContain('12345');
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('unregister with a subject and without a type removes nothing, since the type may be missing by mistake', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const removal = tokens.unregister(APPID, undefined, { subject: 'openid-1' });
  await expect(removal).rejects.toThrow(new TypeError('unregister takes a subject only with a type'));
  const misspelt = tokens.unregister(APPID, undefined, { subjct: 'openid-1' } as never);
  await expect(misspelt).rejects.toThrow('unknown name "subjct"');
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('names of built-in properties are names like any other', async () => {
  await using world = new World();
  const tokens = world.manager();
  for (const appid of ['__proto__', 'constructor', 'prototype', 'toString', '.', '..', 'CON', 'wx1', 'WX1']) {
    await tokens.register({ appid, secret: SECRET, tasks: [TYPE] });
  }
  const values = new Set<string>();
  for (const appid of ['__proto__', 'constructor', 'prototype', 'toString', '.', '..', 'CON', 'wx1', 'WX1']) {
    values.add(await tokens.get(appid, TYPE));
  }
  expect(values.size).toBe(9);
  expect(({} as Record<string, unknown>)['secret']).toBeUndefined();
});

test('a directory that is a file is a TypeError, one that cannot be written a TokenError', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
  const file = join(directory, 'file');
  await writeFile(file, 'precious');
  expect(() => new FileStore(file)).toThrow(TypeError);
  await using tokens = new TokenManager({ store: new FileStore(join(file, 'below')) });
  const error = await tokens.register({ appid: APPID, secret: SECRET }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TokenError);
  expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('ENOTDIR') });
  await rm(directory, { recursive: true });
});

test('listeners must be functions', () => {
  expect(() => new TokenManager().on('refreshed', 'log' as never)).toThrow(TypeError);
});

test('a token in place of a number or a switch is not shown', async () => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  const token = 'CANARY0123456789' as never;
  const uses: [string, () => unknown][] = [
    ['force', () => tokens.refresh(APPID, TYPE, { force: token })],
    ['timeoutMs', () => tokens.get(APPID, TYPE, { timeoutMs: token })],
    ['minValidityMs', () => tokens.get(APPID, TYPE, { minValidityMs: token })],
    ['timeoutMs', () => new TokenManager({ timeoutMs: token })],
    ['refresh.marginMs', () => new TokenManager({ refresh: { marginMs: token } })],
    ['refresh.maxPerSecond', () => new TokenManager({ refresh: { maxPerSecond: token } })],
    ['maxCachedRecords', () => new TokenManager({ maxCachedRecords: token })],
    ['limit', () => tokens.status({ limit: token }).next()],
  ];
  for (const [name, use] of uses) {
    const error = await (async () => use())().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toMatch(new RegExp(`^${name} must be .*, got a string$`));
  }
});

test('options that are a promise or a Map do nothing for the app itself', async () => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  const grant = { value: 'of a user', expiresInSeconds: 60 };
  for (const options of [Promise.resolve({ subject: 'o' }), new Map([['subject', 'o']])] as never[]) {
    await expect(tokens.put(APPID, TYPE, grant, options)).rejects.toThrow(TypeError);
    await expect(tokens.get(APPID, TYPE, options)).rejects.toThrow(TypeError);
    expect(() => tokens.peek(APPID, TYPE, options)).toThrow(TypeError);
    expect(() => tokens.hasTask(APPID, TYPE, options)).toThrow(TypeError);
  }
  expect(tokens.peek(APPID, TYPE)).toBeUndefined();
  await tokens.put(APPID, TYPE, grant);
  await expect(tokens.get(APPID, TYPE, new Map([['subject', 'o']]) as never)).rejects.toThrow(TypeError);
});

test('a revoked proxy is refused with a message of this package', async () => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const gone = proxy as never;
  const uses: (() => unknown)[] = [
    () => tokens.register(gone),
    () => tokens.register({ appid: gone }),
    () => tokens.register({ appid: APPID, secret: gone }),
    () => tokens.register({ appid: APPID, tasks: gone }),
    () => tokens.register({ appid: APPID, tasks: [gone] }),
    () => tokens.register({ appid: APPID, tasks: [{ type: TYPE, params: gone }] }),
    () => tokens.register({ appid: APPID, tasks: [{ type: TYPE, params: { a: gone } }] }),
    () => tokens.put(APPID, TYPE, gone),
    () => tokens.put(APPID, TYPE, { value: gone, expiresInSeconds: 60 }),
    () => tokens.put(APPID, TYPE, { value: 'x', expiresInSeconds: 60, result: gone }),
    () => tokens.put(APPID, TYPE, { value: 'x', expiresInSeconds: 60 }, gone),
    () => tokens.get(APPID, TYPE, gone),
    () => tokens.get(APPID, TYPE, { timeoutMs: gone }),
    () => new TokenManager({ wechat: { origins: gone } }),
    () => new TokenManager({ refreshers: gone }),
  ];
  for (const use of uses) {
    const error = await (async () => use())().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toMatch(/got a proxy that cannot be read$|^params must be JSON$/);
  }
});
