import { expect, test } from 'vitest';
import { createApiKey } from '../../../../../src/http/index.js';
import { ClaimingStore } from '../../../../support/stores/claiming-store.js';
import { GatewayWorld } from '../../../../support/worlds/gateway-world.js';
import { SdkWorld, SECRET, tokenPath } from '../../../../support/worlds/sdk-world.js';
import { APPID } from '../../../../support/worlds/world.js';

test('callers without a credential leave half of the connections to WeChat to the others, however many apps they name', async () => {
  await using world = await GatewayWorld.start({ handler: { contracts: ['wechat'] } });
  const token = await world.tokens.get(APPID, 'access_token');
  const apps = Array.from({ length: 13 }, (_, index) => `wxapp${index}`);
  for (const appid of apps) await world.tokens.register({ appid, secret: 'secret-of-the-app' });
  const sent = apps.length * 20;
  let settled = 0;
  let hanging = 0;
  const all = new Promise<void>((resolve) => {
    const settle = (): void => {
      settled += 1;
      if (settled === sent) resolve();
    };
    world.wechat.onRequest = ({ url }, response) => {
      if (url?.startsWith('/sns/') !== true) {
        response.end('{"errcode":0}');
        return;
      }
      hanging += 1;
      settle();
    };
    for (const appid of apps) {
      const renewal = `/sns/oauth2/refresh_token?appid=${appid}&grant_type=refresh_token&refresh_token=x`;
      for (let call = 0; call < 20; call++) world.fetch(renewal).then(settle, () => {});
    }
  });
  await all;
  expect(hanging).toBe(128);
  const answer = await world.fetch(`/cgi-bin/user/get?access_token=${token}`);
  expect(await answer.json()).toEqual({ errcode: 0 });
});

test('an API key that has expired and comes with the calls of one SDK keeps no other behind the same proxy from its token', async () => {
  const { key, entry } = createApiKey({ scopes: ['register'] });
  const cold = 'wxcold';
  await using world = await SdkWorld.start({
    store: (store) => new ClaimingStore(store),
    wechat: { apps: { [APPID]: { secret: SECRET }, [cold]: { secret: SECRET } } },
    handler: { keys: [{ ...entry, expiresAt: 1 }], autoRegister: true },
  });
  await world.tokens.register({ appid: cold, secret: SECRET });
  const token = await world.server.askToken();
  const started = await world.another();
  const headers = { authorization: `Bearer ${key}` };
  for (let call = 0; call < 40; call++) {
    const answer = await started.fetch(`/cgi-bin/getcallbackip?access_token=${token}`, { headers });
    expect(await answer.json()).toHaveProperty('ip_list');
  }
  expect(await started.ask(tokenPath(cold))).toHaveProperty('access_token');
});

test('an API key that has expired counts as a guess where it would let an app be registered', async () => {
  const { key, entry } = createApiKey({ scopes: ['register'] });
  await using world = await SdkWorld.start({ handler: { keys: [{ ...entry, expiresAt: 1 }], autoRegister: true } });
  const headers = { authorization: `Bearer ${key}` };
  const codes: unknown[] = [];
  for (let call = 0; call < 20; call++) {
    const answer = await world.server.fetch(tokenPath('wxunknown'), { headers });
    codes.push(((await answer.json()) as { errcode: number }).errcode);
  }
  expect(codes).toEqual([...Array(10).fill(40013), ...Array(10).fill(45011)]);
});
