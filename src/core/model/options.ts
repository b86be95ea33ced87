import { type Clock, systemClock } from '../concurrency/clock.js';
import type { RefreshRates } from '../concurrency/rate-limit.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import {
  assertInteger,
  assertMethods,
  assertNumber,
  copyFields,
  mapMembers,
  readFields,
} from '../primitives/assert-options.js';
import { describeValue, describeWord } from '../primitives/redact.js';
import type { RefreshTimes } from './refresh-policy.js';
import type { AccessTokenMode, Refresher } from './refresher.js';
import { STORE_METHODS, type TokenStore } from './store.js';
import { assertTypeName } from './token-key.js';

/**
 * The timing and the rate of refreshes.
 *
 * @public
 */
export interface RefreshOptions {
  /**
   * The number of background refreshes that may begin in a second. A fleet that shares a Redis or SQL store keeps to it
   * together (on average to nine tenths of it, refreshes that callers wait for included), otherwise each process by itself.
   * Refreshes that a caller waits for always begin at once.
   *
   * @defaultValue 300
   * @bounds 1 to 100,000
   */
  readonly maxPerSecond?: number;
  /**
   * The same for a single app. In a fleet each process may begin one more in a second.
   *
   * @defaultValue 160
   * @bounds 1 to 100,000
   */
  readonly maxPerSecondOfApp?: number;
  /**
   * The time before its expiry at which a token is refreshed at the latest. Stable access tokens go by WeChat's own last
   * five minutes instead.
   *
   * @defaultValue the lesser of 300,000 ms and a fifth of the token's life
   * @bounds 0 to 31,536,000,000 ms; at most half of the token's life is used
   */
  readonly marginMs?: number;
  /**
   * The time by which a refresh may come even earlier, at random, so that tokens are not all refreshed at once.
   *
   * @defaultValue the lesser of 600,000 ms and a fifth of the token's life
   * @bounds 0 to 31,536,000,000 ms; at most half of the token's life is used
   */
  readonly jitterMs?: number;
  /**
   * The time before its expiry during which a token is handed out only if no new one can be had.
   *
   * @defaultValue the lesser of 10,000 ms and a twentieth of the token's life
   * @bounds 0 to 31,536,000,000 ms; at most half of the token's life is used
   */
  readonly minValidityMs?: number;
}

/**
 * The options of the requests to WeChat.
 *
 * @public
 */
export interface WeChatOptions {
  /**
   * The origins that requests go to. The next one is asked only after a network failure or an answer with status 5xx.
   *
   * @defaultValue `['https://api.weixin.qq.com']`
   * @bounds at least one http or https URL, without credentials, path and query
   */
  readonly origins?: readonly string[];
  /**
   * The endpoint that access tokens come from, for apps that were registered without `accessToken`.
   *
   * @defaultValue `'stable'`
   * @bounds `'stable'` or `'plain'`
   */
  readonly accessToken?: AccessTokenMode;
  /**
   * The proxy for requests to WeChat. `HTTP_PROXY` and `HTTPS_PROXY` are not read.
   *
   * @bounds an http or https URL, with credentials if the proxy requires them
   */
  readonly proxy?: string;
}

/**
 * The options of `new TokenManager(options)`.
 *
 * @public
 */
export interface TokenManagerOptions<Custom extends string = never> {
  /**
   * The store in which everything is remembered. It belongs to this manager, which closes it.
   *
   * @defaultValue `new MemoryStore()`
   * @bounds an object with the methods of `TokenStore`
   */
  readonly store?: TokenStore;
  /**
   * More token types, or replacements of built-in ones.
   *
   * @defaultValue `[]`
   * @bounds each type once
   */
  readonly refreshers?: readonly Refresher<Custom>[];
  /**
   * The timing and the rate of refreshes, or `'never'` for a process that only reads.
   *
   * With `'never'` a process leaves refreshing to others on the same store, for example because its address is not on WeChat's
   * whitelist. (Official accounts need that for every call, mini programs only for calls with the secret.) The process answers
   * from the store, fails with `REFRESH_DISABLED` where the store has nothing to answer with, and notifies the others when a
   * token is reported stale.
   *
   * @defaultValue `{}`
   */
  readonly refresh?: RefreshOptions | 'never';
  /**
   * The requests to WeChat: to which origins, in which mode, through which proxy.
   *
   * @defaultValue `{}`
   */
  readonly wechat?: WeChatOptions;
  /**
   * The way to answer a caller while the store is unavailable and no token is in memory: `'fail'` with `STORE_UNAVAILABLE`, or
   * `'fetch'` a token from WeChat.
   *
   * A token that was fetched like this stays in this process and is stored later. Only apps that the process has in memory
   * are served, and never where a refresh uses up a refresh token. Every process fetches its own: that is harmless for stable
   * access tokens, which WeChat repeats; in plain mode the processes end each other's tokens.
   *
   * @defaultValue `'fail'`
   * @bounds `'fail'` or `'fetch'`
   */
  readonly whenStoreUnavailable?: 'fail' | 'fetch';
  /**
   * The longest time that a call waits for a token. It is longer than the 20 s that one refresh may take for the whole fleet;
   * a single call may set less.
   *
   * @defaultValue 25,000 ms
   * @bounds 20,001 to 2,147,483,647 ms
   */
  readonly timeoutMs?: number;
  /**
   * The number of records of keys without a task that are kept in memory; those of keys with a task always are. On Redis or
   * SQL it counts all records, and one that is not in memory is read when it is asked for.
   *
   * @defaultValue 10,000
   * @bounds 1 to 10,000,000
   */
  readonly maxCachedRecords?: number;
  /**
   * The source of time, timers and randomness; tests give a `FakeClock`.
   *
   * @defaultValue {@link systemClock}
   * @bounds an object with the methods of `Clock`
   */
  readonly clock?: Clock;
}

