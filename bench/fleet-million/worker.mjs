// @ts-check
// This is a process of the fleet, with a manager in its default configuration. It reports its measurements to its parent
// each second, and requests keys as ordered.
import { setTimeout as rest } from 'node:timers/promises';
import { defineRefresher, TokenManager } from 'wechat-token-manager';
import { openStore } from '../../test/e2e/processes/open-store.mjs';
import { keyAt, TYPE } from './keys.mjs';

/**
 * @typedef {object} Asking
 * @property {number} from
 * @property {number} to
 * @property {number} everyMs
 */

const { store: described, origin, keys } = JSON.parse(process.argv[2] ?? '');
const store = await openStore(described);
/** @type {Record<string, number>} */
const commands = {};
/** @type {number[]} */
let claimMs = [];
/** @type {string[]} */
let lanes = [];
count();

const refresher = defineRefresher({
  type: TYPE,
  refresh: async ({ key, request, reason }) => {
    const query = { subject: String(key.subject), reason };
    const { value, expires_in } = await request({ method: 'GET', path: '/user', query });
    return { value: String(value), expiresInSeconds: Number(expires_in) };
  },
});
const tokens = new TokenManager({ store, refreshers: [refresher], wechat: { origins: [origin] } });
/** @type {{ ms: number, waited: boolean }[]} */
let answers = [];
/** @type {string[]} */
let errors = [];
let refreshes = 0;
tokens.on('refreshed', ({ source }) => {
  if (source === 'upstream') refreshes += 1;
});
tokens.on('refreshFailed', ({ error }) => void errors.push(`refresh: ${error.code} ${error.message}`));
tokens.on('storeUnavailable', ({ error }) => void errors.push(`store: ${error.code} ${error.message}`));
await tokens.start();

/** @type {Asking | undefined} */
let asking;
process.on('message', async (/** @type {any} */ { ask, hits, stop }) => {
  if (ask !== undefined) {
    const isIdle = asking === undefined;
    asking = ask;
    if (isIdle) void askOnAndOn();
  }
  if (hits !== undefined) process.send?.({ hits: await hitsFor(hits) });
  if (stop !== true) return;
  asking = undefined;
  await tokens.close();
  process.exit();
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
for (;;) {
  await rest(1_000);
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const counted = { commands: { ...commands }, refreshes, cpuMs: (user + system) / 1_000 };
  process.send?.({ second: { rss, answers, errors, claimMs, lanes, ...counted } });
  answers = [];
  errors = [];
  claimMs = [];
}

/** Requests one key after another, whether or not the previous requests have been answered. */
async function askOnAndOn() {
  while (asking !== undefined) {
    const { from, to, everyMs } = asking;
    void ask(from + Math.floor(Math.random() * (to - from)));
    await rest(everyMs * (0.5 + Math.random()));
  }
}

/** @param {number} index */
async function ask(index) {
  const { appid, subject } = keyAt(index, keys);
  const askedAt = Date.now();
  const startedAt = performance.now();
  try {
    await tokens.get(appid, TYPE, { subject });
    const ms = performance.now() - startedAt;
    // The comparison is possible because the machine and its database share a clock.
    answers.push({ ms, waited: Number(tokens.peek(appid, TYPE, { subject })?.obtainedAt) >= askedAt - 100 });
  } catch (error) {
    errors.push(`get: ${String(error)}`);
  }
}

/**
 * Measures the duration of hits in microseconds, while the process also does its other work.
 *
 * @param {{ readonly from: number, readonly to: number, readonly seconds: number }} order
 */
async function hitsFor({ from, to, seconds }) {
  const wanted = Array.from({ length: to - from }, (_, index) => keyAt(from + index, keys));
  let failed = 0;
  const one = async (/** @type {{ appid: string, subject: string }} */ { appid, subject }) => {
    const startedAt = process.hrtime.bigint();
    await tokens.get(appid, TYPE, { subject }).catch(() => {
      failed += 1;
    });
    return Number(process.hrtime.bigint() - startedAt) / 1_000;
  };
  for (const key of wanted) await one(key);
  /** @type {number[]} */
  const taken = [];
  for (const endsAt = performance.now() + seconds * 1_000; performance.now() < endsAt; ) {
    for (const key of wanted) taken.push(await one(key));
    await rest(5);
  }
  taken.sort((left, right) => left - right);
  const at = (/** @type {number} */ part) => taken[Math.min(taken.length - 1, Math.floor(taken.length * part))];
  return { count: taken.length, failed, p50: at(0.5), p99: at(0.99), worst: taken.at(-1) };
}

/** Counts the commands to the store, each of which is one script or statement. */
function count() {
  const watched = /** @type {any} */ (store);
  for (const name of ['now', 'get', 'set', 'delete', 'lease', 'claimDue']) {
    const original = watched[name].bind(store);
    watched[name] = async (/** @type {unknown[]} */ ...args) => {
      commands[name] = (commands[name] ?? 0) + 1;
      const startedAt = performance.now();
      const answer = await original(...args);
      if (name === 'claimDue') {
        claimMs.push(performance.now() - startedAt);
        lanes = /** @type {string[]} */ (args[0]);
      }
      for (const lease of [answer].flat()) if (name === 'lease' || name === 'claimDue') countRelease(lease);
      return answer;
    };
  }
}

/** @param {{ release: () => Promise<void> } | undefined} lease */
function countRelease(lease) {
  if (lease === undefined) return;
  const release = lease.release.bind(lease);
  lease.release = () => {
    commands['release'] = (commands['release'] ?? 0) + 1;
    return release();
  };
}
