import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat, type FakeWeChatOptions } from '../../src/testing/index.js';
import { Victim } from './victim.js';

const APPID = 'wx0123456789abcdef';
const USER = 'openid-1';

let directory: string;
let wechat: FakeWeChat;
const victims: Victim[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
});

afterEach(async () => {
  await Promise.all(victims.splice(0).map((victim) => victim.kill()));
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(refreshTokens: FakeWeChatOptions['refreshTokens'] & {}): Promise<{ [USER]: string }> {
  wechat = await FakeWeChat.start({ refreshTokens });
  return { [USER]: wechat.authorizeUser(APPID, USER).refresh_token };
}

async function victim(dieAt?: string): Promise<Victim> {
  const started = await Victim.start(directory, wechat.origin, APPID, dieAt);
  victims.push(started);
  return started;
}

/** Runs a process that dies at that moment, and returns another one that continues on the same store. */
async function succeed(refreshTokens: Record<string, string>, dieAt: string): Promise<Victim> {
  const dying = await victim(dieAt);
  await dying.register(refreshTokens);
  await dying.exited;
  const heir = await victim();
  await heir.register(refreshTokens);
  return heir;
}

async function expectGoodToken(heir: Victim): Promise<void> {
  const { value } = await heir.seen(({ event }) => event === 'refreshed');
  expect(wechat.isValid(String(value))).toBe(true);
  expect(heir.events.filter(({ event }) => event === 'reauthorizationRequired')).toEqual([]);
}

test.each(['lease', 'before the announcement', 'after the announcement', 'after the answer'])(
  'I3: nothing is lost when a process is killed at: %s',
  async (dieAt) => {
    const heir = await succeed(await start('single-use'), dieAt);
    await expectGoodToken(heir);
    expect(wechat.replays).toBe(0);
  },
);

test('I3: a grace time of WeChat saves the refresh token of a process killed before the answer', async () => {
  const heir = await succeed(await start({ graceSeconds: 60 }), 'before the answer');
  await expectGoodToken(heir);
  expect(wechat.replays).toBe(1);
});

test('without a grace time the user has to authorize again, once, when a process is killed before the answer', async () => {
  const refreshTokens = await start('single-use');
  const heir = await succeed(refreshTokens, 'before the answer');
  await heir.seen(({ event }) => event === 'reauthorizationRequired');
  expect([wechat.countCalls(), wechat.replays]).toEqual([2, 1]);
  await heir.register({ [USER]: wechat.authorizeUser(APPID, USER).refresh_token });
  const { value } = await heir.seen(({ event }) => event === 'refreshed');
  expect(wechat.isValid(String(value))).toBe(true);
  expect(heir.events.filter(({ event }) => event === 'reauthorizationRequired')).toHaveLength(1);
});

test('I3: the same refresh token is sent again when a process is killed before WeChat has done anything', async () => {
  const refreshTokens = await start('single-use');
  wechat.fail('*', 'hang', { times: 1 });
  const asked = wechat.nextCall();
  const dying = await victim();
  await dying.register(refreshTokens);
  await asked;
  await dying.kill();
  const heir = await victim();
  await heir.register(refreshTokens);
  await expectGoodToken(heir);
  expect([wechat.countCalls(), wechat.replays]).toEqual([2, 0]);
});
