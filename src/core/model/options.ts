import { type Clock, systemClock } from '../concurrency/clock.js';
import type { PaceLimits } from '../concurrency/pace.js';
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
import type { TokenStore } from './store.js';
import { assertTypeName } from './token-key.js';

/**
 * The timing and the rate of refreshes.
 *
 * @public
 */
export interface RefreshOptions {
  /**
   * At most how many refreshes that no caller waits for are begun in a second: 1 to 100,000. A fleet that shares a Redis or SQL
   * store keeps it together: on average nine tenths, what callers begin included. Else each process keeps it by itself.
   *
   * @defaultValue 300
   */
  readonly maxPerSecond?: number;
  /**
   * The same for a single app: 1 to 100,000. Of a fleet each process may begin one more in a second.
   *
   * @defaultValue 160
   */
  readonly maxPerSecondOfApp?: number;
  /**
   * Refresh at the latest this long before the token ends, in milliseconds: 0 to 31,536,000,000; at most half of the
   * token's life is used. Stable access tokens go by WeChat's own last five minutes instead.
   *
   * @defaultValue the lesser of 300,000 and a fifth of the token's life
   */
  readonly marginMs?: number;
  /**
   * Refresh up to this much earlier, at random, so that tokens spread: bounds as `marginMs`.
   *
   * @defaultValue the lesser of 600,000 and a fifth of the token's life
   */
  readonly jitterMs?: number;
  /**
   * In its last so many milliseconds a token is handed out only when no new one can be had: bounds as `marginMs`.
   *
   * @defaultValue the lesser of 10,000 and a twentieth of the token's life
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
   * The origins that requests go to: http or https, without a path. The next one is asked only after a network failure or
   * an answer with status 5xx.
   *
   * @defaultValue `['https://api.weixin.qq.com']`
   */
  readonly origins?: readonly string[];
  /**
   * The endpoint that access tokens come from, for apps that do not name one themselves.
   *
   * @defaultValue `'stable'`
   */
  readonly accessToken?: AccessTokenMode;
  /** The URL of an http or https proxy for requests to WeChat. */
  readonly proxy?: string;
}

/**
 * @public
 */
export interface TokenManagerOptions<Custom extends string = never> {
  /**
   * The store in which everything is remembered. The manager owns it and closes it.
   *
   * @defaultValue a new `MemoryStore`
   */
  readonly store?: TokenStore;
  /** More token types, or replacements of built-in ones. */
  readonly refreshers?: readonly Refresher<Custom>[];
  /**
   * The timing and the rate of refreshes; `'never'` for a process that leaves them to others on the same store, because its
   * address is not on WeChat's whitelist. It answers from the store, fails with `REFRESH_DISABLED` where there is nothing to
   * answer with, and tells the others when a token is reported stale.
   */
  readonly refresh?: RefreshOptions | 'never';
  readonly wechat?: WeChatOptions;
  /**
   * The way to answer a caller when the store cannot be reached and no token is in memory: `'fail'` with
   * `STORE_UNAVAILABLE`, or `'fetch'` a token that this process keeps for itself and stores later. Only for registered apps
   * that it has in memory, and never where a refresh uses up a refresh token. With the store away every process fetches its
   * own: harmless for stable access tokens, which WeChat repeats; in plain mode the last one ends the others.
   *
   * @defaultValue `'fail'`
   */
  readonly whenStoreUnavailable?: 'fail' | 'fetch';
  /**
   * The longest time that a call waits for a token, in milliseconds: more than 20,000 (what one refresh may take for the whole
   * fleet) up to 2,147,483,647. A single call may set less.
   *
   * @defaultValue 25,000
   */
  readonly timeoutMs?: number;
  /**
   * The number of records that are kept in memory: 1 to 10,000,000. Records of keys with a task are kept however many there
   * are, except with a Redis or SQL store, which may hold more than one process can.
   *
   * @defaultValue 10,000
   */
  readonly maxCachedRecords?: number;
  /**
   * Time, timers and randomness.
   *
   * @defaultValue {@link systemClock}
   */
  readonly clock?: Clock;
}

/** The options that concern the core, checked and with their defaults. */
export interface ResolvedOptions {
  readonly refreshers: readonly Refresher[];
  readonly times: RefreshTimes;
  readonly refreshes: boolean;
  readonly pace: PaceLimits;
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
/** WeChat's own limit for stable tokens of an app is 10,000 in a minute. */
const DEFAULT_PER_SECOND_OF_APP = 160;
const DEFAULT_PER_SECOND = 300;
const MAX_PER_SECOND = 100_000;
const STORE_METHODS = ['now', 'get', 'set', 'delete', 'list', 'lease', 'close'];

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
 * Returns the options with each field read once, so that what is checked is what is used.
 *
 * @throws TypeError for what is no object of options, and for names that are not known.
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
 * Checks the options that concern the core, and fills in their defaults.
 *
 * @throws TypeError naming the option, what it must be and what came.
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
  const pace = { perSecond: maxPerSecond, perSecondOfApp: maxPerSecondOfApp };
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
  return { refreshers, times, refreshes, pace, accessToken, fetchesWithoutStore, timeoutMs, maxCachedRecords, clock };
}

/** Returns a copy of the list, which a caller may change afterwards. */
function checkedRefreshers(refreshers: unknown): readonly Refresher[] {
  const seen = new Set<string>();
  return mapMembers(refreshers, 'refreshers', (refresher) => {
    assertMethods('a refresher', refresher, ['refresh']);
    const { type, dependsOn } = copyFields<Refresher>(refresher, ['type', 'dependsOn'], 'a refresher');
    assertTypeName(type);
    if (dependsOn !== undefined) assertMethods('a refresher', refresher, ['dependsOn']);
    if (seen.has(type)) throw new TypeError(`refreshers holds ${describeValue(type)} twice`);
    seen.add(type);
    return refresher as Refresher;
  });
}
