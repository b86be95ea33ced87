// @ts-check
// What a hit costs, beside the least that it could cost and beside what others take for the same.
import { memoize } from '@smithy/property-provider';
import CoWeChatApi from 'co-wechat-api';
import { OAuth2Client } from 'google-auth-library';
import { LRUCache } from 'lru-cache';
import { defineRefresher, TokenManager } from 'wechat-token-manager';
import { alternate, at, ratio } from './measure.mjs';
import { asFactor, inNs, printTable, printTarget } from './report.mjs';

/** Its types are guessed from its source, and not well. */
const WeChatApi = /** @type {any} */ (CoWeChatApi);
const ROUNDS = 25;
const TIMES = 20_000;
const TYPE = 'access_token';
const SUBJECT = 'a-subject';
const LIFE_SECONDS = 7_200;
/** With its default, lru-cache reads the clock once in a turn of the event loop, and goes by that until the turn ends. */
const COARSE = 'lru-cache fetch, its default (*)';
const TOKEN_LENGTH = 136;

for (const apps of [1, 1_000]) {
  const appids = Array.from({ length: apps }, (_, index) => `wx${index}`);
  await compare(`${apps.toLocaleString('en')} app${apps === 1 ? '' : 's'}`, appids);
}
console.log('(*) reads the clock once in a turn of the event loop: all hits of this loop go by one reading.\n');
await compareWays('wx0');

/**
 * Every case has its own loop, so that the engine learns each on its own, and waits for what the library itself returns,
 * without a wrapper.
 *
 * @param {string} what
 * @param {readonly string[]} appids
 */
async function compare(what, appids) {
  const tokens = await filledManager(appids);
  const asked = atRandom(appids);
  const floor = floorOf(appids);
  const samples = await alternate(
    [
      {
        name: 'floor',
        async run() {
          let characters = 0;
          for (const appid of asked) characters += (await floor(appid, TYPE)).length;
          assertAll(characters);
        },
      },
      {
        name: 'get',
        async run() {
          let characters = 0;
          for (const appid of asked) characters += (await tokens.get(appid, TYPE)).length;
          assertAll(characters);
        },
      },
      {
        name: 'peek',
        run() {
          let characters = 0;
          for (const appid of asked) characters += tokens.peek(appid, TYPE)?.value.length ?? 0;
          assertAll(characters);
        },
      },
      ...peersOf(appids, asked),
    ],
    { rounds: ROUNDS, times: TIMES },
  );
  await tokens.close();
  const [bare, get, peek, ...others] = samples;
  if (bare === undefined || get === undefined || peek === undefined) throw new Error('a case is missing');

  printTable(
    [what, 'median', 'worst', 'rate, of the floor'],
    samples.map((sample) => [sample.name, inNs(sample.median), inNs(sample.worst), asFactor(ratio(bare, sample))]),
  );
  const rate = ratio(bare, get);
  printTarget(rate >= 0.9, `${what}: get at least 0.9 times the rate of the floor`, asFactor(rate));
  const exact = others.filter(({ name }) => name !== COARSE);
  const lead = Math.min(...exact.map((other) => ratio(other, get)));
  printTarget(
    lead > 1,
    `${what}: get ahead of all others that read the clock`,
    `${asFactor(lead)} the rate of the next best`,
  );
  const gain = ratio(get, peek);
  printTarget(gain >= 1.3, `${what}: peek at least 1.3 times the rate of get`, `${asFactor(gain)}\n`);
}

/**
 * The ways to a held token that are not the shortest. No targets.
 *
 * @param {string} appid
 */
async function compareWays(appid) {
  const tokens = await filledManager([appid]);
  await tokens.get(appid, 'on_demand');
  const times = Array.from({ length: TIMES / 10 }, () => appid);
  const samples = await alternate(
    [
      {
        name: 'get(appid, type)',
        async run() {
          for (const each of times) await tokens.get(each, TYPE);
        },
      },
      {
        name: 'getRecord(appid, type)',
        async run() {
          for (const each of times) await tokens.getRecord(each, TYPE);
        },
      },
      {
        name: 'get(appid, type, { subject })',
        async run() {
          for (const each of times) await tokens.get(each, TYPE, { subject: SUBJECT });
        },
      },
      {
        name: 'get(appid, type) of a key without a task',
        async run() {
          for (const each of times) await tokens.get(each, 'on_demand');
        },
      },
      {
        name: 'peek(appid, type, { subject })',
        run() {
          for (const each of times) tokens.peek(each, TYPE, { subject: SUBJECT });
        },
      },
    ],
    { rounds: ROUNDS, times: times.length },
  );
  await tokens.close();
  const shortest = at(samples, 0);
  printTable(
    ['other ways to a held token', 'median', 'worst', 'rate, of get(appid, type)'],
    samples.map((sample) => [sample.name, inNs(sample.median), inNs(sample.worst), asFactor(ratio(shortest, sample))]),
  );
}

/**
 * Which app is asked for, each time: the same at each run, and in no order, as callers come.
 *
 * @param {readonly string[]} appids
 */
