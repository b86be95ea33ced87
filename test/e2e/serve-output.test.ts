import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { ServeWorld } from '../support/servers/serve-process.js';
import { programForTests } from '../support/servers/server-programs.js';

const PYTHON = programForTests(['python3'], 'the Debian package python3');
const TERMINAL = fileURLToPath(new URL('processes/terminal.py', import.meta.url));

let world: ServeWorld;
let children: ChildProcess[];
let port: number;
let wechat: FakeWeChat;

beforeEach(async () => {
  world = await ServeWorld.create();
  wechat = await FakeWeChat.start();
  children = [];
  port = await sparePort();
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await world[Symbol.asyncDispose]();
  await wechat.close();
});

async function sparePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: spare } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return spare;
}

const args = (): string[] => [
  world.script,
  'serve',
  '--port',
  String(port),
  '--store',
  world.store,
  '--wechat-origin',
  wechat.origin,
];

/** Returns the status of an answer, or the error when there is none. */
async function status(path = '/readyz'): Promise<unknown> {
  const signal = AbortSignal.timeout(5_000);
  const headers = { Connection: 'close' };
  return fetch(`http://127.0.0.1:${port}${path}`, { headers, signal }).then(
    (answer) => answer.status,
    (error) => String(error),
  );
}

const answers = (): Promise<void> => expect.poll(status).toBe(200);

/** Makes the server write that many lines of at least 200 bytes, one for each token. */
async function logs(lines: number): Promise<void> {
  const register = async (app: number): Promise<unknown> => {
    const appid = `wx${String(app).padStart(62, '0')}`;
    const body = JSON.stringify({ appid, appsecret: 'secret', tasks: [{ type: 0 }] });
    const answer = await fetch(`http://127.0.0.1:${port}/registe`, { method: 'POST', body });
    return ((await answer.json()) as { code: unknown }).code;
  };
  for (let from = 0; from < lines; from += 20) {
    const codes = await Promise.all(Array.from({ length: 20 }, (_, app) => register(from + app)));
    expect(new Set(codes)).toEqual(new Set([200]));
  }
  await expect.poll(() => wechat.countCalls()).toBe(lines);
  await answers();
}

test('a log on a full disk ends neither the process that listens nor the one that answers', async () => {
  const full = openSync('/dev/full', 'w');
  const server = spawn(process.execPath, args(), { stdio: ['ignore', full, full] });
  closeSync(full);
  children.push(server);
  await answers();
  await logs(20);
  server.kill('SIGHUP');
  await answers();
  expect(server.exitCode).toBeNull();
  const exited = once(server, 'exit');
  server.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
});

test('a log that nothing reads neither holds up callers nor keeps the server from ending', async () => {
  // A pipe takes 64 KiB and a terminal 4 KiB before it is read.
  execFileSync('mkfifo', [world.path('unread')]);
  const unread = openSync(world.path('unread'), 'r+');
  const server = spawn(process.execPath, args(), { stdio: ['ignore', unread, unread] });
  children.push(server);
  await answers();
  await logs(400);
  const exited = once(server, 'exit');
  server.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
  closeSync(unread);
});

/** Runs the server on a terminal that `terminal.py` pauses, closes or leaves alone; returns the outcome. */
function onTerminal(what: 'paused' | 'closed'): { readonly child: ChildProcess; readonly result: Promise<string> } {
  const child = spawn(PYTHON as string, [TERMINAL, what, process.execPath, ...args()], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return { child, result: text(child.stdout as NodeJS.ReadableStream) };
}

test.runIf(PYTHON)('closing its terminal stops the server as Ctrl-C does', async () => {
  const { child, result } = onTerminal('closed');
  await answers();
  child.stdin?.end();
  expect(await result).toBe('signal 0, code 0\n');
  expect(await status()).toMatch(/fetch failed/);
});

test.runIf(PYTHON)('a terminal that is paused holds up no caller', async () => {
  const { child, result } = onTerminal('paused');
  await answers();
  await logs(140);
  child.stdin?.end();
  expect(await result).toBe('signal 0, code 0\n');
});

test('no argument that others can see contains the password of the proxy, which stays in use', async () => {
  const requests: string[] = [];
  const proxy = createHttpServer().on('connect', ({ headers }, socket: Duplex) => {
    requests.push(headers['proxy-authorization'] ?? '');
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const password = 'CANARY-password';
  const url = `http://user:${password}@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const server = await world.start(['--trust', '127.0.0.1', '--wechat-origin', wechat.origin, '--proxy', url]);
  expect(server.errors).toBe(
    'wechat-token-manager: the password in --proxy is visible to every user of this machine: give the URL in WECHAT_TOKENS_PROXY\n',
  );
  const commandLines = (): Promise<string[]> =>
    Promise.all([server.child.pid, server.workerPid].map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
  expect((await commandLines()).join()).not.toContain(password);
  server.signal('SIGHUP');
  await server.seen('reloaded');
  expect((await commandLines()).join()).not.toContain(password);
  await server.register('wx0123456789abcdef', 'a-secret');
  await fetch(`${server.url}/tokens/wx0123456789abcdef/access_token`);
  expect(requests[0]).toBe(`Basic ${Buffer.from(`user:${password}`).toString('base64')}`);
  expect(await server.stop()).toBe(0);
  proxy.close();
});
