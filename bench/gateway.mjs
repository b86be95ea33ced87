// @ts-check
// This benchmark measures the CPU time of a small call through the proxy, key check and token included, beside a bare
// proxy that does neither, and beside http-proxy-3 and @fastify/http-proxy where they are installed (`npm install
// --no-save`). Then it streams large bodies.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { createApiKey } from 'wechat-token-manager/http';
import { median } from './measure.mjs';
import { asFactor, printTable, printTarget } from './report.mjs';

const ROUNDS = 7;
const CALLS = 6_000;
const CONCURRENT = 32;
const LARGE_BYTES = 100_000_000;
/** The path of an SDK, with the token of the server in its query. */
const SDK_PATH = `/cgi-bin/user/info?access_token=${'x'.repeat(136)}&openid=oABC&lang=zh_CN`;
const PATH = '/proxy/wx0123456789abcdef/cgi-bin/user/info?openid=oABC&lang=zh_CN';

const { key, entry } = createApiKey({ scopes: ['call'] });
const small = '{"subscribe":1,"openid":"oABC","language":"zh_CN","remark":""}';
const chunk = Buffer.alloc(65_536, 'x');
const wechat = createServer((request, response) => {
  if (request.url?.includes('/media/') !== true) {
    response.setHeader('content-type', 'application/json');
    request.resume().once('end', () => response.end(small));
    return;
  }
  request.resume().once('end', () => {
    let left = LARGE_BYTES;
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': LARGE_BYTES });
    const write = () => {
      while (left > 0) {
        const piece = left < chunk.length ? chunk.subarray(0, left) : chunk;
        left -= piece.length;
        if (!response.write(piece)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
});
wechat.listen(0, '127.0.0.1');
await once(wechat, 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (wechat.address());

const proxies = [];
for (const kind of ['ours', 'bare', 'ours for SDKs', 'http-proxy-3', '@fastify/http-proxy']) {
  if (kind.includes('proxy') && !isInstalled(kind)) console.log(`${kind} is not installed`);
  else proxies.push(await start(kind));
}

/** @type {Map<string, { cpuUs: number, perSecond: number }[]>} */
const seen = new Map(proxies.map(({ kind }) => [kind, []]));
for (let round = -1; round < ROUNDS; round++) {
  for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed()) {
    const sample = await measured(proxy, CALLS, () => calls(proxy, CALLS));
    if (round >= 0) seen.get(proxy.kind)?.push(sample);
  }
}
const middle = (/** @type {string} */ kind, /** @type {'cpuUs' | 'perSecond'} */ what) =>
  median((seen.get(kind) ?? []).map((sample) => sample[what]));
const factorOf = (/** @type {string} */ kind) =>
  median((seen.get('ours') ?? []).map(({ cpuUs }, round) => cpuUs / (seen.get(kind)?.[round]?.cpuUs ?? Number.NaN)));
printTable(
  ['proxy', 'CPU a call', 'calls/s', 'ours beside it'],
  proxies.map(({ kind }) => [
    kind,
    `${middle(kind, 'cpuUs').toFixed(1)} us`,
    middle(kind, 'perSecond').toFixed(0),
    asFactor(factorOf(kind)),
  ]),
);
printTarget(factorOf('bare') <= 1.25, 'at most 1.25 of the CPU of a bare proxy', asFactor(factorOf('bare')));
for (const { kind } of proxies.slice(3)) {
  printTarget(factorOf(kind) <= 0.8, `at most 0.8 of the CPU of ${kind}`, asFactor(factorOf(kind)));
}

/** @type {Map<string, number[]>} */
const down = new Map();
/** @type {Map<string, number[]>} */
const up = new Map();
for (let round = -1; round < 3; round++) {
  for (const proxy of proxies.slice(0, 2)) {
    const [downMs, upMs] = [await timed(() => download(proxy.pool)), await timed(() => upload(proxy.pool))];
    if (round < 0) continue;
    down.set(proxy.kind, [...(down.get(proxy.kind) ?? []), downMs]);
    up.set(proxy.kind, [...(up.get(proxy.kind) ?? []), upMs]);
  }
}
for (const [name, times] of /** @type {const} */ ([
  ['down', down],
  ['up', up],
])) {
  const factor = median(times.get('bare') ?? []) / median(times.get('ours') ?? []);
  printTarget(factor >= 0.8, `100 MB ${name} at 0.8 of the speed of a bare proxy at least`, asFactor(factor));
}

const [ours] = proxies;
if (ours !== undefined) {
  const { rss } = await usage(ours.child);
  let most = rss;
  const watch = setInterval(() => void usage(ours.child).then((now) => (most = Math.max(most, now.rss))), 100);
  await Promise.all(Array.from({ length: 50 }, () => download(ours.pool)));
  clearInterval(watch);
  const mib = (most - rss) / 1_048_576;
  printTarget(mib <= 64, '50 downloads of 100 MB at once take at most 64 MiB more', `${mib.toFixed(0)} MiB`);
}
for (const { child, pool } of proxies) {
  await pool.destroy();
  child.kill();
}
wechat.close();
wechat.closeAllConnections();

/** @param {string} kind */
async function start(kind) {
  const path = fileURLToPath(new URL('gateway-server.mjs', import.meta.url));
  const child = fork(path, [kind, `http://127.0.0.1:${port}`, entry.id, entry.hash]);
  const [message] = await once(child, 'message');
  return { kind, child, pool: new Pool(`http://127.0.0.1:${message.port}`, { connections: 64 }) };
}

/** @param {string} name */
function isInstalled(name) {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {{ child: import('node:child_process').ChildProcess }} proxy
 * @param {number} times
 * @param {() => Promise<void>} run
 */
async function measured({ child }, times, run) {
  const before = await usage(child);
  const ms = await timed(run);
  const after = await usage(child);
  return { cpuUs: (after.cpuUs - before.cpuUs) / times, perSecond: (times / ms) * 1_000 };
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<{ cpuUs: number, rss: number }>} */
async function usage(child) {
  child.send('usage');
  const [found] = await once(child, 'message');
  return found;
}

/** @param {() => Promise<void>} run */
async function timed(run) {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

/** @param {{ kind: string, pool: Pool }} proxy @param {number} count */
async function calls({ kind, pool }, count) {
  const path = kind === 'ours for SDKs' ? SDK_PATH : PATH;
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const { statusCode, body } = await pool.request({ path, method: 'GET', headers: authorized() });
      if ((await body.text()) !== small || statusCode !== 200) throw new Error(`the proxy answered ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
}

/** @param {Pool} pool */
async function download(pool) {
  const { body } = await pool.request({ path: mediaPath('get'), method: 'GET', headers: authorized() });
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  if (bytes !== LARGE_BYTES) throw new Error(`${bytes} bytes arrived`);
}

/** @param {Pool} pool */
async function upload(pool) {
  const pieces = function* () {
    for (let left = LARGE_BYTES; left > 0; left -= chunk.length)
      yield left < chunk.length ? chunk.subarray(0, left) : chunk;
  };
  const headers = { ...authorized(), 'content-type': 'video/mp4' };
  const { Readable } = await import('node:stream');
  const path = PATH.replace('user/info', 'user/upload');
  const { body } = await pool.request({ path, method: 'POST', headers, body: Readable.from(pieces()) });
  await body.dump();
}

function authorized() {
  return { authorization: `Bearer ${key}`, accept: '*/*' };
}

/** @param {string} name */
function mediaPath(name) {
  return `/proxy/wx0123456789abcdef/cgi-bin/media/${name}?media_id=m`;
}
