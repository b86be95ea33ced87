import { expect, vi } from 'vitest';
import type { TokenManager, TokenManagerOptions } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';

/** Longer than a silent connection may go unnoticed, and shorter than the interval of the checks without notifications. */
const HEARS = { timeout: 20_000, interval: 50 };

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

type Join = (options: TokenManagerOptions) => Promise<Member>;

/** Checks that a manager whose connections are silenced hears of a token that another one replaces, and can leave. */
export async function expectHearing(joinSilenced: Join, join: Join, silence: () => void): Promise<void> {
  const wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  const options = { wechat: { origins: [wechat.origin] } };
  const [silenced, other] = await Promise.all([joinSilenced(options), join(options)]);
  await silenced.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await silenced.tokens.get(APPID, 'access_token');
  silence();
  const replaced = await other.tokens.refresh(APPID, 'access_token', { force: true });
  await vi.waitFor(async () => expect(await silenced.tokens.get(APPID, 'access_token')).toBe(replaced), HEARS);
  await Promise.allSettled([silenced.leave(), other.leave()]); // a driver may report a connection that is lost meanwhile
  await wechat.close();
}
