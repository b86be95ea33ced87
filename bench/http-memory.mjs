// @ts-check
// This benchmark measures the memory of the command while good, bad and slow clients are mixed for 20 minutes: it reads
// the memory of each process every 20 s after a full garbage collection. The tables that are limited to 10,000 entries
// are filled first, because they would otherwise fill during the 20 minutes and hide any unlimited growth.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FileStore, TokenManager } from 'wechat-token-manager';
import { createApiKey } from 'wechat-token-manager/http';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { badRequest, goodRequest, guessRequest, putRequest } from './http-mixed.mjs';
import { printTable, printTarget } from './report.mjs';

const MINUTES = Number(process.env['BENCH_MINUTES'] ?? 20);
const SAMPLE_EVERY_MS = 20_000;
const APPS = 200;
const LIFE_SECONDS = 60;
const GOOD_CLIENTS = 8;
const BAD_CLIENTS = 8;
const SLOW_CLIENTS = 50;
/** The number of refused peers, and of expiry times of tokens, that the server remembers. */
const REMEMBERED = 10_000;
const FILLING_CLIENTS = 32;
const MIB = 2 ** 20;

const directory = mkdtempSync(join(tmpdir(), 'wechat-bench-memory-'));
const probes = mkdtempSync(join(tmpdir(), 'wechat-bench-probes-'));
const wechat = await FakeWeChat.start({ lifeSeconds: LIFE_SECONDS });
const { key, entry } = createApiKey({ scopes: ['read', 'refresh', 'register'] });
const appids = Array.from({ length: APPS }, (_, index) => `wx${String(index).padStart(16, '0')}`);
await fill();
const keysFile = join(directory, 'keys.json');
writeFileSync(keysFile, JSON.stringify({ keys: [entry] }), { mode: 0o600 });
const { child, port } = await serve();
await fillTables();

let isOver = false;
/** @type {Map<string, number>} */
const answered = new Map();
const clients = [
  ...Array.from({ length: GOOD_CLIENTS }, () => ask('good', () => goodRequest(appids, key))),
  ...Array.from({ length: BAD_CLIENTS }, () => ask('bad', () => badRequest(appids))),
  ...Array.from({ length: SLOW_CLIENTS }, () => trickle()),
];
/** @type {Map<string, { minute: number, held: number, rss: number }[]>} */
const seen = new Map();
const startedAt = performance.now();
for (let sampled = 0; sampled * SAMPLE_EVERY_MS <= MINUTES * 60_000; sampled++) {
  await rest(Math.max(0, sampled * SAMPLE_EVERY_MS - (performance.now() - startedAt)));
  await sample();
}
isOver = true;
await Promise.all(clients);
const ended = once(child, 'exit');
child.kill('SIGINT');
await ended;
await wechat.close();
for (const path of [directory, probes]) rmSync(path, { recursive: true, force: true });
report();

async function fill() {
  const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [wechat.origin] } });
  for (const appid of appids) await tokens.register({ appid, secret: 'secret', tasks: ['access_token'] });
  await tokens.close();
}

/** Fills the tables of refused peers and of expiry times of tokens. */
async function fillTables() {
  let next = 0;
  const fillOne = async () => {
    while (next < REMEMBERED) {
      const turn = next++;
      const appid = /** @type {string} */ (appids[turn % APPS]);
      const [guessed, put] = await Promise.all([send(guessRequest(appid, turn)), send(putRequest(appid, key))]);
      if (guessed !== '401' || put !== '200') throw new Error(`filling was answered with ${guessed} and ${put}`);
    }
  };
  await Promise.all(Array.from({ length: FILLING_CLIENTS }, fillOne));
}

