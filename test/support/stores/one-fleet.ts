import { expect } from 'vitest';
import type { TokenManager, TokenManagerOptions } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';

interface Member {
  readonly tokens: TokenManager;
  leave(): Promise<void>;
}

/** Checks from outside that two managers that join are one: both hand out one token, which WeChat was asked for once. */
export async function expectOneFleet(join: (options: TokenManagerOptions) => Promise<Member>): Promise<void> {
  const wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  const members = await Promise.all([1, 2].map(() => join({ wechat: { origins: [wechat.origin] } })));
  const registration = { appid: APPID, secret: SECRET, tasks: ['access_token'] } as const;
  await Promise.all(members.map(({ tokens }) => tokens.register(registration)));
  const values = await Promise.all(members.map(({ tokens }) => tokens.get(APPID, 'access_token')));
  expect(new Set(values).size).toBe(1);
  expect(wechat.countCalls()).toBe(1);
  await Promise.all(members.map((member) => member.leave()));
  await wechat.close();
}
