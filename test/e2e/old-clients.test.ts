import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { requireTools } from '../faults/require-tool.js';
import { ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';
const run = promisify(execFile);

let wechat: FakeWeChat;
let world: ServeWorld;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  world = await ServeWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await wechat.close();
});

const serve = (...args: string[]) => world.start(['--wechat-origin', wechat.origin, ...args]);

test('curl is answered as the documents of the older servers say', async (context) => {
  requireTools(context, { programs: ['curl'] });
  const { url } = await serve();
  const curl = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await run('curl', ['-s', '--max-time', '30', ...args])).stdout);
  const body = JSON.stringify({ appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] });
  // Without an explicit content type curl declares a form.
  expect(await curl('-d', body, `${url}/registe`)).toEqual({ code: 200, message: '', result: 'success' });
  const { result } = (await curl(`${url}/task/${APPID}/0`)) as { result: string };
  expect(wechat.isValid(result)).toBe(true);
  expect(await curl(`${url}/task/${APPID}/9`)).toMatchObject({ code: 400, result: null });
  expect(await curl('-d', `appid=${APPID}&secret=${SECRET}`, `${url}/wechat/app/create`)).toMatchObject({ errcode: 0 });
  expect(await curl(`${url}/${APPID}/wechat/token/get?secret=${SECRET}`)).toMatchObject({
    errcode: 0,
    access_token: result,
    expires_date: expect.stringMatching(/^20\d{12}$/),
  });
});

test('a client in Python needs only the address', async (context) => {
  requireTools(context, { programs: ['python3'] });
  const { url } = await serve();
  const script = fileURLToPath(new URL('./processes/old-clients.py', import.meta.url));
  const got = JSON.parse((await run('python3', [script, url, APPID, SECRET])).stdout);
  const token = got.task.result;
  expect(wechat.isValid(token)).toBe(true);
  expect(wechat.isValid(got.ticket.result)).toBe(true);
  expect(got).toMatchObject({
    registe: { code: 200, message: '', result: 'success' },
    create: { errcode: 0, errmsg: 'success' },
    get: { errcode: 0, errmsg: 'success', access_token: token },
    ticket_get: { errcode: 0, errmsg: 'success', ticket: got.ticket.result },
  });
});

test('I3: a notification that is owed to a target survives kill -9, and is delivered after the next start', async () => {
  let isDown = true;
  const got: { url: string | undefined; body: string }[] = [];
  const tried = new Set<() => void>();
  const target: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (!isDown) got.push({ url: request.url, body });
      response.writeHead(isDown ? 503 : 200).end();
      for (const resolve of tried) resolve();
    });
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const nextTry = (): Promise<void> => new Promise((resolve) => tried.add(resolve));
  const notify = `http://127.0.0.1:${(target.address() as AddressInfo).port}/cb?shop=7`;

  const first = await serve();
  const refused = nextTry();
  const body = JSON.stringify({ appid: APPID, appsecret: SECRET, tasks: [{ type: 0, notify }] });
  await fetch(`${first.url}/registe`, { method: 'POST', body });
  await refused;
  process.kill(first.workerPid, 'SIGKILL');
  first.child.kill('SIGKILL');
  await first.exited;

  isDown = false;
  tried.clear();
  const delivered = nextTry();
  const second = await serve();
  await delivered;
  const { result } = await second.task(APPID);
  expect(got[0]?.url).toBe(`/cb?shop=7&appid=${APPID}&type=0`);
  expect(JSON.parse(got[0]?.body ?? '{}')).toMatchObject({ access_token: result });
  expect(wechat.calls).toHaveLength(1);
  target.closeAllConnections();
  await new Promise((resolve) => target.close(resolve));
});
