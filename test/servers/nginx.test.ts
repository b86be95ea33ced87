import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApiKey } from '../../src/http/index.js';
import { requireTools } from '../faults/require-tool.js';
import { encryptedPush } from '../support/encrypted-push.js';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';
import { listening, portOf, RecordingWeChat } from '../support/worlds/recording-wechat.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'CANARY-secret-of-the-app';
const PAGE = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));

let wechat: RecordingWeChat;
let world: ServeWorld;
let nginx: ChildProcess | undefined;

beforeEach(async () => {
  wechat = await RecordingWeChat.start('CANARY-TOKEN');
  world = await ServeWorld.create();
});

afterEach(async () => {
  // Workers outlive a killed nginx.
  if (nginx?.exitCode === null && nginx.kill('SIGTERM')) await once(nginx, 'exit');
  nginx = undefined;
  await world[Symbol.asyncDispose]();
  await wechat[Symbol.asyncDispose]();
});

/** Returns a port that was free just now. */
async function freePort(): Promise<number> {
  const server: Server = createServer();
  await listening(server);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Fronts {
  /** The origin of everything. */
  readonly origin: string;
  /** The origin of pushes alone. */
  readonly pushOrigin: string;
}

/** Starts nginx with the blocks of the operations page, without TLS, in front of the server. */
async function front(server: ServeProcess): Promise<Fronts> {
  const [port, pushPort] = [await freePort(), await freePort()];
  const blocks = [...(await readFile(PAGE, 'utf8')).matchAll(/```nginx\n([\s\S]*?)```/g)].map(([, block]) => block);
  const [calls = '', pushes = '', pages = '', ...others] = blocks;
  expect([pages.trim().startsWith('location'), others]).toEqual([true, []]);
  const directory = world.path('nginx');
  await mkdir(directory);
  const site = [calls, pushes.replace('    location / {', `${pages}    location / {`)]
    .join('\n')
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${pushPort};`)
    .replace(/ *ssl_certificate.*\n/g, '')
    .replaceAll('/var/log/nginx', directory)
    .replace('127.0.0.1:9001', new URL(server.url).host);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = paths.map((name) => `${name}_temp_path ${join(directory, name)};`).join('\n');
  const main = `daemon off; pid ${join(directory, 'pid')}; error_log stderr; events {} http { ${temporary}\n${site} }`;
  await writeFile(join(directory, 'nginx.conf'), main);
  nginx = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], { stdio: 'inherit' });
  const origin = `http://127.0.0.1:${port}`;
  await expect
    .poll(() =>
      fetch(`${origin}/healthz`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200);
  return { origin, pushOrigin: `http://127.0.0.1:${pushPort}` };
}

test('calls pass nginx as the operations page sets it up: streamed, with their paths, and with no query in its log', async (context) => {
  requireTools(context, { programs: ['nginx'] });
  const { entry, key } = createApiKey({ scopes: ['register'] });
  const keys = world.path('keys.json');
  await writeFile(keys, JSON.stringify({ keys: [entry] }), { mode: 0o600 });
  const server = await world.start(['--wechat-origin', wechat.origin, '--keys', keys]);
  const { origin } = await front(server);
  const registered = await fetch(`${origin}/apps/${APPID}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ secret: SECRET, tasks: ['access_token'] }),
  });
  expect(registered.status).toBe(204);
  const pair = `grant_type=client_credential&appid=${APPID}&secret=${SECRET}`;
  const { access_token: token } = (await (await fetch(`${origin}/cgi-bin/token?${pair}`)).json()) as {
    access_token: string;
  };
  expect(token).toMatch(/^CANARY-TOKEN/);

  // A path with two slashes reaches the server as it is, and is refused there.
  const odd = await fetch(`${origin}/cgi-bin//user/get?access_token=${token}`);
  expect(await odd.json()).toMatchObject({ errcode: 40066 });

  // An upload that is refused before it is complete is answered, and not taken for a broken connection by nginx.
  for (let sent = 0; sent < 5; sent += 1) {
    const body = new Uint8Array(8_000_000);
    const refused = await fetch(`${origin}/cgi-bin/media/upload?access_token=other`, { method: 'POST', body });
    expect(await refused.json()).toMatchObject({ errcode: 40001 });
  }

  // The first bytes of an upload arrive before it is complete, and those of a download as well.
  const arrived = new Promise<string>((resolve) => {
    wechat.onRequest = (request, response) => {
      request.once('data', (first) => resolve(String(first)));
      request.once('end', () => response.end('whole'));
      request.resume();
    };
  });
  const upload = connect(Number(new URL(origin).port), '127.0.0.1');
  const answered = new Promise<string>((resolve) => upload.once('data', (data) => resolve(String(data))));
  upload.write(
    `POST /cgi-bin/media/upload?access_token=${token} HTTP/1.1\r\nHost: tokens.test\r\nContent-Length: 2000000\r\n\r\nfirst`,
  );
  expect(await arrived).toBe('first');
  upload.write(Buffer.alloc(1_999_995, 'x'));
  expect(await answered).toContain('200 OK');
  upload.destroy();

  let finish = (): void => {};
  wechat.onRequest = (_request, response) => {
    response.write('first');
    finish = () => response.end('last');
  };
  const download = await fetch(`${origin}/cgi-bin/media/get?access_token=${token}&media_id=1`);
  const reader = (download.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  expect(Buffer.from(value ?? []).toString()).toBe('first');
  finish();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('last');

  const log = await readFile(join(world.path('nginx'), 'wechat-tokens.log'), 'utf8');
  expect(log).toContain('/cgi-bin/media/upload');
  for (const secret of ['CANARY', '?', 'access_token=']) expect(log).not.toContain(secret);
});

test('pushes and merchants pass nginx as the operations page sets it up, where nothing else does', async (context) => {
  requireTools(context, { programs: ['nginx'] });
  const { entry, key } = createApiKey({ scopes: ['register'] });
  const keys = world.path('keys.json');
  await writeFile(keys, JSON.stringify({ keys: [entry] }), { mode: 0o600 });
  const publicUrl = ['--public-url', 'http://platform.test'];
  const server = await world.start(['--wechat-origin', wechat.origin, '--keys', keys, ...publicUrl]);
  const { origin, pushOrigin } = await front(server);
  const app = { appid: APPID, token: 'CANARY-push-token', key: 'CANARYkey'.padEnd(43, 'k') };
  const registered = await fetch(`${origin}/apps/${APPID}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ secret: SECRET, push: { token: app.token, encodingAesKey: app.key } }),
  });
  expect(registered.status).toBe(204);
  const message = { ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: 1_700_000_000, MsgType: 'text', MsgId: 1 };
  const { query, body } = encryptedPush(app, message);
  const push = await fetch(`${pushOrigin}/push/${APPID}?${query}`, { method: 'POST', body });
  expect([push.status, await push.text()]).toEqual([200, 'success']);
  expect((await fetch(`${pushOrigin}/push/${APPID}?${query}`)).status).toBe(401);
  // The server answers a merchant who has not begun here. `fetch` would say that it does not open the page itself.
  const back = `${pushOrigin}/platform/${APPID}/authorized?auth_code=CANARY-code&state=other`;
  const [answer] = (await once(get(back), 'response')) as [IncomingMessage];
  answer.resume();
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8']);
  const ofKeys = [`/platform/${APPID}/authorizers`, `/platform/${APPID}/recover`, `/tokens/${APPID}/access_token`];
  for (const path of ['/', '/healthz', ...ofKeys]) {
    expect([path, (await fetch(`${pushOrigin}${path}`)).status]).toEqual([path, 404]);
  }
  const log = await readFile(join(world.path('nginx'), 'wechat-pushes.log'), 'utf8');
  expect(log).toContain(`"POST /push/${APPID}" 200`);
  expect(log).toContain(`"GET /platform/${APPID}/authorized" 400`);
  for (const part of ['signature', 'auth_code']) expect(log).not.toContain(part);
});
