import { expect, test } from 'vitest';
import type { PushedMessage } from '../../../../src/push-server/index.js';
import { COMPONENT, MERCHANT, PlatformWorld, rejected } from '../../../support/worlds/platform-world.js';

const TO_MERCHANT = { appid: MERCHANT, component: COMPONENT };

function message(to = 'gh_merchant', id = 1): Record<string, string | number> {
  const head = { ToUserName: to, FromUserName: 'oUser', CreateTime: 1_700_000_000 };
  return { ...head, MsgType: 'text', Content: 'CANARY', MsgId: id };
}

async function receiving(world: PlatformWorld) {
  const seen: PushedMessage[] = [];
  const process = await world.receiving({ onMessage: (pushed) => void seen.push(pushed) });
  return { ...process, seen };
}

test('a message of an authorizer is passed on with the platform and the account', async () => {
  await using world = new PlatformWorld();
  const { receiver, seen } = await receiving(world);
  expect((await world.push(receiver, message(), TO_MERCHANT)).body).toBe('success');
  expect(seen).toMatchObject([{ appid: MERCHANT, component: COMPONENT, from: 'oUser', to: 'gh_merchant' }]);
});

test('a message for another account than the path names is refused, since the signature does not cover the path', async () => {
  await using world = new PlatformWorld();
  const { receiver, seen } = await receiving(world);
  const answer = await world.push(receiver, message('gh_other'), TO_MERCHANT);
  expect([answer.status, answer.body]).toEqual([401, expect.not.stringContaining('gh_other')]);
  expect(seen).toEqual([]);
});

test('a message for an account that has not authorized the platform is refused', async () => {
  await using world = new PlatformWorld();
  const { receiver } = await receiving(world);
  world.platform.failures.set('api_get_authorizer_info', rejected(61_003));
  expect((await world.push(receiver, message(), TO_MERCHANT)).status).toBe(401);
});

test('a message is answered with 500 while neither the store nor WeChat can say whose it is', async () => {
  await using world = new PlatformWorld();
  const { receiver } = await receiving(world);
  world.platform.failures.set('api_get_authorizer_info', new Error('away'));
  expect((await world.push(receiver, message(), TO_MERCHANT)).status).toBe(500);
});

test('WeChat is asked once for the original id of an account, which other processes then find in the store', async () => {
  await using world = new PlatformWorld();
  const first = await receiving(world);
  await world.push(first.receiver, world.authorized('code-1'));
  await world.settle();
  for (let id = 1; id < 4; id++) await world.push(first.receiver, message('gh_merchant', id), TO_MERCHANT);
  expect(world.platform.countOf('api_get_authorizer_info')).toBe(1);
  const second = world.process();
  expect((await world.push(second.receiver, message('gh_merchant', 9), TO_MERCHANT)).body).toBe('success');
  expect(world.platform.countOf('api_get_authorizer_info')).toBe(1);
});

test('wrong original ids make WeChat asked at most once a minute for an account', async () => {
  await using world = new PlatformWorld();
  const { receiver } = await receiving(world);
  for (let id = 1; id < 10; id++) await world.push(receiver, message(`gh_${id}`, id), TO_MERCHANT);
  expect(world.platform.countOf('api_get_authorizer_info')).toBe(1);
  world.platform.info = { user_name: 'gh_new' };
  await world.settle(60_001);
  expect((await world.push(receiver, message('gh_new', 99), TO_MERCHANT)).body).toBe('success');
});

test('what is pushed to a platform is refused at the path of an authorizer', async () => {
  await using world = new PlatformWorld();
  const { receiver } = await receiving(world);
  expect((await world.push(receiver, world.ticket('other'), TO_MERCHANT)).status).toBe(401);
});
