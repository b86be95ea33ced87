import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';
import { RecordingWeChat } from '../support/worlds/recording-wechat.js';

const APPID = 'wx0123456789abcdef';
const CANARY = 'CANARY-token';

let world: ServeWorld;
let wechat: RecordingWeChat;

beforeEach(async () => {
  world = await ServeWorld.create();
  wechat = await RecordingWeChat.start(CANARY);
  wechat.answering = (_request, response) => response.end('{"errcode":0}');
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await wechat[Symbol.asyncDispose]();
});

async function key(...args: string[]): Promise<string> {
  const command = world.command(['keys', 'add', '--keys', world.path('keys.json'), ...args]);
  expect(await command.exited).toBe(0);
  return command.lines[0] as string;
}

async function registered(...args: string[]): Promise<{ server: ServeProcess; caller: string }> {
  const [caller, admin] = [
    await key('--scope', 'call', '--path', '/cgi-bin/message/'),
    await key('--scope', 'register'),
  ];
  const server = await world.start(['--keys', world.path('keys.json'), '--wechat-origin', wechat.origin, ...args]);
  const registration = await fetch(`${server.url}/apps/${APPID}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${admin}` },
    body: '{"secret":"CANARY-secret","tasks":["access_token"]}',
  });
  expect(registration.status).toBe(204);
  return { server, caller };
}

function call(server: ServeProcess, caller: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.url}/proxy/${APPID}${path}`, { ...init, headers: { authorization: `Bearer ${caller}` } });
}

test('a program with an API key calls WeChat through the command, and the log shows neither token nor query', async () => {
  const { server, caller } = await registered('--log-calls');
  const answer = await call(server, caller, '/cgi-bin/message/custom/send?CANARY=query', {
    method: 'POST',
    body: '{}',
  });
  expect(await answer.text()).toBe('{"errcode":0}');
  wechat.answering = (_request, response) =>
    response.end('{"errcode":43101,"errmsg":"user refuse rid: 66b1a2c3-00112233-44556677"}');
  await (await call(server, caller, '/cgi-bin/message/custom/send')).text();
  expect(await server.seen('called')).toMatchObject({
    appid: APPID,
    path: '/cgi-bin/message/custom/send',
    status: 200,
  });
  expect(await server.seen('callFailed')).toMatchObject({
    level: 'warn',
    errcode: 43101,
    rid: '66b1a2c3-00112233-44556677',
  });
  expect(server.lines.join('\n') + server.errors).not.toContain('CANARY');
});

test('calls go on while the token is rejected by WeChat, and paths beyond those of the key are refused', async () => {
  const { server, caller } = await registered();
  wechat.answering = ({ url }, response) =>
    response.end(url.includes(`${CANARY}-1`) ? '{"errcode":40001}' : '{"errcode":0}');
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call(server, caller, '/cgi-bin/message/custom/send')),
  );
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(20).fill('{"errcode":0}'));
  expect(wechat.issued).toBe(2);
  expect((await call(server, caller, '/cgi-bin/user/get')).status).toBe(403);
});

test('a server without the group has no such route', async () => {
  const { server, caller } = await registered('--contracts', 'native');
  expect((await call(server, caller, '/cgi-bin/message/custom/send')).status).toBe(404);
  expect(server.log.find(({ message }) => message === 'started')).toMatchObject({ contracts: ['native'] });
});
