import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const CANARY = 'CANARY-token';

let world: ServeWorld;
let wechat: Server;
let answering: (request: IncomingMessage, response: ServerResponse) => void;
let issued: number;

beforeEach(async () => {
  world = await ServeWorld.create();
  issued = 0;
  answering = (_request, response) => response.end('{"errcode":0}');
  wechat = createServer((request, response) => {
    if (request.url?.startsWith('/cgi-bin/stable_token') !== true) {
      answering(request, response);
      return;
    }
    issued += 1;
    response.end(JSON.stringify({ access_token: `${CANARY}-${issued}`, expires_in: 7_200 }));
  }).listen(0, '127.0.0.1');
  await once(wechat, 'listening');
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  wechat.close();
  wechat.closeAllConnections();
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
  const origin = `http://127.0.0.1:${(wechat.address() as AddressInfo).port}`;
  const server = await world.start(['--keys', world.path('keys.json'), '--wechat-origin', origin, ...args]);
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
  answering = (_request, response) => response.end('{"errcode":43101,"errmsg":"user refuse rid: 66b1-1"}');
  await (await call(server, caller, '/cgi-bin/message/custom/send')).text();
  expect(await server.seen('called')).toMatchObject({
    appid: APPID,
    path: '/cgi-bin/message/custom/send',
    status: 200,
  });
  expect(await server.seen('callFailed')).toMatchObject({ level: 'warn', errcode: 43101, rid: '66b1-1' });
  expect(server.lines.join('\n') + server.errors).not.toContain('CANARY');
});

test('calls go on while the token is rejected by WeChat, and paths beyond those of the key are refused', async () => {
  const { server, caller } = await registered();
  answering = ({ url = '' }, response) =>
    response.end(url.includes(`${CANARY}-1`) ? '{"errcode":40001}' : '{"errcode":0}');
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call(server, caller, '/cgi-bin/message/custom/send')),
  );
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(20).fill('{"errcode":0}'));
  expect(issued).toBe(2);
  expect((await call(server, caller, '/cgi-bin/user/get')).status).toBe(403);
});

test('a server without the group has no such route', async () => {
  const { server, caller } = await registered('--contracts', 'native');
  expect((await call(server, caller, '/cgi-bin/message/custom/send')).status).toBe(404);
  expect(server.log.find(({ message }) => message === 'started')).toMatchObject({ contracts: ['native'] });
});
