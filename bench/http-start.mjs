// @ts-check
// This benchmark measures the time from the start of the command to its first answer if its store contains 10,000 tokens,
// and 10,000 concurrent requests for a token that is not stored yet.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileStore, TokenManager } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { at, median } from './measure.mjs';
import { printTable, printTarget } from './report.mjs';

const TOKENS = 10_000;
const REQUESTS = 10_000;
const STARTS = 5;
const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const directory = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'wechat-bench-start-'));
const wechat = await FakeWeChat.start({ delayMs: 500 });

await fill();
/** @type {number[]} */
const starts = [];
for (let start = 0; start < STARTS; start++) {
  const startedAt = performance.now();
  const server = await serve();
  const response = await fetch(`${server.origin}/task/${appidOf(start)}/0`);
  await response.text();
  starts.push(performance.now() - startedAt);
  await server.end();
}
if (wechat.calls.length > 0) throw new Error(`${wechat.calls.length} tokens were fetched`);
printTable(
  ['start to first answer', 'median', 'worst'],
  [[`${TOKENS} tokens on files`, `${median(starts).toFixed(0)} ms`, `${Math.max(...starts).toFixed(0)} ms`]],
);
printTarget(median(starts) < 1_500, 'start-up to first answer under 1.5 s', `${median(starts).toFixed(0)} ms`);

const server = await serve();
const cold = 'wxcold';
await fetch(`${server.origin}/registe`, { method: 'POST', body: JSON.stringify({ appid: cold, appsecret: 'secret' }) });
const tookMs = await askAtOnce(server.port, `/tokens/${cold}/access_token`);
await server.end();
const calls = wechat.countCalls();
console.log(`\n${REQUESTS} requests at once for a cold key: ${tookMs.toFixed(0)} ms, ${calls} upstream`);
printTarget(calls === 1, 'one upstream call for all', String(calls));
await wechat.close();
rmSync(directory, { recursive: true, force: true });

async function fill() {
  const tokens = new TokenManager({ store: new FileStore(directory) });
  for (let done = 0; done < TOKENS; done += 100) {
    const apps = Array.from({ length: 100 }, (_, index) => appidOf(done + index));
    await Promise.all(apps.map((appid) => fillOne(tokens, appid)));
  }
  await tokens.close();
}

/**
 * @param {TokenManager} tokens
 * @param {string} appid
 */
async function fillOne(tokens, appid) {
  await tokens.register({ appid, secret: 'secret' });
  await tokens.put(appid, 'access_token', { value: `token-${appid}`.padEnd(136, 'x'), expiresInSeconds: 7_200 });
  await tokens.register({ appid, tasks: ['access_token'] });
}

/** @param {number} index */
function appidOf(index) {
  return `wx${String(index).padStart(16, '0')}`;
}

async function serve() {
  const args = [command, 'serve', '--port', '0', '--store', directory, '--wechat-origin', wechat.origin];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const origin = await new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the server has ended: ${printed}`)));
  });
  return { origin, port: Number(new URL(origin).port), end: () => end(child) };
}

/** @param {import('node:child_process').ChildProcess} child */
async function end(child) {
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  await ended;
}

/**
 * @param {number} port
 * @param {string} path
 */
async function askAtOnce(port, path) {
  const sockets = Array.from({ length: REQUESTS }, () => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const startedAt = performance.now();
  const statuses = await Promise.all(sockets.map((socket) => ask(socket, path)));
  if (statuses.some((status) => status !== '200')) throw new Error(`answered with ${at(statuses, 0)}`);
  return performance.now() - startedAt;
}

/**
 * @param {import('node:net').Socket} socket
 * @param {string} path
 */
async function ask(socket, path) {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk;
  return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
}