/** The checked options of the core, with defaults in place of absent ones. */
export interface ResolvedOptions {
  readonly refreshers: readonly Refresher[];
  readonly times: RefreshTimes;
  readonly refreshes: boolean;
  readonly rates: RefreshRates;
  readonly accessToken: AccessTokenMode;
  readonly fetchesWithoutStore: boolean;
  readonly timeoutMs: number;
  readonly maxCachedRecords: number;
  readonly clock: Clock;
}

export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;
const MAX_DURATION_MS = 31_536_000_000;
const DEFAULT_TIMEOUT_MS = 25_000;
const DEFAULT_MAX_CACHED_RECORDS = 10_000;
/** The default rate of an app. It stays below WeChat's own limit of 10,000 stable tokens of an app in a minute. */
const DEFAULT_PER_SECOND_OF_APP = 160;
const DEFAULT_PER_SECOND = 300;
const MAX_PER_SECOND = 100_000;

const NAMES = [
  'store',
  'refreshers',
  'refresh',
  'wechat',
  'whenStoreUnavailable',
  'timeoutMs',
  'maxCachedRecords',
  'clock',
] as const satisfies readonly (keyof TokenManagerOptions)[];

/**
 * Returns a copy of the options. Each field is read once, so that the value that is checked is the value that is used.
 *
 * @throws TypeError for a value that is not an object of options, and for unknown names.
 */
export function readOptions(options: TokenManagerOptions<string>): TokenManagerOptions<string> {
  const fields = readFields<TokenManagerOptions<string>>(options, NAMES, 'the options of TokenManager');
  const { refresh, wechat } = fields;
  return {
    ...fields,
    ...(refresh !== undefined && typeof refresh !== 'string' && { refresh: readRefresh(refresh) }),
    ...(wechat !== undefined && { wechat: readFields(wechat, ['origins', 'accessToken', 'proxy'], 'wechat') }),
  };
}

function readRefresh(refresh: RefreshOptions): RefreshOptions {
  const names = ['marginMs', 'jitterMs', 'minValidityMs', 'maxPerSecond', 'maxPerSecondOfApp'] as const;
  return readFields(refresh, names, 'refresh');
}

/**
 * Checks the options of the core, and fills in their defaults.
 *
 * @throws TypeError that names the option, the expected value and the one that was passed.
 */
export function resolveOptions(given: TokenManagerOptions<string>): ResolvedOptions {
  const options = readOptions(given);
  const { wechat = {}, timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock } = options;
  const refreshes = options.refresh !== 'never';
  const refresh = options.refresh === undefined || options.refresh === 'never' ? {} : options.refresh;
  const { maxCachedRecords = DEFAULT_MAX_CACHED_RECORDS, store } = options;
  if (typeof refresh === 'string')
    throw new TypeError(`refresh must be an object or 'never', got ${describeWord(refresh)}`);
  const { marginMs, jitterMs, minValidityMs } = refresh;
  for (const [name, value] of Object.entries({ marginMs, jitterMs, minValidityMs })) {
    if (value !== undefined) assertNumber(`refresh.${name}`, value, 0, MAX_DURATION_MS);
  }
  const { maxPerSecond = DEFAULT_PER_SECOND, maxPerSecondOfApp = DEFAULT_PER_SECOND_OF_APP } = refresh;
  assertNumber('refresh.maxPerSecond', maxPerSecond, 1, MAX_PER_SECOND);
  assertNumber('refresh.maxPerSecondOfApp', maxPerSecondOfApp, 1, MAX_PER_SECOND);
  const rates = { perSecond: maxPerSecond, perSecondOfApp: maxPerSecondOfApp };
  const { whenStoreUnavailable = 'fail' } = options;
  if (whenStoreUnavailable !== 'fail' && whenStoreUnavailable !== 'fetch') {
    throw new TypeError(`whenStoreUnavailable must be 'fail' or 'fetch', got ${describeWord(whenStoreUnavailable)}`);
  }
  const fetchesWithoutStore = whenStoreUnavailable === 'fetch';
  const { accessToken = 'stable' } = wechat;
  if (accessToken !== 'stable' && accessToken !== 'plain') {
    throw new TypeError(`wechat.accessToken must be 'stable' or 'plain', got ${describeWord(accessToken)}`);
  }
  assertNumber('timeoutMs', timeoutMs, LEASE_MS + 1, MAX_TIMEOUT_MS);
  assertInteger('maxCachedRecords', maxCachedRecords, 1, 10_000_000);
  if (store !== undefined) assertMethods('store', store, STORE_METHODS);
  assertMethods('clock', clock, ['now', 'monotonic', 'setTimer', 'random']);
  const refreshers = checkedRefreshers(options.refreshers === undefined ? [] : options.refreshers);
  const times = { marginMs, jitterMs, minValidityMs };
  return { refreshers, times, refreshes, rates, accessToken, fetchesWithoutStore, timeoutMs, maxCachedRecords, clock };
}

/** Returns a checked copy of the list, because the caller may change the list afterwards. */
function checkedRefreshers(refreshers: unknown): readonly Refresher[] {
  const seen = new Set<string>();
  return mapMembers(refreshers, 'refreshers', (refresher) => {
    assertMethods('a refresher', refresher, ['refresh']);
    const { type, dependsOn } = copyFields<Refresher>(refresher, ['type', 'dependsOn'], 'a refresher');
    assertTypeName(type);
    if (dependsOn !== undefined) assertMethods('a refresher', refresher, ['dependsOn']);
    if (seen.has(type)) throw new TypeError(`refreshers contains ${describeValue(type)} twice`);
    seen.add(type);
    return refresher as Refresher;
  });
}
