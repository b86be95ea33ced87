// @ts-check
// This benchmark measures the cost of recording a refresh token in the store before it is sent: a rotating refresh beside
// a plain one, in commands of the store and in time, with and without encryption, and a thousand users whose tokens are
// requested at once.
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { defineRefresher, EncryptedStore, FileStore, MemoryStore, TokenManager } from 'wechat-token-manager';
import { alternate, at, ratio } from './measure.mjs';
import { asFactor, inMs, printTable, printTarget } from './report.mjs';

const REFRESHES = 40;
const WARM_UPS = 3;
const REST_MS = 3;
const USERS = 1_000;
const UPSTREAM_MS = 50;
const NS_PER_MS = 1e6;
const APPID = 'wxbench';
const SECRET = 'secret';
const VALUE = 'v'.repeat(136);

/** @typedef {import('wechat-token-manager').TokenStore} TokenStore */

const base = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'wechat-token-bench-'));
let directories = 0;

/** @type {[string, () => TokenStore][]} */
const STORES = [
  ['MemoryStore', () => new MemoryStore()],
  ['FileStore', newFileStore],
  ['encrypted FileStore', () => new EncryptedStore(newFileStore(), { keys: [randomBytes(32)] })],
];

await compareRefreshes();
await refreshUsers();
await rm(base, { recursive: true });

function newFileStore() {
  directories += 1;
  return new FileStore(join(base, String(directories)));
}

async function compareRefreshes() {
  /** @type {({ name: string } & Awaited<ReturnType<typeof prepare>>)[]} */
  const cases = [];
  for (const [name, open] of STORES) {
    for (const kind of ['plain', 'rotating'])
      cases.push({ name: `${name}, ${kind}`, ...(await prepare(open(), kind)) });
  }
  const samples = await alternate(
    cases.map(({ name, refresh }) => ({ name, run: refresh, tidy: () => rest(REST_MS) })),
    { rounds: REFRESHES, warmUps: WARM_UPS },
  );
  for (const { close } of cases) await close();
  const plainOf = (/** @type {number} */ index) => at(samples, index - (index % 2));
  printTable(
    ['a whole refresh on', 'commands', 'median', 'worst', 'of plain'],
    samples.map((sample, index) => [
      sample.name,
      String(at(cases, index).commands()),
      inMs(sample.median / NS_PER_MS),
      inMs(sample.worst / NS_PER_MS),
      asFactor(ratio(sample, plainOf(index))),
    ]),
  );
}

/**
 * Creates a manager with a key for each refresh to measure, and a count of the commands of each.
 *
 * @param {TokenStore} inner
 * @param {string} kind
 */
async function prepare(inner, kind) {
  let commands = 0;
  let refreshes = 0;
  const store = counting(inner, () => {
    commands += 1;
  });
  const tokens = new TokenManager({ store, refreshers: [kind === 'plain' ? plain() : rotating(0)] });
  const type = /** @type {'access_token'} */ (kind === 'plain' ? 'plain_token' : 'rotating_token');
  await tokens.register({ appid: APPID, secret: SECRET });
  const subjects = Array.from({ length: REFRESHES + WARM_UPS }, (_, index) => `user-${index}`);
  for (const subject of subjects) {
    await tokens.put(
      APPID,
      type,
      { value: VALUE, expiresInSeconds: 7_200, refreshToken: `first of ${subject}` },
      { subject },
    );
  }
  commands = 0;
  return {
    close: () => tokens.close(),
    commands: () => (commands / refreshes).toFixed(1),
    async refresh() {
      const subject = subjects.pop();
      if (subject === undefined) throw new Error('there are too few keys');
      refreshes += 1;
      await tokens.get(APPID, type, { subject, minValidityMs: Number.MAX_SAFE_INTEGER });
    },
  };
}

async function refreshUsers() {
  const rows = [];
  for (const [name, open] of STORES) {
    let asked = 0;
    const refresher = rotating(UPSTREAM_MS, () => {
      asked += 1;
    });
    const tokens = new TokenManager({ store: open(), refreshers: [refresher] });
    await tokens.register({ appid: APPID, secret: SECRET });
    const subjects = Array.from({ length: USERS }, (_, index) => `user-${index}`);
    for (const subject of subjects) {
      const grant = { value: VALUE, expiresInSeconds: 1, refreshToken: `first of ${subject}` };
      await tokens.put(APPID, 'rotating_token', grant, { subject });
    }
    await rest(1_100);
    const startedAt = performance.now();
    await Promise.all(subjects.map((subject) => tokens.get(APPID, 'rotating_token', { subject })));
    const took = performance.now() - startedAt;
    rows.push([name, String(asked), inMs(took)]);
    printTarget(asked === USERS, `${USERS} users at once on a ${name}: one call each`, `${asked} calls, ${inMs(took)}`);
    await tokens.close();
  }
  console.log();
  printTable([`${USERS} users at once, upstream ${UPSTREAM_MS} ms`, 'calls', 'time'], rows);
}

function plain() {
  let serial = 0;
  return defineRefresher({
    type: 'plain_token',
    refresh: async () => ({ value: `${VALUE}-${++serial}`, expiresInSeconds: 7_200 }),
  });
}

/**
 * @param {number} delayMs
 * @param {() => void} asked
 */
function rotating(delayMs, asked = () => {}) {
  let serial = 0;
  return defineRefresher({
    type: 'rotating_token',
    async refresh({ spend }) {
      await spend(undefined);
      asked();
      if (delayMs > 0) await rest(delayMs);
      serial += 1;
      return { value: `${VALUE}-${serial}`, expiresInSeconds: 7_200, refreshToken: `refresh-${serial}` };
    },
  });
}

/**
 * Wraps a store so that it reports each command.
 *
 * @param {TokenStore} store
 * @param {() => void} called
 * @returns {TokenStore}
 */
function counting(store, called) {
  const { watch } = store;
  /** @template Result @param {() => Promise<Result>} command */
  const counted = (command) => {
    called();
    return command();
  };
  return {
    now: () => store.now(),
    get: (ids) => counted(() => store.get(ids)),
    set: (...args) => counted(() => store.set(...args)),
    delete: (...args) => counted(() => store.delete(...args)),
    list: (...args) => store.list(...args),
    lease: (...args) => counted(() => store.lease(...args)),
    ...(watch === undefined ? {} : { watch: (changed) => watch.call(store, changed) }),
    close: () => store.close(),
  };
}
