import { expect, test } from 'vitest';
import { MemoryStore, TokenManager } from '../../../src/index.js';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';

const SILENT = 200;
/** More than a type has slots. */
const SILENT_APPS = 150;
const TYPE = 'oauth2_access_token';

test.each([
  { whose: 'users of one app', appidOf: () => 'wx-bad' },
  { whose: 'users of as many apps', appidOf: (index: number) => `wx-bad${index}` },
])('$whose without an answer of WeChat delay no caller of another token', async ({ appidOf }) => {
  const clock = new FakeClock();
  await using wechat = await FakeWeChat.start({ clock });
  const tokens = new TokenManager({ store: new MemoryStore({ clock }), clock, wechat: { origins: [wechat.origin] } });
  wechat.fail('/sns/oauth2/refresh_token', 'hang');
  for (let index = 0; index < SILENT; index++) {
    const subject = `openid-${index}`;
    const task = { type: TYPE, subject, params: { refresh_token: `refresh-${index}` } } as const;
    await tokens.register({ appid: appidOf(index), secret: 'secret', tasks: [task] });
    tokens.get(appidOf(index), TYPE, { subject }).catch(() => {});
  }
  await tokens.register({ appid: 'wx-good', secret: 'secret', tasks: [] });
  while (wechat.countCalls() < 40) await wechat.nextCall();
  for (let seconds = 0; seconds < 60; seconds += 4) {
    const appid = `wx-good${seconds}`;
    await tokens.register({ appid, secret: 'secret', tasks: [] });
    const askedAt = clock.monotonic();
    const asked = tokens.get(appid, 'access_token');
    let isSettled = false;
    asked.catch(() => {}).finally(() => (isSettled = true));
    // The fake answers over a socket: what has to be waited for is no time of the clock.
    while (!isSettled) await clock.advance(1);
    expect(await asked).toBeTruthy();
    expect(clock.monotonic() - askedAt).toBeLessThan(2_000);
    await clock.advance(4_000);
  }
  const closed = tokens.close();
  await clock.advance(25_000);
  await closed;
});

test('many apps without an answer of WeChat delay no other app with tokens of the same type', async () => {
  const clock = new FakeClock();
  await using wechat = await FakeWeChat.start({ clock });
  const tokens = new TokenManager({ store: new MemoryStore({ clock }), clock, wechat: { origins: [wechat.origin] } });
  wechat.fail(({ appid }) => appid?.startsWith('wx-bad') === true, 'hang');
  for (let index = 0; index < SILENT_APPS; index++) {
    await tokens.register({ appid: `wx-bad${index}`, secret: 'secret', tasks: [] });
  }
  const demandAll = (): void => {
    for (let index = 0; index < SILENT_APPS; index++) tokens.get(`wx-bad${index}`, 'access_token').catch(() => {});
  };
  for (let seconds = 0; seconds < 30; seconds += 2) {
    demandAll();
    await clock.advance(2_000);
  }
  for (let round = 0; round < 3; round++) {
    const appid = `wx-good${round}`;
    await tokens.register({ appid, secret: 'secret', tasks: [] });
    demandAll();
    const askedAt = clock.monotonic();
    const asked = tokens.get(appid, 'access_token');
    let isSettled = false;
    asked.catch(() => {}).finally(() => (isSettled = true));
    while (!isSettled) await clock.advance(1);
    expect(await asked).toBeTruthy();
    expect(clock.monotonic() - askedAt).toBeLessThan(2_000);
    await clock.advance(4_000);
  }
  const closed = tokens.close();
  await clock.advance(25_000);
  await closed;
});
