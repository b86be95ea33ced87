// @ts-check
// This benchmark runs a fleet of four processes over 1,000,000 registered tasks with tokens of 200 characters, in Redis
// and in PostgreSQL. Time is compressed: enough of the tokens live for half a minute to cause as many refreshes in a
// second as 1,000,000 tokens that live for two hours. Then all processes restart over 20,000 tokens that are due or have
// expired. Finally one process alone measures the cost of a refresh, and the duration of a hit while the store does not
// answer.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as rest } from 'node:timers/promises';
import { importTypeScript } from '../scripts/import-typescript.mjs';
import { openStore } from '../test/e2e/processes/open-store.mjs';
import { tokenOf } from './fleet-million/keys.mjs';
import { Fleet } from './fleet-million/processes.mjs';
import { inMib, mostWithin, report, windowsOf } from './fleet-million/report.mjs';
import { keyDocument, registrations } from './fleet-million/seed.mjs';
import { assertAlike, bulkWriter, writeAll } from './fleet-million/writers.mjs';
import { printTable, printTarget } from './report.mjs';

const KEYS = Number(process.env['BENCH_KEYS'] ?? 1_000_000);
const CYCLES = Number(process.env['BENCH_CYCLES'] ?? 10);
const wanted = (process.env['BENCH_STORES'] ?? 'redis,postgres').split(',');
const PROCESSES = 4;
/** The refreshes in a second of 1,000,000 tokens that live for 7,200 s. */
const PER_SECOND = 139;
const CYCLE_MS = 20_000;
const SHORT_LIVED = Math.min((PER_SECOND * CYCLE_MS) / 1_000, KEYS / 4);
/** The life of short-lived tokens. By default a token becomes due when between 0.6 and 0.8 of its life is over. */
const SHORT_LIFE_MS = CYCLE_MS / 0.7;
const LONG_LIFE_MS = 7_200_000;
const WINDOW_SECONDS = 10;
/** The time for the start of the processes. Tokens that became due in the meantime would later become due all at once. */
const START_MS = 15_000;
/** The interval of requests, short enough that each process is asked for more tokens than it keeps in memory. */
const STEADY_ASK_EVERY_MS = 15;
const OVERDUE = Math.min(20_000, KEYS / 4);
const RESTART_ASK_EVERY_MS = 100;
const RESTART_WITHIN_MS = 240_000;
const ALONE = 500;
const HITS_SECONDS = 30;
const MAX_PER_SECOND = 300;
const UPSTREAM_TAKES_MS = 30;
const MAX_RSS = 200 * 2 ** 20;
const MAX_WAIT_MS = 2_000;

const { startRedis, hasRedis } = await importTypeScript('test/support/servers/redis-server.ts');
const { startPostgres, hasPostgres } = await importTypeScript('test/support/servers/postgres-server.ts');

/**
 * @typedef {import('../test/support/stores/fleet-stores.js').StoreDescription} StoreDescription
 * @typedef {object} Scene
 * @property {string} name
 * @property {import('../test/support/servers/server-controls.js').ServerControls} database
 * @property {StoreDescription} store
 * @property {import('./fleet-million/writers.mjs').BulkWriter} writer
 */

const upstream = { calls: /** @type {number[]} */ ([]), lifeMs: SHORT_LIFE_MS };
const server = createServer(async (request, response) => {
  upstream.calls.push(performance.now());
  const { lifeMs } = upstream;
  await rest(UPSTREAM_TAKES_MS);
  const subject = new URL(String(request.url), 'http://localhost').searchParams.get('subject');
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ value: tokenOf(String(subject), Date.now()), expires_in: lifeMs / 1_000 }));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const origin = `http://127.0.0.1:${port}`;

if (hasRedis() && wanted.includes('redis')) {
  const database = await startRedis();
  await measure('redis', database, { kind: 'redis', port: database.port, prefix: 'million' });
}
if (hasPostgres() && wanted.includes('postgres')) {
  const database = await startPostgres();
  await measure('postgres', database, { kind: 'postgres', connection: database.connection, table: 'million' });
}
server.close();
server.closeAllConnections();