async function serve() {
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
  const probe = new URL('memory-probe.mjs', import.meta.url).href;
  const options = ['--port', '0', '--store', directory, '--keys', keysFile, '--wechat-origin', wechat.origin];
  const server = spawn(process.execPath, ['--expose-gc', '--import', probe, main, 'serve', ...options], {
    env: { ...process.env, BENCH_PROBES: probes },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const origin = await new Promise((resolve, reject) => {
    server.stdout.setEncoding('utf8').on('data', (text) => {
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    server.once('exit', () => reject(new Error('the server has ended')));
  });
  return { child: server, port: Number(new URL(origin).port) };
}

async function sample() {
  const minute = (performance.now() - startedAt) / 60_000;
  for (const name of readdirSync(probes)) {
    const socket = connect(join(probes, name));
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += chunk;
    const { heapUsed, external, rss } = JSON.parse(text);
    const samples = seen.get(name) ?? [];
    samples.push({ minute, held: (heapUsed + external) / MIB, rss: rss / MIB });
    seen.set(name, samples);
  }
}

/**
 * Sends one request after another, each over a connection of its own.
 *
 * @param {'good' | 'bad'} kind
 * @param {() => import('./http-mixed.mjs').Mixed} next
 */
async function ask(kind, next) {
  while (!isOver) {
    const status = await send(next());
    count(`${kind} ${status}`);
    await rest(20);
  }
}

/**
 * Sends a request over a connection of its own.
 *
 * @param {import('./http-mixed.mjs').Mixed} request
 * @returns the status of the answer, or `no answer`.
 */
async function send({ bytes, from, cutAfterMs }) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  let status = 'no answer';
  socket.once('data', (answer) => (status = answer.toString('latin1', 9, 12)));
  socket.on('error', () => {}).resume();
  socket.write(bytes);
  const closed = once(socket, 'close').catch(() => {});
  await Promise.race([closed, rest(cutAfterMs)]);
  socket.destroy();
  return status;
}

/** Sends headers that never end, and reconnects when the server closes the connection. */
async function trickle() {
  while (!isOver) {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '));
    socket.on('error', () => {}).resume();
    const timer = setInterval(() => socket.write('x'), 500);
    const closed = once(socket, 'close').then(
      () => true,
      () => true,
    );
    while (!isOver && !(await Promise.race([closed, rest(200, false)])));
    clearInterval(timer);
    socket.destroy();
    count('slow, cut');
  }
}

/** @param {string} what */
function count(what) {
  answered.set(what, (answered.get(what) ?? 0) + 1);
}

function report() {
  const rows = [...seen].map(([pid, samples]) => {
    const later = samples.filter(({ minute }) => minute >= MINUTES / 2);
    return { pid, samples, growth: slope(later) * 10 };
  });
  printTable(
    ['process', 'at first', 'after the first half', 'at the end', 'RSS at the end', 'growth in 10 min'],
    rows.map(({ pid, samples, growth }) => [
      pid,
      inMib(samples[0]?.held),
      inMib(samples.find(({ minute }) => minute >= MINUTES / 2)?.held),
      inMib(samples.at(-1)?.held),
      inMib(samples.at(-1)?.rss),
      `${growth.toFixed(2)} MiB`,
    ]),
  );
  printTable(
    ['clients', 'requests'],
    [...answered].sort().map(([what, times]) => [what, String(times)]),
  );
  const worst = Math.max(...rows.map(({ growth }) => growth));
  printTarget(worst < 1, 'memory grows by less than 1 MiB in 10 minutes', `${worst.toFixed(2)} MiB`);
}

/** @param {number | undefined} mib */
function inMib(mib) {
  return `${(mib ?? Number.NaN).toFixed(1)} MiB`;
}

/**
 * Returns the least-squares slope of the used memory, in MiB a minute.
 *
 * @param {readonly { minute: number, held: number }[]} samples
 */
function slope(samples) {
  const meanOf = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minute = meanOf(samples.map((one) => one.minute));
  const held = meanOf(samples.map((one) => one.held));
  const above = samples.reduce((sum, one) => sum + (one.minute - minute) * (one.held - held), 0);
  return above / samples.reduce((sum, one) => sum + (one.minute - minute) ** 2, 0);
}
