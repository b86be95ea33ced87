// @ts-check
// This benchmark measures one process with its own schedule and 1,000,000 tasks with tokens of 200 characters: its memory
// with a store that keeps all documents in memory and with one that keeps none, the cost of moving a task in the
// schedule, and how long the process is blocked when all tasks become due.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defineRefresher, MemoryStore, systemClock, TokenManager } from 'wechat-token-manager';
import { importTypeScript } from '../scripts/import-typescript.mjs';
import { printTable, printTarget } from './report.mjs';

const TASKS = 1_000_000;
const TASKS_OF_APP = 1_000;
const LIFE_SECONDS = 7_200;
const VALUE = 'x'.repeat(193);
const TYPE = 'user';
const GIB = 2 ** 30;

const refresher = defineRefresher({
  type: TYPE,
  refresh: async ({ key }) => ({ value: tokenOf(String(key.subject)), expiresInSeconds: LIFE_SECONDS }),
});

const [part] = process.argv.slice(2);
if (part === 'memory') await inMemory();
else if (part === 'elsewhere') await elsewhere();
else if (part === 'schedule') await schedule();
else {
  const inMemoryStore = await measured('memory');
  const inOther = await measured('elsewhere');
  printTable(
    ['1,000,000 tasks', 'RSS', 'heap'],
    [
      ['memory store', mib(inMemoryStore.rss), mib(inMemoryStore.heap)],
      ['a store that holds nothing in memory', mib(inOther.rss), mib(inOther.heap)],
    ],
  );
  printTarget(inMemoryStore.rss <= 1.1 * GIB, 'memory store: at most 1.1 GiB', mib(inMemoryStore.rss));
  printTarget(inOther.rss <= 750 * 2 ** 20, 'store elsewhere: at most 750 MiB', mib(inOther.rss));
  const { moveUs, worstMs, p99Ms, fireMs } = await measured('schedule');
  printTable(
    ['schedule of 1,000,000', ''],
    [
      ['moving one', `${moveUs.toFixed(2)} us`],
      ['firing all', `${fireMs.toFixed(0)} ms`],
      ['event loop meanwhile, p99', `${p99Ms.toFixed(1)} ms`],
      ['event loop meanwhile, worst', `${worstMs.toFixed(1)} ms`],
    ],
  );
  printTarget(moveUs <= 2, 'moving one takes at most 2 us', `${moveUs.toFixed(2)} us`);
  printTarget(worstMs <= 20, 'firing never blocks for more than 20 ms', `${worstMs.toFixed(1)} ms`);
}

/** @param {string} name */
async function measured(name) {
  const child = fork(fileURLToPath(import.meta.url), [name], { execArgv: ['--expose-gc'] });
  const [figures] = /** @type {[any]} */ (await once(child, 'message'));
  await once(child, 'exit');
  return figures;
}

async function inMemory() {
  const store = new MemoryStore();
  const tokens = new TokenManager({ store, refreshers: [refresher], refresh: { maxPerSecond: 1 } });
  for (let app = 0; app < TASKS / TASKS_OF_APP; app++) {
    const appid = `wx${app}`;
    const subjects = Array.from({ length: TASKS_OF_APP }, (_, index) => `openid-${app}-${index}`);
    await tokens.register({ appid, tasks: subjects.map((subject) => ({ type: TYPE, subject })) });
    for (const subject of subjects) {
      await tokens.put(appid, TYPE, { value: tokenOf(subject), expiresInSeconds: LIFE_SECONDS }, { subject });
    }
  }
  await report();
  await tokens.close();
}

/** Creates a store that creates its documents when they are read. */
async function elsewhere() {
  const { seal } = await importTypeScript('src/core/store/document-codec.ts');
  const startedAt = Date.now();
  const version = startedAt * 1_000;
  /** @param {string} id @returns {import('wechat-token-manager').StoredDocument | undefined} */
  const documentOf = (id) => {
    const [kind, , , subject] = id.split('/');
    if (kind === 'app') return { id, version, data: seal(id, { secret: 'secret' }) };
    if (kind === 'task') return { id, version, data: seal(id, {}) };
    if (kind !== 'key') return undefined;
    const expiresAt = startedAt + LIFE_SECONDS * 1_000;
    const dueAt = Math.round(expiresAt - 300_000 - Math.random() * 600_000);
    const grant = { value: tokenOf(String(subject)), obtainedAt: startedAt, expiresAt, dueAt };
    return { id, version, data: seal(id, { grant }) };
  };
  /** @type {import('wechat-token-manager').TokenStore} */
  const store = {
    now: async () => Date.now(),
    get: async (ids) => ids.map((id) => documentOf(id)),
    set: async () => Date.now() * 1_000,
    delete: async () => true,
    lease: async (id) => ({ id, document: documentOf(id), release: async () => {} }),
    close: async () => {},
    async *list(prefix) {
      for (let app = 0; app < TASKS / TASKS_OF_APP; app++) {
        if (prefix === 'app') yield/** @type {any} */ (documentOf(`app/wx${app}`));
        for (let index = 0; prefix === 'task' && index < TASKS_OF_APP; index++) {
          yield/** @type {any} */ (documentOf(`task/wx${app}/${TYPE}/openid-${app}-${index}`));
        }
      }
    },
  };
  const tokens = new TokenManager({ store, refreshers: [refresher], refresh: { maxPerSecond: 1 } });
  await tokens.start();
  await report();
  await tokens.close();
}

async function schedule() {
  const { TimerQueue } = await importTypeScript('src/core/concurrency/timer-queue.ts');
  const { NOT_QUEUED } = await importTypeScript('src/core/concurrency/due-queue.ts');
  let fired = 0;
  let whenAllFired = () => {};
  const all = new Promise((resolve) => {
    whenAllFired = () => resolve(undefined);
  });
  const queue = new TimerQueue(systemClock, async () => {
    if (++fired === TASKS) whenAllFired();
  });
  // This keeps the process alive, which the timers of the schedule do not.
  const alive = setInterval(() => {}, 1_000);
  const items = Array.from({ length: TASKS }, () => ({ place: NOT_QUEUED }));
  const now = Date.now();
  for (const item of items) queue.set(item, now + 3_600_000 + Math.random() * 7_200_000);
  const startedAt = performance.now();
  const moved = 1_000_000;
  for (let index = 0; index < moved; index++) {
    queue.set(items[(index * 7_919) % TASKS], now + 3_600_000 + Math.random() * 7_200_000);
  }
  const moveUs = ((performance.now() - startedAt) * 1_000) / moved;
  for (const item of items) queue.set(item, now + Math.random() * 2_000);
  globalThis.gc?.();
  await rest(500);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const firedAt = performance.now();
  queue.start();
  await all;
  const fireMs = performance.now() - firedAt;
  delay.disable();
  process.send?.({ moveUs, fireMs, worstMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6 });
  queue.stop();
  clearInterval(alive);
}

async function report() {
  globalThis.gc?.();
  await rest(500);
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ rss, heap: heapUsed });
}

/**
 * Returns a token as a flat string, like one that was parsed.
 *
 * @param {string} subject
 */
function tokenOf(subject) {
  return JSON.parse(`"${VALUE.slice(0, 200 - subject.length)}${subject}"`);
}

/** @param {number} bytes */
function mib(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