/** @param {string} name @param {Scene['database']} database @param {StoreDescription} store */
async function measure(name, database, store) {
  const writer = await bulkWriter(store);
  const scene = { name, database, store, writer };
  try {
    await fill(scene);
    const { lanes } = await steadily(scene);
    await explain(scene, lanes, 'little');
    await writeAll(writer, overdue(0, OVERDUE));
    await explain(scene, lanes, String(OVERDUE));
    await restarted(scene);
    await alone(scene);
  } finally {
    await writer.end();
    await database[Symbol.asyncDispose]();
  }
}

/** @param {Scene} scene @param {readonly string[]} lanes @param {string} due */
async function explain({ name, writer }, lanes, due) {
  const plan = await writer.explain(lanes);
  if (plan !== undefined) console.log(`${name}, a claim with ${due} due: ${plan}\n`);
}

/** @param {Scene} scene */
async function fill({ name, store: described, writer }) {
  const store = await openStore(described);
  await assertAlike(writer, store);
  await store.close();
  const startedAt = performance.now();
  await writeAll(writer, registrations(KEYS));
  await writeAll(writer, longLived());
  console.log(`${name}: ${KEYS} tasks written in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s\n`);
  printTable(
    [`${name}, ${KEYS} tasks`, 'size'],
    (await writer.sizes()).map((row) => [...row]),
  );
}

/** @param {Scene} scene */
async function steadily({ name, store, writer }) {
  upstream.lifeMs = SHORT_LIFE_MS;
  const beginsAt = Date.now() + START_MS;
  await writeAll(writer, shortLived(beginsAt));
  const fleet = await Fleet.start(PROCESSES, { store, origin, keys: KEYS });
  try {
    fleet.tell({ ask: { from: SHORT_LIVED, to: KEYS, everyMs: STEADY_ASK_EVERY_MS } });
    await rest(beginsAt + 5_000 - Date.now());
    fleet.beginToCount();
    upstream.calls = [];
    const from = performance.now();
    await rest(CYCLES * CYCLE_MS);
    const figures = fleet.figures();
    report(`${name}, steadily`, figures);
    const windows = windowsOf(upstream.calls, { from, seconds: (CYCLES * CYCLE_MS) / 1_000, window: WINDOW_SECONDS });
    const [least, most] = [Math.min(...windows), Math.max(...windows)];
    const perSecond = (SHORT_LIVED * 1_000) / CYCLE_MS;
    const target = `${name}: ${perSecond} refreshes a second within 10 %, for ${CYCLES} cycles of ${CYCLE_MS / 1_000} s`;
    const seen = `${least.toFixed(1)} to ${most.toFixed(1)} in windows of ${WINDOW_SECONDS} s`;
    printTarget(least >= 0.9 * perSecond && most <= 1.1 * perSecond, target, seen);
    printTarget(figures.rss <= MAX_RSS, `${name}: each process at most ${inMib(MAX_RSS)}`, inMib(figures.rss));
    return figures;
  } finally {
    await fleet.stop();
  }
}

/** @param {Scene} scene */
async function restarted({ name, store }) {
  upstream.lifeMs = LONG_LIFE_MS;
  upstream.calls = [];
  const fleet = await Fleet.start(PROCESSES, { store, origin, keys: KEYS });
  try {
    const from = performance.now();
    fleet.tell({ ask: { from: 0, to: OVERDUE, everyMs: RESTART_ASK_EVERY_MS } });
    const { seconds } = await called(OVERDUE);
    await rest(2_000);
    const figures = fleet.figures();
    report(`${name}, after the restart`, figures);
    const windows = windowsOf(upstream.calls, { from, seconds, window: 1 });
    console.log(`${windows.join(' ')} calls in each second\n`);
    const most = mostWithin(upstream.calls, 1_000);
    const target = `${name}: ${OVERDUE} overdue at the restart, at most ${MAX_PER_SECOND} calls in any second`;
    printTarget(most <= MAX_PER_SECOND, target, `${most}; all in ${seconds.toFixed(0)} s`);
    const slowest = Math.max(...figures.answers.map(({ ms }) => ms));
    printTarget(
      slowest <= MAX_WAIT_MS,
      `${name}: callers meanwhile within ${MAX_WAIT_MS} ms`,
      `${slowest.toFixed(0)} ms`,
    );
    printTarget(figures.rss <= MAX_RSS, `${name}: each process at most ${inMib(MAX_RSS)} then`, inMib(figures.rss));
  } finally {
    await fleet.stop();
  }
}

