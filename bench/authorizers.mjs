// @ts-check
// This benchmark measures a platform with 10,000 authorizers on files and on PostgreSQL: registering them, authorizations by
// pushes, the steady state beside messages, a start, and the recovery after the store was lost.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { importTypeScript } from '../scripts/import-typescript.mjs';
import { at, median, percentile, took } from './measure.mjs';
import { inMs, printTable, printTarget } from './report.mjs';

const AUTHORIZERS = Number(process.env['BENCH_AUTHORIZERS'] ?? 10_000);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 60);
const wanted = (process.env['BENCH_STORES'] ?? 'file,postgres').split(',');
const PUSHED = Math.min(200, AUTHORIZERS);
const AT_ONCE = 20;
/** The refreshes in a second of 10,000 tokens that live for two hours. */
const REFRESHES_PER_SECOND = 2;
const MESSAGES_PER_SECOND = 5;
const TICKET_EVERY_MS = 60_000;
const STARTS = 3;
const PAGE_SIZE = 500;
const COMPONENT = 'wxcomponent';
const ACCOUNT = 'wxaccount';
const SETTINGS = { token: 'token', encodingAesKey: 'k'.repeat(43) };
const PATHS = {
  list: '/cgi-bin/component/api_get_authorizer_list',
  refresh: '/cgi-bin/component/api_authorizer_token',
};

/** @typedef {import('../test/support/stores/fleet-stores.js').StoreDescription} StoreDescription */

/** @type {typeof import('../test/support/stores/fleet-stores.js')} */
const { FLEET_STORES } = await importTypeScript('test/support/stores/fleet-stores.ts');
const names = Array.from({ length: AUTHORIZERS }, (_, index) => `wxauthorizer${index}`);
for (const store of FLEET_STORES.filter(({ name }) => wanted.includes(name))) {
  if (!store.isHere()) throw new Error(`${store.name} is not installed here`);
  const place = await store.start();
  try {
    await measure(store.name, () => place.empty());
  } finally {
    await place[Symbol.asyncDispose]();
  }
}

/** @param {string} name @param {() => StoreDescription} empty */
async function measure(name, empty) {
  const wechat = await FakeWeChat.start({ apps: { [COMPONENT]: { secret: 'secret' } } });
  try {
    const kept = empty();
    const filled = await fill(wechat, kept);
    const before = wechat.countCalls();
    const starts = [];
    for (let start = 0; start < STARTS; start++) starts.push(await started(wechat, kept, at(names, start)));
    const startCalls = wechat.countCalls() - before;
    const lost = await recover(wechat, empty());
    printTable(
      [`${AUTHORIZERS.toLocaleString('en')} authorizers, ${name}`, 'time', 'calls'],
      [
        ['their tasks registered in one call', inSeconds(filled.registerMs), ''],
        ['until each has a token, at the pace of an app', inSeconds(filled.fetchedMs), `${filled.refreshes}`],
        [`${PUSHED} more authorized by pushes, each`, inMs(filled.pushedMs / PUSHED), ''],
        ['start of a process to a token of one', inMs(median(starts)), `${startCalls}`],
        ['recovery on an empty store', inSeconds(lost.recoverMs), `${lost.lists} of the list`],
        ['until each has a token, at the pace of an app', inSeconds(lost.fetchedMs), `${lost.refreshes}`],
      ],
    );
    const { messages, cpu, rss } = filled.steady;
    printTable(
      [`steady state for ${SECONDS} s, ${name}`, 'value'],
      [
        ['messages, median', inMs(median(messages))],
        ['messages, p99', inMs(percentile(messages, 0.99))],
        ['processor of the process', `${(cpu * 100).toFixed(1)} %`],
        ['memory of the process', `${(rss / 2 ** 20).toFixed(0)} MiB`],
      ],
    );
    const pages = Math.ceil((AUTHORIZERS + PUSHED) / PAGE_SIZE);
    printTarget(lost.restored === AUTHORIZERS + PUSHED, `${name}: recovery restores all`, `${lost.restored}`);
    printTarget(lost.lists === pages, `${name}: recovery reads each page once`, `${lost.lists} calls`);
    printTarget(
      lost.refreshes === lost.restored,
      `${name}: recovery fetches each token once`,
      `${lost.refreshes} calls`,
    );
    console.log('');
  } finally {
    await wechat.close();
  }
}

