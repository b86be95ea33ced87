// @ts-check
// This benchmark measures the cost of a refresh on a FileStore while the store grows, beside the least work that makes a
// file durable.
import { mkdtempSync } from 'node:fs';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { defineRefresher, FileStore, MemoryStore, TokenManager } from 'wechat-token-manager';
import { isInMemory, multiplyDocument, removeTree, syncAll } from './file-tree.mjs';
import { alternate, at, ratio } from './measure.mjs';
import { asFactor, inMs, printTable, printTarget } from './report.mjs';

const SIZES = [10, 1_000, 10_000, 100_000];
const ROUNDS = 60;
const REFRESHES = 30;
const WARM_UPS = 3;
const REST_MS = 3;
const ALLOWED_FACTOR = 1.5;
/** Whether the neighbours of the document are whole documents instead of mere names: see `multiplyDocument`. */
const WHOLE = process.env['BENCH_WHOLE'] !== undefined;
const LEASE_MS = 20_000;
const NS_PER_MS = 1e6;
const APPID = 'wxbench';
const TYPE = 'bench_token';
const SECRET = 'secret';
/** The data of a document about as large as that of an access token. */
const DATA = { grant: { value: 'v'.repeat(136), obtainedAt: 1, expiresAt: 2, dueAt: 3 }, checksum: 'c'.repeat(64) };

/** @type {string[]} */
const leftovers = [];
let written = 0;

const base = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'wechat-token-bench-'));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => removeTree(base));
if (isInMemory(base)) console.log('This directory is in memory: set BENCH_DIR to one on a disk.\n');

const places = await prepareAll();
syncAll();
await compareStores();
await compareRefreshes();
for (const { store } of places) await store.close();

async function prepareAll() {
  const prepared = [];
  for (const size of SIZES) prepared.push(await prepare(size));
  return prepared;
}

/**
 * Creates a store with that many documents in one directory, like the tokens of one app's subjects, and a bare directory
 * in the same tree.
 *
 * @param {number} size
 */
async function prepare(size) {
  const root = join(base, String(size));
  const store = new FileStore(root);
  const id = `key/${APPID}/${TYPE}/measured`;
  let version = await store.set(id, DATA, 0);
  const bare = join(multiplyDocument(root, size, { whole: WHOLE }), 'bare');
  await mkdir(bare);
  return {
    size: size.toLocaleString('en'),
    root,
    bare,
    store,
    async set() {
      version = await store.set(id, DATA, version ?? 0);
    },
    async cycle() {
      const lease = await store.lease(id, LEASE_MS);
      if (lease === undefined) throw new Error('another process holds the lease');
      const due = { lane: TYPE, at: 3 };
      version = await store.set(id, DATA, version ?? 0, { due, lease });
      if (version === undefined) throw new Error('another process has written');
    },
  };
}

async function compareStores() {
  const samples = await alternate(
    places.flatMap(({ size, bare, set, cycle }) => [
      { name: `${size}: bare`, run: () => writeBare(bare), tidy },
      { name: `${size}: set`, run: set, tidy },
      { name: `${size}: lease and set`, run: cycle, tidy },
    ]),
    { rounds: ROUNDS, warmUps: WARM_UPS },
  );
  const lines = places.map(({ size }, index) => {
    const [bare, set, cycle] = [at(samples, index * 3), at(samples, index * 3 + 1), at(samples, index * 3 + 2)];
    return { size, bare, set, cycle };
  });
  printTable(
    ['documents', 'bare', 'worst', 'set', 'worst', 'of bare', 'lease and set', 'worst', 'of bare'],
    lines.map(({ size, bare, set, cycle }) => [
      size,
      ...times(bare),
      ...times(set),
      asFactor(ratio(set, bare)),
      ...times(cycle),
      asFactor(ratio(cycle, bare)),
    ]),
  );
  const [least, most] = [at(lines, 0), at(lines, lines.length - 1)];
  const growth = ratio(most.cycle, least.cycle);
  printTarget(growth <= 1.25, 'lease and set: flat from 10 to 100,000 documents', asFactor(growth));
  const setFactor = Math.max(...lines.map(({ set, bare }) => ratio(set, bare)));
  printTarget(
    setFactor <= ALLOWED_FACTOR,
    `set: at most ${ALLOWED_FACTOR} times the bare sequence`,
    asFactor(setFactor),
  );
  const factor = Math.max(...lines.map(({ cycle, bare }) => ratio(cycle, bare)));
  printTarget(
    factor <= ALLOWED_FACTOR,
    `lease and set: at most ${ALLOWED_FACTOR} times the bare sequence`,
    `${asFactor(factor)}\n`,
  );
}

