// @ts-check
// This benchmark measures GET /task/:appid/0 with an API key for many apps, beside a bare server that checks the same key
// and answers the same bytes: at full load, at half of it, and while refreshes run in the background.
import { setTimeout as rest } from 'node:timers/promises';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { Load } from './http-load.mjs';
import { median } from './measure.mjs';
import { asFactor, printTable, printTarget } from './report.mjs';

const ROUNDS = 5;
const FULL = { seconds: 2, connections: 32 };
const REST_MS = 3_000;
const REFRESHES_PER_SECOND = 300;
const PAUSE_MS = 10;

const load = new Load();
const servers = [await load.start('bare'), await load.start('ours')];
/** @type {Map<string, { perSecond: number, p99: number }[]>} */
const seen = new Map(servers.map(({ kind }) => [kind, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const { kind, port } of round % 2 === 0 ? servers : servers.toReversed()) {
    await rest(REST_MS);
    seen.get(kind)?.push(await load.run(port, FULL));
  }
}
const middle = (/** @type {string} */ kind, /** @type {'perSecond' | 'p99'} */ what) =>
  median((seen.get(kind) ?? []).map((sample) => sample[what]));
printTable(
  ['server', 'requests/s', 'p99'],
  servers.map(({ kind }) => [kind, middle(kind, 'perSecond').toFixed(0), `${middle(kind, 'p99').toFixed(1)} ms`]),
);
const factor = median((seen.get('ours') ?? []).map(({ perSecond }, round) => perSecond / bareIn(round)));
printTarget(factor >= 0.8, 'at least 0.8 of the requests that a bare server answers', asFactor(factor));

const ours = /** @type {import('./http-load.mjs').Served} */ (servers[1]);
const half = {
  seconds: 5,
  connections: Math.round((middle('ours', 'perSecond') / 2) * (PAUSE_MS / 1_000)),
  pauseMs: PAUSE_MS,
};
await rest(REST_MS);
const calm = await load.run(ours.port, half);
console.log(
  `\n${calm.perSecond.toFixed(0)} requests/s over ${half.connections} connections: p99 ${calm.p99.toFixed(1)} ms`,
);
printTarget(calm.p99 < 5, 'p99 under 5 ms at half load', `${calm.p99.toFixed(1)} ms`);

const wechat = await FakeWeChat.start();
const busy = await load.start('busy', [wechat.origin, String(REFRESHES_PER_SECOND)]);
await rest(REST_MS);
const before = wechat.calls.length;
const loaded = await load.run(busy.port, half);
const refreshes = (wechat.calls.length - before) / half.seconds;
console.log(
  `\n${loaded.perSecond.toFixed(0)} requests/s beside ${refreshes.toFixed(0)} refreshes/s: p99 ${loaded.p99.toFixed(1)} ms`,
);
printTarget(
  loaded.p99 < 20,
  `p99 under 20 ms beside ${REFRESHES_PER_SECOND} refreshes a second`,
  `${loaded.p99.toFixed(1)} ms`,
);
load.end();
await wechat.close();

/** @param {number} round */
function bareIn(round) {
  return seen.get('bare')?.[round]?.perSecond ?? Number.NaN;
}