/** Registers the authorizers, has more of them authorize, and measures the steady state. @param {FakeWeChat} wechat @param {StoreDescription} store */
async function fill(wechat, store) {
  const server = await startProcess(wechat, store);
  const merchants = names.map((appid) => [appid, wechat.authorizeMerchant(COMPONENT, appid)]);
  const registerMs = await took(() => server.call('register', merchants));
  const fetchedMs = registerMs + (await took(() => server.call('untilFetched', AUTHORIZERS)));
  const refreshes = wechat.countCalls(PATHS.refresh);
  const pushedMs = await took(async () => {
    const left = Array.from({ length: PUSHED }, (_, index) => `wxpushed${index}`);
    const lane = async () => {
      for (let appid = left.pop(); appid !== undefined; appid = left.pop()) {
        await accepted(wechat.push(COMPONENT, { InfoType: 'authorized', AuthorizerAppid: appid }));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    await server.call('untilAuthorized', PUSHED);
  });
  const steady = await keepSteady(wechat, server);
  await server.end();
  return { registerMs, fetchedMs, refreshes, pushedMs, steady };
}

/** @param {FakeWeChat} wechat @param {Awaited<ReturnType<typeof startProcess>>} server */
async function keepSteady(wechat, server) {
  /** @type {Promise<number>[]} */
  const messages = [];
  /** @type {Promise<unknown>[]} */
  const others = [];
  let [refreshes, tickets] = [0, 0];
  const before = await server.call('usage');
  const startedAt = performance.now();
  for (let passed = 0; passed < SECONDS * 1_000; passed = performance.now() - startedAt) {
    for (; messages.length < (passed / 1_000) * MESSAGES_PER_SECOND; ) {
      messages.push(took(() => accepted(wechat.push(ACCOUNT, { MsgType: 'text', Content: 'Hello' }))));
    }
    for (; refreshes < (passed / 1_000) * REFRESHES_PER_SECOND; refreshes++) {
      others.push(server.call('makeDue', at(names, refreshes % AUTHORIZERS)));
    }
    for (; tickets * TICKET_EVERY_MS <= passed; tickets++) {
      others.push(accepted(wechat.push(COMPONENT, { InfoType: 'component_verify_ticket' })));
    }
    await rest(5);
  }
  await Promise.all(others);
  const times = await Promise.all(messages);
  const { cpuMs, rss } = await server.call('usage');
  return { messages: times, cpu: (cpuMs - before.cpuMs) / (performance.now() - startedAt), rss };
}

/** Returns the time from the start of a process to the token of an authorizer. @param {FakeWeChat} wechat @param {StoreDescription} store @param {string} subject */
async function started(wechat, store, subject) {
  const startedAt = performance.now();
  const server = launch(wechat, store);
  await server.call('get', subject);
  const tookMs = performance.now() - startedAt;
  await server.end();
  return tookMs;
}

/** @param {FakeWeChat} wechat @param {StoreDescription} store */
async function recover(wechat, store) {
  const server = await startProcess(wechat, store);
  const before = { lists: wechat.countCalls(PATHS.list), refreshes: wechat.countCalls(PATHS.refresh) };
  let restored = 0;
  const recoverMs = await took(async () => {
    ({ restored } = await server.call('recover'));
  });
  const fetchedMs = recoverMs + (await took(() => server.call('untilFetched', restored)));
  await server.end();
  const lists = wechat.countCalls(PATHS.list) - before.lists;
  return { recoverMs, fetchedMs, restored, lists, refreshes: wechat.countCalls(PATHS.refresh) - before.refreshes };
}

/** Starts a process whose store has the platform. @param {FakeWeChat} wechat @param {StoreDescription} store */
async function startProcess(wechat, store) {
  const server = launch(wechat, store);
  const port = await server.call('platform', wechat.pushVerifyTicket(COMPONENT));
  for (const appid of [COMPONENT, ACCOUNT]) {
    wechat.setPush(appid, { url: `http://127.0.0.1:${port}/push/${appid}`, ...SETTINGS });
  }
  return server;
}

/** @param {FakeWeChat} wechat @param {StoreDescription} store */
function launch(wechat, store) {
  const script = fileURLToPath(new URL('./authorizers-process.mjs', import.meta.url));
  const child = fork(script, [JSON.stringify(store), wechat.origin, COMPONENT, JSON.stringify(SETTINGS)]);
  const exited = once(child, 'exit');
  /** @type {Map<number, (answer: { result?: any, error?: string }) => void>} */
  const waiting = new Map();
  let calls = 0;
  child.on('message', (/** @type {any} */ answer) => waiting.get(answer.id)?.(answer));
  child.on('exit', () => {
    for (const answer of waiting.values()) answer({ error: 'the process has ended' });
  });
  /** @param {string} name @param {unknown} [argument] @returns {Promise<any>} */
  const call = async (name, argument) => {
    const id = ++calls;
    /** @type {Promise<{ result?: any, error?: string }>} */
    const answering = new Promise((resolve) => void waiting.set(id, resolve));
    child.send({ id, name, argument });
    const { result, error } = await answering;
    waiting.delete(id);
    if (error !== undefined) throw new Error(error);
    return result;
  };
  return {
    call,
    async end() {
      await call('end');
      await exited;
    },
  };
}

/** @param {Promise<import('wechat-token-manager/testing').FakePushAnswer>} pushing */
async function accepted(pushing) {
  const { isAccepted, status, body } = await pushing;
  if (!isAccepted) throw new Error(`the push was answered with ${status}: ${body}`);
}

/** @param {number} ms */
function inSeconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`;
}
