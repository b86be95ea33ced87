import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/core/concurrency/clock.js';
import { resolveOptions, type TokenManagerOptions } from '../../../../src/core/model/options.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const refresher = (type: unknown, more: object = {}) => ({ type, refresh: async () => ({}), ...more });

function resolve(options: unknown) {
  return resolveOptions(options as TokenManagerOptions<string>);
}

describe('resolveOptions', () => {
  test('resolveOptions has defaults for everything', () => {
    expect(resolve({})).toEqual({
      refreshers: [],
      refreshes: true,
      fetchesWithoutStore: false,
      rates: { perSecond: 300, perSecondOfApp: 160 },
      times: { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined },
      accessToken: 'stable',
      timeoutMs: 25_000,
      maxCachedRecords: 10_000,
      clock: systemClock,
    });
  });

  test('resolveOptions takes what is given', () => {
    const clock = new FakeClock();
    const refreshers = [refresher('a'), refresher('b', { dependsOn: () => [] })];
    expect(
      resolve({
        store: new MemoryStore(),
        refreshers,
        refresh: { marginMs: 1, jitterMs: 2, minValidityMs: 3, maxPerSecond: 4, maxPerSecondOfApp: 5 },
        wechat: { accessToken: 'plain', origins: [], proxy: 'x' },
        whenStoreUnavailable: 'fetch',
        timeoutMs: 30_000,
        maxCachedRecords: 5,
        clock,
      }),
    ).toEqual({
      refreshers,
      refreshes: true,
      fetchesWithoutStore: true,
      rates: { perSecond: 4, perSecondOfApp: 5 },
      times: { marginMs: 1, jitterMs: 2, minValidityMs: 3 },
      accessToken: 'plain',
      timeoutMs: 30_000,
      maxCachedRecords: 5,
      clock,
    });
  });

  test.each<[string, unknown, string]>([
    ['no options', null, 'the options of TokenManager must be an object, got null'],
    ['a list', [], 'the options of TokenManager must be an object, got an array'],
    [
      'an unknown name',
      { stores: 1 },
      'the options of TokenManager: unknown name "stores", expected one of store, refreshers, refresh, wechat, whenStoreUnavailable, timeoutMs, maxCachedRecords, clock',
    ],
    ['an inherited name', { constructor: 1 }, 'unknown name "constructor"'],
    ['refresh', { refresh: 5 }, 'refresh must be an object, got a number'],
    ['refresh that is null', { refresh: null }, 'refresh must be an object, got null'],
    [
      'an unknown name in refresh',
      { refresh: { margin: 1 } },
      'refresh: unknown name "margin", expected one of marginMs, jitterMs, minValidityMs',
    ],
    ['wechat', { wechat: 'x' }, 'wechat must be an object, got a string'],
    [
      'an unknown name in wechat',
      { wechat: { origin: 'x' } },
      'wechat: unknown name "origin", expected one of origins, accessToken, proxy',
    ],
    ['the mode', { wechat: { accessToken: 'fast' } }, `wechat.accessToken must be 'stable' or 'plain', got "fast"`],
    ['store', { store: 'x' }, 'store must be an object with a function now, got a string'],
    ['store that is null', { store: null }, 'store must be an object with a function now, got null'],
    ['clock', { clock: {} }, 'clock must be an object with a function now, got an object'],
    ['a clock without timers', { clock: { now() {}, monotonic() {}, random() {} } }, 'a function setTimer'],
    ['refreshers', { refreshers: {} }, 'refreshers must be an array, got an object'],
    ['a refresher', { refreshers: [null] }, 'a refresher must be an object with a function refresh, got null'],
    [
      'a refresher without a function',
      { refreshers: [{ type: 'a' }] },
      'a refresher must be an object with a function refresh',
    ],
    ['a refresher without a type', { refreshers: [refresher(undefined)] }, 'type must be 1 to 64 characters'],
    ['a refresher with an odd type', { refreshers: [refresher('a b')] }, 'type must be 1 to 64 characters'],
    [
      'an odd dependsOn',
      { refreshers: [refresher('a', { dependsOn: [] })] },
      'a refresher must be an object with a function dependsOn',
    ],
    ['a type twice', { refreshers: [refresher('a'), refresher('b'), refresher('a')] }, 'refreshers contains "a" twice'],
  ])('a TypeError names the option that is not accepted: %s', (_, options, message) => {
    expect(() => resolve(options)).toThrow(TypeError);
    expect(() => resolve(options)).toThrow(message);
  });

  test.each(['now', 'get', 'set', 'delete', 'list', 'lease', 'close'])('a store without %s is rejected', (name) => {
    const methods = ['now', 'get', 'set', 'delete', 'list', 'lease', 'close'].filter((method) => method !== name);
    const store = Object.fromEntries(methods.map((method) => [method, () => {}]));
    expect(() => resolve({ store })).toThrow(`store must be an object with a function ${name}, got an object`);
  });

  test.each(['now', 'monotonic', 'setTimer', 'random'])('a clock without %s is rejected', (name) => {
    const methods = ['now', 'monotonic', 'setTimer', 'random'].filter((method) => method !== name);
    const clock = Object.fromEntries(methods.map((method) => [method, () => {}]));
    expect(() => resolve({ clock })).toThrow(`clock must be an object with a function ${name}, got an object`);
  });

  const bounds: [string, (value: unknown) => unknown, number, number][] = [
    ['timeoutMs', (timeoutMs) => ({ timeoutMs }), 20_001, 2_147_483_647],
    ['maxCachedRecords', (maxCachedRecords) => ({ maxCachedRecords }), 1, 10_000_000],
    ['refresh.marginMs', (marginMs) => ({ refresh: { marginMs } }), 0, 31_536_000_000],
    ['refresh.jitterMs', (jitterMs) => ({ refresh: { jitterMs } }), 0, 31_536_000_000],
    ['refresh.minValidityMs', (minValidityMs) => ({ refresh: { minValidityMs } }), 0, 31_536_000_000],
  ];

  test.each(bounds)('the option %s has its bounds', (name, options, least, most) => {
    for (const value of [least, least + 1, most - 1, most]) expect(() => resolve(options(value))).not.toThrow();
    for (const value of [least - 1, most + 1, Number.NaN, Number.POSITIVE_INFINITY, -1, null, String(least), true]) {
      expect(() => resolve(options(value))).toThrow(TypeError);
      expect(() => resolve(options(value))).toThrow(`${name} must be a number from ${least} to ${most}, got `);
    }
  });

  // lru-cache refuses it later, with a TypeError of its own that does not name the option.
  test('maxCachedRecords is a whole number', () => {
    expect(() => resolve({ maxCachedRecords: 1.5 })).toThrow('maxCachedRecords');
  });
});
