// @ts-check
// This benchmark runs a fleet on each store, with real processes and servers: 8 processes and 200 keys whose tokens live
// for 3 s; the time that a forced refresh takes to reach all processes; and 100 processes that start at once on an empty
// store. BENCH_STORES, BENCH_SECONDS, BENCH_APPS (two keys each) and BENCH_LIFE (in seconds) change the fleet;
// BENCH_PARTS=soak runs only the first part.
import { setTimeout as passes } from 'node:timers/promises';
import { importTypeScript } from '../scripts/import-typescript.mjs';
import { median } from './measure.mjs';
import { printTable, printTarget } from './report.mjs';

const PROCESSES = 8;
const APPS = Array.from({ length: Number(process.env['BENCH_APPS'] ?? 100) }, (_, index) => `wx-app-${index}`);
const KEYS = APPS.flatMap((appid) => ['access_token', 'jsapi_ticket'].map((type) => ({ appid, type })));
const LIFE_SECONDS = Number(process.env['BENCH_LIFE'] ?? 3);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 60);
/**
 * The interval of requests. Eight processes that request all keys without a pause would leave two cores no time for
 * refreshes.
 */
const ASKED_EVERY_MS = (LIFE_SECONDS * 1_000) / 6;
/**
 * The time in which results are not counted. At its first refresh a process loads its HTTP client, which takes long when
 * eight do it at once.
 */
const WARMING_UP_LIVES = 2;
const FORCED = 5;
const AT_ONCE = 100;
const ARRIVES_WITHIN_MS = { file: 6_000, redis: 250, postgres: 1_500, mariadb: 1_500, sqlite: 1_500 };
const wanted = process.env['BENCH_STORES']?.split(',');
const isSoakAlone = process.env['BENCH_PARTS'] === 'soak';

const { FLEET_STORES } = await importTypeScript('test/support/stores/fleet-stores.ts');
const { FleetScene, handOutUntil } = await importTypeScript('test/support/worlds/fleet-scene.ts');

/** @type {string[][]} */
const rows = [];
for (const { name, isHere, start } of FLEET_STORES) {
  if (!isHere() || (wanted !== undefined && !wanted.includes(name))) continue;
  const place = await start();
  try {
    const soak = await soaked(place.empty());
    const arrivals = isSoakAlone ? [] : await forced(place.empty());
    const coldCalls = isSoakAlone ? undefined : await startedAtOnce(place.empty());
    rows.push([
      name,
      `${soak.calls}`,
      ...[soak.early, soak.failed, soak.vain].map(String),
      `${soak.complaints.length}`,
      ...(isSoakAlone ? ['-', '-'] : [median(arrivals), Math.max(...arrivals)].map((ms) => `${ms.toFixed(0)} ms`)),
      `${coldCalls ?? '-'}`,
    ]);
    for (const complaint of soak.complaints.slice(0, 5)) console.log(`${name}: ${complaint}`);
    const withinMs = ARRIVES_WITHIN_MS[/** @type {keyof typeof ARRIVES_WITHIN_MS} */ (name)];
    const tooMany = soak.calls - soak.due;
    printTarget(tooMany * 100 <= soak.due, `${name}: at most 1 % calls too many`, `${tooMany} beside ${soak.due}`);
    printTarget(soak.complaints.length === 0, `${name}: no caller gets a dead token`, String(soak.complaints.length));
    if (isSoakAlone) continue;
    const worst = Math.max(...arrivals);
    printTarget(worst <= withinMs, `${name}: everybody has a forced token in ${withinMs} ms`, `${worst.toFixed(0)} ms`);
    printTarget(coldCalls === 1, `${name}: ${AT_ONCE} processes at once make one call`, String(coldCalls));
  } finally {
    await place[Symbol.asyncDispose]();
  }
}
printTable(
  [
    'store',
    `calls in ${SECONDS} s`,
    'early',
    'failed',
    'vain',
    'complaints',
    'forced, median',
    'forced, worst',
    `${AT_ONCE} at once`,
  ],
  rows,
);

/** @param {object} store */
async function soaked(store) {
  const scene = await FleetScene.start(store, { lifeSeconds: LIFE_SECONDS });
  try {
    const fleet = await scene.startWorkers(PROCESSES);
    for (const appid of APPS) await fleet[0].run('register', { ...registrationOf(appid), accessToken: 'plain' });
    const everything = fleet.flatMap((/** @type {any} */ worker) =>
      KEYS.map((key) => patiently(() => worker.run('get', key))),
    );
    await Promise.all(everything);
    let since = 0;
    const found = await handOutUntil(
      fleet,
      KEYS,
      async () => {
        await passes(WARMING_UP_LIVES * LIFE_SECONDS * 1_000);
        since = Date.now();
        await passes(SECONDS * 1_000);
      },
      ASKED_EVERY_MS,
    );
    await scene.close();
    const accounts = KEYS.map((key) => scene.accountOf(key, since));
    const sum = (/** @type {'due' | 'early' | 'failed' | 'vain'} */ name) =>
      accounts.reduce((total, account) => total + account[name], 0);
    const account = { due: sum('due'), early: sum('early'), failed: sum('failed'), vain: sum('vain') };
    const calls = account.due + account.early + account.failed + account.vain;
    return { calls, ...account, complaints: scene.complaints(found) };
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

/** Measures for each forced refresh how long it took from the first process that had it to the last. */
async function forced(/** @type {object} */ store) {
  const scene = await FleetScene.start(store);
  try {
    const fleet = await scene.startWorkers(PROCESSES);
    const keys = APPS.slice(0, FORCED).map((appid) => ({ appid, type: 'access_token' }));
    for (const { appid } of keys) await fleet[0].run('register', registrationOf(appid));
    await Promise.all(fleet.flatMap((/** @type {any} */ worker) => keys.map((key) => worker.run('get', key))));
    /** @type {number[]} */
    const arrivals = [];
    for (const key of keys) {
      const value = await fleet[0].run('force', key);
      const hadAt = performance.now();
      const isNew = (/** @type {{ value?: string }} */ event) => event.value === value;
      await Promise.all(fleet.slice(1).map((/** @type {any} */ worker) => worker.seen(isNew)));
      arrivals.push(performance.now() - hadAt);
    }
    return arrivals;
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

/** Counts the calls that a hundred processes make for one key that they all request at their start. */
async function startedAtOnce(/** @type {object} */ store) {
  const scene = await FleetScene.start(store);
  try {
    const [appid = ''] = APPS;
    const begin = async () => {
      const worker = await scene.worker();
      await patiently(() => worker.run('register', registrationOf(appid)));
      return patiently(() => worker.run('get', { appid, type: 'access_token' }));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, begin));
    return scene.wechat.countCalls();
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

/**
 * Runs `work` repeatedly until it succeeds. Processes that start on two cores slow each other down, and a command that
 * takes 2 s counts as failed.
 *
 * @param {() => Promise<unknown>} work
 */
async function patiently(work) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 20) throw error;
      await passes(500);
    }
  }
}

/** @param {string} appid */
function registrationOf(appid) {
  return { appid, secret: 'secret', tasks: ['access_token', 'jsapi_ticket'].slice(0, appid === APPS[0] ? 1 : 2) };
}
