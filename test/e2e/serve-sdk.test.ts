import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { requireTools } from '../faults/require-tool.js';
import { BusinessWeChat } from '../support/servers/business-wechat.js';
import { ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'CANARY-secret-of-the-app';
const PAIR = `grant_type=client_credential&appid=${APPID}&secret=${SECRET}`;
const run = promisify(execFile);

let fake: FakeWeChat;
let business: BusinessWeChat;
let world: ServeWorld;

beforeEach(async () => {
  fake = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  business = await BusinessWeChat.start(fake);
  world = await ServeWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await business[Symbol.asyncDispose]();
  await fake.close();
});

const serve = (...args: string[]) => world.start(['--wechat-origin', business.origin, ...args]);

test("a program in Python calls WeChat's API with nothing but another address", async (context) => {
  requireTools(context, { programs: ['python3'] });
  const { url } = await serve();
  await fetch(`${url}/apps/${APPID}`, {
    method: 'PUT',
    body: JSON.stringify({ secret: SECRET, tasks: ['access_token'] }),
  });
  const script = fileURLToPath(new URL('./processes/sdk-client.py', import.meta.url));
  const got = JSON.parse((await run('python3', [script, url, APPID, SECRET])).stdout);
  expect(got).toMatchObject({
    ticket: { errcode: 0, errmsg: 'ok' },
    user: { openid: 'o1' },
    message: { errcode: 0 },
    wrong: { errcode: 40001 },
  });
  expect(fake.isValid(got.token.access_token)).toBe(true);
  expect(fake.isValid(got.ticket.ticket)).toBe(true);
});

test('--auto-register registers an app whose pair WeChat accepts, and the log holds no secret', async () => {
  const server = await serve('--auto-register');
  const answer = (await (await fetch(`${server.url}/cgi-bin/token?${PAIR}`)).json()) as { access_token: string };
  expect(fake.isValid(answer.access_token)).toBe(true);
  const call = await fetch(`${server.url}/cgi-bin/user/info?access_token=${answer.access_token}&openid=o1`);
  expect(await call.json()).toMatchObject({ openid: 'o1' });
  await server.end();
  const printed = [...server.lines, server.errors].join('\n');
  for (const secret of [SECRET, answer.access_token]) expect(printed).not.toContain(secret);
});

test('--contracts without wechat leaves the paths of WeChat to others, and refuses --auto-register', async () => {
  const { url } = await serve('--contracts', 'native');
  expect((await fetch(`${url}/cgi-bin/token?${PAIR}`)).status).toBe(404);
  const refused = world.spawn(['--contracts', 'native', '--auto-register']);
  expect(await refused.exited).toBe(2);
  expect(refused.errors).toContain('--auto-register');
});
