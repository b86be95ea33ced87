import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileStore, TokenManager } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';
import { MountedTmpfs } from './mounted-tmpfs.js';
import { requireTools } from './require-tool.js';

const APPID = 'wx0123456789abcdef';
const USER = 'openid-1';
const TYPE = 'oauth2_access_token';
const KEY_ID = `key/${APPID}/${TYPE}/${USER}`;
const RECOVERY_MS = 10_000;
/** A padding that makes a document too large for the page that a released lease frees on a full disk. */
const LARGER_THAN_WHAT_A_LEASE_FREES = 'x'.repeat(20_000);

let wechat: FakeWeChat;
let disk: MountedTmpfs;
const open: TokenManager[] = [];

beforeEach(async (context) => {
  requireTools(context, { root: true, programs: ['mount', 'umount'] });
  wechat = await FakeWeChat.start({ lifeSeconds: 2, refreshTokens: 'single-use' });
  disk = new MountedTmpfs();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((tokens) => tokens.close().catch(() => undefined)));
  disk?.[Symbol.dispose]();
  await wechat?.close();
});

const failures: { what: string; fails: () => void; recovers: () => void }[] = [
  { what: 'a full disk', fails: () => disk.fill(), recovers: () => disk.free() },
  { what: 'a read-only disk', fails: () => disk.makeReadOnly(), recovers: () => disk.makeWritable() },
];

describe.each(failures)('$what', ({ fails, recovers }) => {
  test('WeChat is not called while the disk fails, and refreshing resumes without a caller', async () => {
    const tokens = manager();
    const before = await keepUser(tokens);
    const refreshToken = await storedRefreshToken();
    fails();
    const callsBefore = wechat.countCalls();
    await expect.poll(() => wechat.isValid(before), { timeout: 5_000 }).toBe(false);
    await expect(tokens.get(APPID, TYPE, { subject: USER })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(wechat.countCalls()).toBe(callsBefore);
    expect(wechat.isValid(refreshToken)).toBe(true);

    const recovered = nextValue(tokens);
    recovers();
    expect(wechat.isValid(await within(RECOVERY_MS, recovered))).toBe(true);
    expect(wechat.isValid(await storedRefreshToken())).toBe(true);
    expect(wechat.replays).toBe(0);
  });

  test('an answer that comes while the disk fails is not lost', async () => {
    const tokens = manager();
    const { refresh_token } = wechat.authorizeUser(APPID, USER);
    wechat.delayMs = 300;
    wechat.fail('*', { change: { padding: LARGER_THAN_WHAT_A_LEASE_FREES } });
    const asked = wechat.nextCall();
    const params = { refresh_token };
    await tokens.register({ appid: APPID, secret: 'secret', tasks: [{ type: TYPE, subject: USER, params }] });
    const unavailable = new Promise((resolve) => tokens.once('storeUnavailable', resolve));
    const value = nextValue(tokens);
    await asked;
    fails();
    await within(RECOVERY_MS, unavailable);
    await expect(tokens.get(APPID, TYPE, { subject: USER })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await storedRefreshToken()).toBeUndefined();
    expect(wechat.countCalls()).toBe(1);

    recovers();
    await within(RECOVERY_MS, value);
    expect(wechat.countCalls()).toBe(1);
    expect(wechat.isValid(await storedRefreshToken())).toBe(true);
    expect(wechat.replays).toBe(0);
  });

  test('a process that starts while the disk fails costs no refresh token', async () => {
    const before = manager();
    const value = await keepUser(before);
    await before.close();
    const refreshToken = await storedRefreshToken();
    fails();
    const callsBefore = wechat.countCalls();
    await expect.poll(() => wechat.isValid(value), { timeout: 5_000 }).toBe(false);
    const tokens = manager();
    await expect(tokens.get(APPID, TYPE, { subject: USER })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(wechat.countCalls()).toBe(callsBefore);
    expect(wechat.isValid(refreshToken)).toBe(true);

    recovers();
    const isServed = (): Promise<boolean> =>
      tokens.get(APPID, TYPE, { subject: USER }).then(
        (next) => wechat.isValid(next),
        () => false,
      );
    await expect.poll(isServed, { timeout: RECOVERY_MS }).toBe(true);
    expect(wechat.replays).toBe(0);
  });
});

describe('on a full disk', () => {
  const registration = { appid: APPID, secret: 'secret', tasks: ['access_token'] } as const;
  let value: string;

  beforeEach(async () => {
    await wechat.close();
    wechat = await FakeWeChat.start();
    const before = manager();
    await before.register(registration);
    value = await before.get(APPID, 'access_token');
    await before.close();
    disk.fill();
  });

  test('a process that starts on a full disk answers with the token that is stored, while that is valid', async () => {
    expect(await manager().get(APPID, 'access_token')).toBe(value);
    expect(wechat.countCalls()).toBe(1);
  });

  test('a process that starts on a full disk registers what is stored already', async () => {
    const tokens = manager();
    await tokens.register(registration);
    expect(await tokens.get(APPID, 'access_token')).toBe(value);
    await expect(tokens.register({ ...registration, secret: 'another' })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });
});

function manager(): TokenManager {
  const tokens = new TokenManager({ store: new FileStore(disk.directory), wechat: { origins: [wechat.origin] } });
  open.push(tokens);
  return tokens;
}

/** Registers the user and waits for the first token. */
async function keepUser(tokens: TokenManager): Promise<string> {
  const params = { refresh_token: wechat.authorizeUser(APPID, USER).refresh_token };
  await tokens.register({ appid: APPID, secret: 'secret', tasks: [{ type: TYPE, subject: USER, params }] });
  return tokens.get(APPID, TYPE, { subject: USER });
}

function nextValue(tokens: TokenManager): Promise<string> {
  return new Promise((resolve) => tokens.once('refreshed', ({ record }) => resolve(record.value)));
}

async function storedRefreshToken(): Promise<string> {
  const store = new FileStore(disk.directory);
  const [document] = await store.get([KEY_ID]);
  await store.close();
  const rotation = document?.data['rotation'] as { token?: string } | undefined;
  return rotation?.token as string;
}

async function within<Result>(ms: number, promise: Promise<Result>): Promise<Result> {
  const late = AbortSignal.timeout(ms);
  const timedOut = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`nothing came within ${ms} ms`)));
  });
  return Promise.race([promise, timedOut]);
}
