import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { GatewayWorld } from '../../support/worlds/gateway-world.js';

const CALL = '/cgi-bin/user/get';
/** The limit of connections to a host of WeChat. */
const CONNECTIONS = 256;

let world: GatewayWorld;
beforeAll(async () => {
  world = await GatewayWorld.start();
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  world.wechat.calls.length = 0;
});

test.each<[string, RequestInit]>([
  ['a header that HTTP does not allow', { headers: { accept: 'a\u0001b' } }],
  ['a length beyond all numbers', { method: 'POST', body: 'abc', headers: { 'content-length': '9'.repeat(25) } }],
])('requests of the Fetch standard with %s do not use up the connections to WeChat', async (_name, init) => {
  for (let sent = 0; sent < CONNECTIONS; sent++) await (await world.callByFetch(CALL, init)).text();
  expect((await world.callByFetch(CALL)).status).toBe(200);
});

test('a header that HTTP does not allow is answered with 400 and its name', async () => {
  const answer = await world.callByFetch(CALL, { headers: { accept: 'a\u007fb' } });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('header accept')]);
  expect(world.wechat.calls).toEqual([]);
});
