// @ts-check
// This benchmark measures fifty callers who find out at once that their token is invalid, because another system has
// requested a new one.
import CoWeChatApi from 'co-wechat-api';
import { TokenManager } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { at } from './measure.mjs';
import { printTable, printTarget } from './report.mjs';

/** This is untyped because the types that TypeScript infers from its source are inaccurate. */
const WeChatApi = /** @type {any} */ (CoWeChatApi);
const CALLERS = 50;
const ROUNDS = 5;
const SECRET = 'secret';
const TYPE = 'access_token';

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {(appid: string) => Promise<void>} prepare Has a token in hand when it resolves.
 * @property {(appid: string) => Promise<unknown>} call Calls a business interface; rejects when that has refused.
 */

const wechat = await FakeWeChat.start();
const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
/** @type {Map<string, any>} */
const apis = new Map();

/** @type {Way[]} */
const ways = [
  { name: 'call, stable mode', prepare: (appid) => register(appid, 'stable'), call },
  { name: 'call, plain mode', prepare: (appid) => register(appid, 'plain'), call },
  {
    name: 'co-wechat-api getIp',
    async prepare(appid) {
      const api = new WeChatApi(appid, SECRET);
      // The origin is a field of the API. Nothing else of it is changed.
      api.prefix = `${wechat.origin}/cgi-bin/`;
      await api.getIp();
      apis.set(appid, api);
    },
    call: (appid) => apis.get(appid).getIp(),
  },
];

const lines = [];
for (const way of ways) {
  const outcomes = [];
  for (let round = 0; round < ROUNDS; round++) outcomes.push(await play(way, `wx-${ways.indexOf(way)}-${round}`));
  lines.push({ name: way.name, outcomes });
}

printTable(
  [`${CALLERS} calls, token dead`, 'succeeded', 'fetches', 'business requests', 'a token left that works'],
  lines.map(({ name, outcomes }) => [
    name,
    range(outcomes.map(({ succeeded }) => succeeded)),
    range(outcomes.map(({ fetches }) => fetches)),
    range(outcomes.map(({ requests }) => requests)),
    `${outcomes.filter(({ works }) => works).length} of ${ROUNDS} times`,
  ]),
);
for (const { name, outcomes } of lines.slice(0, 2)) {
  const isMet = outcomes.every(({ succeeded, fetches }) => succeeded === CALLERS && fetches === 1);
  const worst = at(
    [...outcomes].sort((left, right) => left.succeeded - right.succeeded || right.fetches - left.fetches),
    0,
  );
  printTarget(
    isMet,
    `${name}: ${CALLERS} of ${CALLERS} succeed, one fetch`,
    `${worst.succeeded} succeed, ${worst.fetches} ${worst.fetches === 1 ? 'fetch' : 'fetches'} at the worst`,
  );
}
await tokens.close();
await wechat.close();

/**
 * @param {Way} way
 * @param {string} appid
 */
async function play(way, appid) {
  await way.prepare(appid);
  wechat.supersede(appid);
  const before = wechat.calls.length;
  const settled = await Promise.allSettled(Array.from({ length: CALLERS }, () => way.call(appid)));
  const asked = wechat.calls.slice(before);
  const fetches = asked.filter(({ path }) => path.endsWith('token')).length;
  const after = await way.call(appid).then(
    () => true,
    () => false,
  );
  return {
    succeeded: settled.filter(({ status }) => status === 'fulfilled').length,
    fetches,
    requests: asked.length - fetches,
    works: after,
  };
}

/**
 * @param {string} appid
 * @param {'stable' | 'plain'} accessToken
 */
async function register(appid, accessToken) {
  await tokens.register({ appid, secret: SECRET, accessToken, tasks: [TYPE] });
  await tokens.get(appid, TYPE);
}

/** @param {string} appid */
async function call(appid) {
  const answer = await tokens.call(appid, TYPE, async (token) => {
    const response = await fetch(`${wechat.origin}/cgi-bin/getcallbackip?access_token=${token}`);
    return /** @type {{ errcode?: number, ip_list?: string[] }} */ (await response.json());
  });
  if (answer.ip_list === undefined) throw new Error(`refused with ${answer.errcode}`);
}

/** @param {number[]} numbers */
function range(numbers) {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? String(least) : `${least} to ${most}`;
}
