// @ts-check
// GET /task/:appid/0 with an API key, from many apps, beside a bare server that checks the same key and answers the same
// JSON. Needs wrk (the Debian package of that name).
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createApiKey } from 'wechat-token-manager/http';
import { median } from './measure.mjs';
import { asFactor, printTable, printTarget } from './report.mjs';

const APPS = 100_000;
const ROUNDS = 3;
const SECONDS = 2;
const CONNECTIONS = 32;
const REST_MS = 3_000;

const { key, entry } = createApiKey({ scopes: ['read'] });
const directory = mkdtempSync(join(tmpdir(), 'wechat-bench-http-'));
const script = join(directory, 'load.lua');
writeFileSync(
  script,
  `wrk.headers["Authorization"] = "Bearer ${key}"
function request()
  return wrk.format("GET", string.format("/task/wx%016d/0", math.random(0, ${APPS - 1})))
end`,
);

const servers = [await start('bare'), await start('ours')];
/** @type {Map<string, { perSecond: number, p99: number }[]>} */
const seen = new Map(servers.map(({ kind }) => [kind, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const { kind, port } of servers) {
    await rest(REST_MS);
    seen.get(kind)?.push(load(port));
  }
}
for (const { child } of servers) child.kill();
rmSync(directory, { recursive: true, force: true });

const middle = (/** @type {string} */ kind, /** @type {'perSecond' | 'p99'} */ what) =>
  median((seen.get(kind) ?? []).map((sample) => sample[what]));
printTable(
  ['server', 'requests/s', 'p99'],
  servers.map(({ kind }) => [kind, middle(kind, 'perSecond').toFixed(0), `${middle(kind, 'p99').toFixed(1)} ms`]),
);
const factor = middle('ours', 'perSecond') / middle('bare', 'perSecond');
printTarget(factor >= 0.8, 'at least 0.8 of the requests that a bare server answers', asFactor(factor));

/** @param {'bare' | 'ours'} kind */
async function start(kind) {
  const path = fileURLToPath(new URL('http-server.mjs', import.meta.url));
  const child = fork(path, [kind, String(APPS), entry.id, entry.hash]);
  const [{ port }] = await once(child, 'message');
  return { kind, child, port };
}

/** @param {number} port */
function load(port) {
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, '--latency', '-s', script, `http://127.0.0.1:${port}`];
  const { stdout, error } = spawnSync('wrk', options, { encoding: 'utf8' });
  if (error !== undefined) throw new Error('wrk is not installed');
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  const perSecond = Number(/Requests\/sec: +([\d.]+)/.exec(stdout)?.[1]);
  const [, p99 = '', unit = ''] = /99% +([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  return { perSecond, p99: Number(p99) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? Number.NaN) };
}
