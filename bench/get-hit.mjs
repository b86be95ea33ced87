// @ts-check
// This benchmark measures the cost of a hit, beside the lowest possible cost and beside other libraries for the same purpose.
import { memoize } from '@smithy/property-provider';
import CoWeChatApi from 'co-wechat-api';
import { OAuth2Client } from 'google-auth-library';
import { LRUCache } from 'lru-cache';
import { defineRefresher, MemoryStore, TokenManager } from 'wechat-token-manager';
import { alternate, at, ratio } from './measure.mjs';
import { asFactor, inNs, printTable, printTarget } from './report.mjs';

/** This is untyped because the types that TypeScript infers from its source are inaccurate. */
const WeChatApi = /** @type {any} */ (CoWeChatApi);
const ROUNDS = 25;
const TIMES = 20_000;
const TYPE = 'access_token';
const ON_DEMAND = 'on_demand';
/** A subject as long as an openid. */
const SUBJECT = 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M';
const PATH = `/subject/${SUBJECT}`;
const PREFIX_LENGTH = PATH.length - SUBJECT.length;
const BUILT = 'get with { subject }, cut out of a path';
const LIFE_SECONDS = 7_200;
/** The name of lru-cache with its default, which reads the clock once in a turn of the event loop. */
const COARSE = 'lru-cache fetch, its default (*)';
const TOKEN_LENGTH = 136;

for (const apps of [1, 1_000]) {
  const appids = Array.from({ length: apps }, (_, index) => `wx${index}`);
  await compare(`${apps.toLocaleString('en')} app${apps === 1 ? '' : 's'}`, appids);
}
console.log('(*) reads the clock once in a turn of the event loop: all hits of this loop go by one reading.\n');
for (const isFleet of [false, true]) await compareWays('wx0', isFleet);

/**
 * Compares the cases. Each has its own loop, so that the engine optimizes it separately, and awaits the promise of the
 * library itself, without a wrapper.
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
 * Compares all ways to get a cached token with the shortest one.
 *
 * @param {string} appid
 * @param {boolean} isFleet whether the store has `claimDue`, so that a bounded cache has every record.
 */
async function compareWays(appid, isFleet) {
  const tokens = await filledManager([appid], isFleet ? fleetStore() : new MemoryStore());
  await Promise.all([tokens.get(appid, ON_DEMAND), tokens.get(appid, ON_DEMAND, { subject: SUBJECT })]);
  const times = Array.from({ length: TIMES }, () => appid);
  const samples = await alternate(
    [
      {
        name: 'get(appid, type)',
        async run() {
          for (const each of times) await tokens.get(each, TYPE);
        },
      },
      {
        name: 'get of a key without a task',
        async run() {
          for (const each of times) await tokens.get(each, ON_DEMAND);
        },
      },
      {
        name: 'get with { subject }, a literal',
        async run() {
          for (const each of times) await tokens.get(each, TYPE, { subject: SUBJECT });
        },
      },
      {
        name: 'the same without a task',
        async run() {
          for (const each of times) await tokens.get(each, ON_DEMAND, { subject: SUBJECT });
        },
      },
      {
        name: BUILT,
        async run() {
          for (const each of times) await tokens.get(each, TYPE, { subject: PATH.slice(PREFIX_LENGTH) });
        },
      },
      {
        name: 'getRecord(appid, type)',
        async run() {
          for (const each of times) await tokens.getRecord(each, TYPE);
        },
      },
      {
        name: 'getRecord with { subject }',
        async run() {
          for (const each of times) await tokens.getRecord(each, TYPE, { subject: SUBJECT });
        },
      },
      {
        name: 'peek(appid, type)',
        run() {
          for (const each of times) tokens.peek(each, TYPE);
        },
      },
      {
        name: 'peek with { subject }',
        run() {
          for (const each of times) tokens.peek(each, TYPE, { subject: SUBJECT });
        },
      },
    ],
    { rounds: ROUNDS, times: times.length },
  );
  await tokens.close();
  const shortest = at(samples, 0);
  const what = isFleet ? 'every way to a held token, in a fleet' : 'every way to a held token';
  printTable(
    [what, 'median', 'worst', 'time, of get(appid, type)'],
    samples.map((sample) => [sample.name, inNs(sample.median), inNs(sample.worst), asFactor(ratio(sample, shortest))]),
  );
  /** @param {readonly import('./measure.mjs').Sample[]} some */
  const slowest = (some) => Math.max(...some.map((sample) => ratio(sample, shortest)));
  const others = slowest(samples.filter(({ name }) => name !== BUILT));
  printTarget(others <= 2, `${what}: at most twice the time of get(appid, type)`, asFactor(others));
  const built = slowest(samples.filter(({ name }) => name === BUILT));
  printTarget(built <= 2.5, `${what}: at most 2.5 times where the subject is built`, `${asFactor(built)}\n`);
}

/** Creates a store whose schedule a fleet shares, with no due documents. */
function fleetStore() {
  const store = new MemoryStore();
  return /** @type {import('wechat-token-manager').TokenStore} */ ({
    now: () => store.now(),
    get: (ids) => store.get(ids),
    set: (id, data, expected, options) => store.set(id, data, expected, options),
    delete: (id, expected) => store.delete(id, expected),
    list: (prefix, options) => store.list(prefix, options),
    lease: (id, ttlMs) => store.lease(id, ttlMs),
    claimDue: async () => [],
    watch: (changed) => store.watch(changed),
    close: () => store.close(),
  });
}

/**
 * Returns the app of each request: the same sequence in each run, in random order.
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
 * Returns a token as long as WeChat's, which differs for each app.
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

/**
 * @param {readonly string[]} appids
 * @param {import('wechat-token-manager').TokenStore} [store]
 */
async function filledManager(appids, store = new MemoryStore()) {
  const refresh = async (/** @type {import('wechat-token-manager').RefreshContext} */ { key }) => ({
    value: tokenOf(key.appid),
    expiresInSeconds: LIFE_SECONDS,
  });
  const tokens = new TokenManager({
    store,
    refreshers: [defineRefresher({ type: TYPE, refresh }), defineRefresher({ type: ON_DEMAND, refresh })],
  });
  for (const appid of appids) {
    await tokens.register({ appid, secret: 'secret', tasks: [TYPE, { type: TYPE, subject: SUBJECT }] });
    await Promise.all([tokens.get(appid, TYPE), tokens.get(appid, TYPE, { subject: SUBJECT })]);
  }
  return tokens;
}

/**
 * Creates the simplest correct `get`: look the token up by app and type, read the clock, compare.
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
 * Creates the other libraries. Most of them keep one token, so that an application with many apps has an instance for
 * each, found by appid.
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