/** Measures a whole refresh by a manager whose upstream answers at once. */
async function compareRefreshes() {
  const largest = at(places, places.length - 1);
  const smallest = at(places, 0);
  const inFew = await refreshed(new FileStore(smallest.root));
  const inMany = await refreshed(new FileStore(largest.root));
  const inMemory = await refreshed(new MemoryStore());
  const samples = await alternate(
    [
      { name: `FileStore, ${smallest.size} documents`, run: inFew.refresh, tidy },
      { name: `FileStore, ${largest.size} documents`, run: inMany.refresh, tidy },
      { name: 'MemoryStore', run: inMemory.refresh, tidy },
      { name: 'bare sequence alone', run: () => writeBare(smallest.bare), tidy },
    ],
    { rounds: REFRESHES, warmUps: WARM_UPS },
  );
  for (const { close } of [inFew, inMany, inMemory]) await close();
  const bare = at(samples, 3);
  printTable(
    ['a whole refresh on', 'median', 'worst', 'of bare'],
    samples.map((sample) => [sample.name, ...times(sample), asFactor(ratio(sample, bare))]),
  );
  const growth = ratio(at(samples, 1), at(samples, 0));
  printTarget(growth <= 1.25, 'whole refresh: flat from 10 to 100,000 documents', asFactor(growth));
}

/**
 * Creates a manager with a task for each refresh to measure, because `minValidityMs` refreshes a key only once in 30 s.
 *
 * @param {FileStore | MemoryStore} store
 */
async function refreshed(store) {
  let serial = 0;
  const refresher = defineRefresher({
    type: TYPE,
    refresh: async () => ({ value: `${DATA.grant.value}-${++serial}`, expiresInSeconds: 7_200 }),
  });
  const tokens = new TokenManager({ store, refreshers: [refresher] });
  const subjects = Array.from({ length: REFRESHES + WARM_UPS }, (_, index) => `refreshed-${index}`);
  const tasks = subjects.map((subject) => ({ type: refresher.type, subject }));
  await tokens.register({ appid: APPID, secret: SECRET, tasks });
  await Promise.all(subjects.map((subject) => tokens.get(APPID, TYPE, { subject })));
  return {
    close: () => tokens.close(),
    async refresh() {
      const subject = subjects.pop();
      if (subject === undefined) throw new Error('there are too few tasks');
      const before = serial;
      await tokens.get(APPID, TYPE, { subject, minValidityMs: Number.MAX_SAFE_INTEGER });
      if (serial !== before + 1) throw new Error('it was not refreshed once');
    },
  };
}

/** Waits until the store has removed replaced files in the background, so that the next case runs alone. */
async function tidy() {
  await Promise.all(leftovers.splice(0).map((path) => unlink(path)));
  await rest(REST_MS);
}

/**
 * Writes a file with the least work that makes it durable: a temporary file, its fsync, a link to it, and the fsync of
 * the directory.
 *
 * @param {string} directory
 */
async function writeBare(directory) {
  written += 1;
  const temporary = join(base, `bare-${written}`);
  const target = join(directory, String(written));
  const file = await open(temporary, 'wx', 0o600);
  await file.writeFile(JSON.stringify(DATA));
  await file.sync();
  await file.close();
  await link(temporary, target);
  const parent = await open(directory, 'r');
  await parent.sync();
  await parent.close();
  leftovers.push(temporary, target);
}

/**
 * @param {import('./measure.mjs').Sample} sample
 * @returns {[string, string]}
 */
function times({ median, worst }) {
  return [inMs(median / NS_PER_MS), inMs(worst / NS_PER_MS)];
}