/**
 * Measures the commands of a refresh and the duration of a hit, for a process without others.
 *
 * @param {Scene} scene
 */
async function alone({ name, store, writer, database }) {
  await writeAll(writer, overdue(0, ALONE));
  await writeAll(writer, endedBeforeDue());
  upstream.calls = [];
  const fleet = await Fleet.start(1, { store, origin, keys: KEYS });
  try {
    await called(ALONE);
    await rest(2_000);
    report(`${name}, claimed by one process`, fleet.figures());
    fleet.beginToCount();
    const order = { from: ALONE, to: 2 * ALONE };
    await fleet.askOne({ hits: { ...order, seconds: 0 } }, 'hits');
    await rest(2_000);
    report(`${name}, wanted by a caller`, fleet.figures());
    const before = await fleet.askOne({ hits: { ...order, seconds: HITS_SECONDS } }, 'hits');
    database.pause();
    const during = await fleet.askOne({ hits: { ...order, seconds: HITS_SECONDS } }, 'hits');
    database.resume();
    const row = (/** @type {string} */ title, /** @type {any} */ { count, failed, p50, p99, worst }) => [
      title,
      `${count}`,
      `${failed}`,
      ...[p50, p99, worst].map((us) => `${us.toFixed(1)} us`),
    ];
    const rows = [row('before', before), row('store stopped', during)];
    printTable([`${name}, hits in memory`, 'count', 'failed', 'p50', 'p99', 'worst'], rows);
  } finally {
    database.resume();
    await fleet.stop();
  }
}

/**
 * Waits for that many calls, and returns how long it took.
 *
 * @param {number} count
 */
async function called(count) {
  const from = performance.now();
  while (upstream.calls.length < count && performance.now() - from < RESTART_WITHIN_MS) await rest(100);
  return { seconds: (performance.now() - from) / 1_000 };
}

/** Yields keys that do not become due during the benchmark. */
function* longLived() {
  const now = Date.now();
  for (let index = SHORT_LIVED; index < KEYS; index++) {
    const dueAt = Math.round(now + (0.5 + Math.random()) * LONG_LIFE_MS);
    yield keyDocument(index, KEYS, { obtainedAt: now, dueAt, expiresAt: dueAt + 600_000 });
  }
}

/**
 * Yields keys at random points of their lives.
 *
 * @param {number} now
 */
function* shortLived(now) {
  for (let index = 0; index < SHORT_LIVED; index++) {
    const dueAt = Math.round(now + Math.random() * (0.6 + 0.2 * Math.random()) * SHORT_LIFE_MS);
    const expiresAt = Math.round(dueAt + 0.3 * SHORT_LIFE_MS);
    yield keyDocument(index, KEYS, { obtainedAt: Date.now(), dueAt, expiresAt });
  }
}

/**
 * Yields keys that are due, half of which have expired.
 *
 * @param {number} from @param {number} to
 */
function* overdue(from, to) {
  const now = Date.now();
  for (let index = from; index < to; index++) {
    const dueAt = Math.round(now - 300_000 - Math.random() * 300_000);
    const expiresAt = index % 2 === 0 ? now - 1_000 : now + 600_000;
    yield keyDocument(index, KEYS, { obtainedAt: now - LONG_LIFE_MS, dueAt, expiresAt });
  }
}

/** Yields keys that have expired before they are due, so that only a caller causes their refresh. */
function* endedBeforeDue() {
  const now = Date.now();
  for (let index = ALONE; index < 2 * ALONE; index++) {
    const times = { obtainedAt: now - LONG_LIFE_MS, dueAt: now + LONG_LIFE_MS, expiresAt: now - 1_000 };
    yield keyDocument(index, KEYS, times);
  }
}
