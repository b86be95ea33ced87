import { expect, test } from 'vitest';
import { GatewayWorld } from '../../../../support/worlds/gateway-world.js';
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
