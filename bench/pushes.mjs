// @ts-check
// This benchmark measures WeChat's pushes: from a ticket to the token that it brings, on files, and messages beside refreshes,
// on files and in memory.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { at, median, percentile, took } from './measure.mjs';
import { inMs, printTable, printTarget } from './report.mjs';

const TICKETS = 40;
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 30);
/** The messages a second: 300 a minute, and ten times as many. */
const RATES = [5, 50];
/** The apps whose tokens are refreshed meanwhile, and the life of these. */
const BUSY_APPS = 300;
const BUSY_LIFE_SECONDS = 12;
const TICKET_EVERY_MS = 2_000;
const SETTINGS = { token: 'token', encodingAesKey: 'k'.repeat(43) };
const ACCOUNT = 'wxaccount';
const COMPONENT = 'wxcomponent';

const base = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'wechat-bench-pushes-'));
process.once('exit', () => rmSync(base, { recursive: true, force: true }));
let wechat = await FakeWeChat.start();
let notAnswered = 0;

await measureTickets();
await wechat.close();
for (const store of /** @type {const} */ (['files', 'memory'])) {
  wechat = await FakeWeChat.start({ lifeSeconds: BUSY_LIFE_SECONDS });
  await measureMessages(store);
  await wechat.close();
}

/** Measures a platform's first ticket, again and again: until its push is answered, and until it has brought a token. */
async function measureTickets() {
  const platforms = Array.from({ length: TICKETS + 1 }, (_, index) => `${COMPONENT}${index}`);
  const server = await startServer('tickets', platforms, 0);
  /** @type {number[]} */
  const stored = [];
  /** @type {number[]} */
  const brought = [];
  for (const appid of platforms) {
    server.pushTo(appid);
    const token = server.tokenOf(appid);
    const startedAt = performance.now();
    await accepted(wechat.push(appid, { InfoType: 'component_verify_ticket' }));
    stored.push(performance.now() - startedAt);
    await token;
    brought.push(performance.now() - startedAt);
  }
  await server.end();
  // The first one loads the HTTP client.
  const [first, others] = [at(brought, 0), { stored: stored.slice(1), brought: brought.slice(1) }];
  printTable(
    ['a pushed ticket', 'median', 'worst'],
    [
      ['until it is stored and answered', ...summary(others.stored)],
      ['until it has brought a token', ...summary(others.brought)],
    ],
  );
  console.log(`The first one of the process: ${inMs(first)}.\n`);
  printTarget(median(others.brought) < 50, 'push to new component token under 50 ms', inMs(median(others.brought)));
}

/** @param {'files' | 'memory'} store */
async function measureMessages(store) {
  const server = await startServer(store === 'files' ? 'messages' : undefined, [COMPONENT], BUSY_APPS);
  server.pushTo(COMPONENT);
  server.pushTo(ACCOUNT);
  const rows = [];
  let worst = 0;
  const before = wechat.countCalls('/cgi-bin/stable_token');
  const startedAt = performance.now();
  for (const perSecond of RATES) {
    const { messages, tickets } = await pushFor(perSecond);
    worst = Math.max(worst, percentile(messages, 0.99));
    rows.push(
      [
        `${perSecond} messages a second`,
        inMs(median(messages)),
        inMs(percentile(messages, 0.99)),
        `${messages.length}`,
      ],
      ['tickets beside them', inMs(median(tickets)), inMs(percentile(tickets, 0.99)), `${tickets.length}`],
    );
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const refreshes = wechat.countCalls('/cgi-bin/stable_token') - before;
  await server.end();
  printTable([`pushed, with replies, ${store}`, 'median', 'p99', 'pushes'], rows);
  console.log(`Beside ${(refreshes / seconds).toFixed(0)} refreshes a second in the same store.\n`);
  printTarget(worst < 50, `messages beside refreshes, ${store}: p99 under 50 ms`, inMs(worst));
  printTarget(notAnswered === 0, `every push is answered with success within 5 s, ${store}`, `all but ${notAnswered}`);
  console.log('');
}

/**
 * Pushes at a steady rate, whether the pushes before are answered or not.
 *
 * @param {number} perSecond
 */
async function pushFor(perSecond) {
  /** @type {Promise<number>[]} */
  const messages = [];
  /** @type {Promise<number>[]} */
  const tickets = [];
  const startedAt = performance.now();
  for (let passed = 0; passed < SECONDS * 1_000; passed = performance.now() - startedAt) {
    while (messages.length < (passed / 1_000) * perSecond) {
      messages.push(timed(() => wechat.push(ACCOUNT, { MsgType: 'text', Content: 'Hello' })));
    }
    while (tickets.length * TICKET_EVERY_MS < passed) {
      tickets.push(timed(() => wechat.push(COMPONENT, { InfoType: 'component_verify_ticket' })));
    }
    await rest(1);
  }
  return { messages: await Promise.all(messages), tickets: await Promise.all(tickets) };
}

/**
 * @param {string | undefined} name - the name of the directory of its files; without one it keeps everything in memory.
 * @param {readonly string[]} platforms
 * @param {number} busyApps
 */
async function startServer(name, platforms, busyApps) {
  const script = fileURLToPath(new URL('./push-server.mjs', import.meta.url));
  const lists = [JSON.stringify(SETTINGS), JSON.stringify(platforms), ACCOUNT, String(busyApps)];
  const child = fork(script, [name === undefined ? '' : join(base, name), wechat.origin, ...lists]);
  const [{ port }] = await once(child, 'message');
  return {
    /** @param {string} appid */
    pushTo: (appid) => wechat.setPush(appid, { url: `http://127.0.0.1:${port}/push/${appid}`, ...SETTINGS }),
    /** @param {string} appid */
    tokenOf: (appid) =>
      new Promise((resolve) => {
        const look = (/** @type {any} */ message) => {
          if (message.appid !== appid) return;
          child.off('message', look);
          resolve(undefined);
        };
        child.on('message', look);
      }),
    end: () => ended(child),
  };
}

/** @param {import('node:child_process').ChildProcess} child */
async function ended(child) {
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
}

/** @param {Promise<import('wechat-token-manager/testing').FakePushAnswer>} pushing */
async function accepted(pushing) {
  const { isAccepted, status, body } = await pushing;
  if (!isAccepted) throw new Error(`the push was answered with ${status}: ${body}`);
}

/** @param {() => Promise<import('wechat-token-manager/testing').FakePushAnswer>} push */
function timed(push) {
  return took(() =>
    accepted(push()).catch(() => {
      notAnswered += 1;
    }),
  );
}

/**
 * @param {readonly number[]} ms
 * @returns {[string, string]}
 */
function summary(ms) {
  return [inMs(median(ms)), inMs(Math.max(...ms))];
}