function atRandom(appids) {
  let seed = 1;
  return Array.from({ length: TIMES }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return at(appids, seed % appids.length);
  });
}

/**
 * As long as WeChat's, and another for each app.
 *
 * @param {string} appid
 */
function tokenOf(appid) {
  return Buffer.alloc(TOKEN_LENGTH, `${appid}-`).toString('latin1');
}

/** @param {number} characters */
function assertAll(characters) {
  if (characters !== TIMES * TOKEN_LENGTH) throw new Error('a case did not answer with the token each time');
}

/** @param {readonly string[]} appids */
async function filledManager(appids) {
  const refresh = async (/** @type {import('wechat-token-manager').RefreshContext} */ { key }) => ({
    value: tokenOf(key.appid),
    expiresInSeconds: LIFE_SECONDS,
  });
  const tokens = new TokenManager({
    refreshers: [defineRefresher({ type: TYPE, refresh }), defineRefresher({ type: 'on_demand', refresh })],
  });
  for (const appid of appids) {
    await tokens.register({ appid, secret: 'secret', tasks: [TYPE, { type: TYPE, subject: SUBJECT }] });
    await Promise.all([tokens.get(appid, TYPE), tokens.get(appid, TYPE, { subject: SUBJECT })]);
  }
  return tokens;
}

/**
 * The least that a correct `get` does: look the token up by app and type, read the clock, compare.
 *
 * @param {readonly string[]} appids
 */
function floorOf(appids) {
  const held = (/** @type {string} */ appid) => ({
    value: tokenOf(appid),
    expiresAt: Date.now() + LIFE_SECONDS * 1_000,
  });
  const byApp = new Map(appids.map((appid) => [appid, new Map([[TYPE, held(appid)]])]));
  return async (/** @type {string} */ appid, /** @type {string} */ type) => {
    const token = byApp.get(appid)?.get(type);
    if (token === undefined || Date.now() >= token.expiresAt) throw new Error('not held');
    return token.value;
  };
}

/**
 * The others. Most hold one token each; of those, an application with many apps has one for each, found by appid.
 *
 * @param {readonly string[]} appids
 * @param {readonly string[]} asked
 */
function peersOf(appids, asked) {
  const expiresAt = Date.now() + LIFE_SECONDS * 1_000;
  const apiOf = oneForEach(appids, (appid) => {
    const api = new WeChatApi(appid, 'secret');
    api.store = { accessToken: tokenOf(appid), expireTime: expiresAt };
    return api;
  });
  const clientOf = oneForEach(appids, (appid) => {
    const client = new OAuth2Client();
    client.setCredentials({ access_token: tokenOf(appid), expiry_date: expiresAt });
    return client;
  });
  const providerOf = oneForEach(appids, (appid) =>
    memoize(
      async () => ({ value: tokenOf(appid), expiration: new Date(expiresAt) }),
      ({ expiration }) => expiration.getTime() - Date.now() < 300_000,
      ({ expiration }) => expiration !== undefined,
    ),
  );
  const exactCache = filledCache(appids, 0);
  const coarseCache = filledCache(appids, 1);

  return [
    {
      name: 'co-wechat-api ensureAccessToken',
      async run() {
        let characters = 0;
        for (const appid of asked) characters += (await apiOf(appid).ensureAccessToken()).accessToken.length;
        assertAll(characters);
      },
    },
    {
      name: 'google-auth-library getAccessToken',
      async run() {
        let characters = 0;
        for (const appid of asked) characters += (await clientOf(appid).getAccessToken()).token?.length ?? 0;
        assertAll(characters);
      },
    },
    {
      name: '@smithy memoize',
      async run() {
        let characters = 0;
        for (const appid of asked) characters += (await providerOf(appid)()).value.length;
        assertAll(characters);
      },
    },
    {
      name: 'lru-cache fetch, ttlResolution 0',
      async run() {
        let characters = 0;
        for (const appid of asked) characters += (await exactCache.fetch(appid))?.length ?? 0;
        assertAll(characters);
      },
    },
    {
      name: COARSE,
      async run() {
        let characters = 0;
        for (const appid of asked) characters += (await coarseCache.fetch(appid))?.length ?? 0;
        assertAll(characters);
      },
    },
  ];
}

/**
 * @template T
 * @param {readonly string[]} appids
 * @param {(appid: string) => T} make
 * @returns {(appid: string) => T}
 */
function oneForEach(appids, make) {
  const made = new Map(appids.map((appid) => [appid, make(appid)]));
  const only = make(at(appids, 0));
  return made.size === 1 ? () => only : (appid) => made.get(appid) ?? only;
}

/**
 * @param {readonly string[]} appids
 * @param {number} ttlResolution
 */
function filledCache(appids, ttlResolution) {
  /** @type {LRUCache<string, string>} */
  const cache = new LRUCache({
    max: 10_000,
    ttl: LIFE_SECONDS * 1_000,
    ttlResolution,
    fetchMethod: async (appid) => tokenOf(appid),
  });
  for (const appid of appids) cache.set(appid, tokenOf(appid));
  return cache;
}
