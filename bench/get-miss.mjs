// @ts-check
// This benchmark measures ten thousand callers who miss at once: there must be one request upstream, and all callers must
// have the token soon after its answer.
import { TokenManager } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { alternate, at } from './measure.mjs';
import { asFactor, inMs, printTable, printTarget } from './report.mjs';

const CALLERS = 10_000;
const ROUNDS = 7;
const WARM_UPS = 1;
const DELAYS_MS = [50, 200];
const ALLOWED_FACTOR = 1.3;
const ALLOWED_EXTRA_MS = 20;
const TYPE = 'access_token';
const NS_PER_MS = 1e6;

const wechat = await FakeWeChat.start();
const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });

// These apps have no task, so that nothing is fetched before the first `get`. Every round of a case uses a new one.
const fresh = Array.from({ length: 1 + DELAYS_MS.length * 3 * (ROUNDS + WARM_UPS) }, (_, index) => `wx${index}`);
for (const appid of fresh) await tokens.register({ appid, secret: 'secret' });

const startedAt = performance.now();
await tokens.get(nextApp(), TYPE);
console.log(
  `The first miss of a process loads undici: ${inMs(performance.now() - startedAt)}. It is not in the table.\n`,
);
for (const delayMs of DELAYS_MS) await compare(delayMs);
await tokens.close();
await wechat.close();

/** @param {number} delayMs */
async function compare(delayMs) {
  wechat.delayMs = delayMs;
  let mostRequests = 0;
  const counted = async (/** @type {() => Promise<unknown>} */ work) => {
    const before = wechat.calls.length;
    await work();
    mostRequests = Math.max(mostRequests, wechat.calls.length - before);
  };
  const crowd = CALLERS.toLocaleString('en');
  const samples = await alternate(
    [
      { name: `${crowd} x get`, run: () => counted(() => getByAll(nextApp())) },
      {
        name: `${crowd} x get with a timeout of its own`,
        run: () => counted(() => getByAll(nextApp(), { timeoutMs: 20_000 })),
      },
      { name: `${crowd} x await of one shared bare request`, run: shareOne },
      { name: 'one get', run: () => tokens.get(nextApp(), TYPE) },
      { name: 'one bare request', run: request },
    ],
    { rounds: ROUNDS, warmUps: WARM_UPS },
  );
  printTable(
    [`upstream answers after ${delayMs} ms`, 'median', 'worst'],
    samples.map(({ name, median, worst }) => [name, inMs(median / NS_PER_MS), inMs(worst / NS_PER_MS)]),
  );
  const allowedMs = ALLOWED_FACTOR * delayMs + ALLOWED_EXTRA_MS;
  const seenMs = at(samples, 0).median / NS_PER_MS;
  const what = `${crowd} gets, ${delayMs} ms upstream`;
  printTarget(mostRequests === 1, `${what}: one request`, String(mostRequests));
  printTarget(
    seenMs <= allowedMs,
    `${what}: at most 1.3 times that plus 20 ms, ${allowedMs} ms`,
    `${inMs(seenMs)}, ${asFactor(seenMs / delayMs)}\n`,
  );
}

function nextApp() {
  const appid = fresh.pop();
  if (appid === undefined) throw new Error('there are too few apps');
  return appid;
}

/**
 * @param {string} appid
 * @param {import('wechat-token-manager').GetOptions} [options]
 */
function getByAll(appid, options) {
  return Promise.all(Array.from({ length: CALLERS }, () => tokens.get(appid, TYPE, options)));
}

/** Measures the cost of sharing a promise without a library. */
function shareOne() {
  const shared = request();
  return Promise.all(Array.from({ length: CALLERS }, async () => shared));
}

async function request() {
  const body = JSON.stringify({ grant_type: 'client_credential', appid: 'wx', secret: 'secret' });
  const response = await fetch(`${wechat.origin}/cgi-bin/stable_token`, { method: 'POST', body });
  return response.json();
}
