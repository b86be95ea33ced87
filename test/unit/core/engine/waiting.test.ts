import { beforeEach, describe, expect, test } from 'vitest';
import { type KnownKey, type WaitingParts, waitingAfter, waitingOf } from '../../../../src/core/engine/waiting.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import type { BuiltInRefresher } from '../../../../src/core/model/refresher.js';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';

const NOW = 1_000_000;
const KEY = { appid: 'wx1', type: 'ticket' };
const DEPENDENCY = { appid: 'wx1', type: 'access' };
const URL_OF_PARAMS = 'http://127.0.0.1/params';
const FAILURE = { code: 'UPSTREAM_REJECTED', message: 'no' };
const TOKEN = { token: 'CANARY-refresh', known: [] };

const refresh = (): Promise<never> => Promise.reject();
const PLAIN: BuiltInRefresher = { type: 'ticket', refresh };
const DEPENDENT: BuiltInRefresher = { ...PLAIN, dependsOn: () => [DEPENDENCY] };
const SPENDING: BuiltInRefresher = { ...PLAIN, spends: 'refresh_token' };

function known(key: TokenKey, facts: Partial<KnownKey> = {}, params?: object | string): KnownKey {
  const task = { key, params: params as never, notify: undefined, functionMissing: false, version: 1 };
  return { isRegistered: true, task, value: undefined, rotation: undefined, failure: undefined, ...facts };
}

interface Scene {
  readonly refresher: BuiltInRefresher;
  readonly own?: KnownKey;
  readonly dependency?: KnownKey | undefined;
  readonly isPushed?: boolean;
  readonly parts?: Partial<WaitingParts>;
}

function waitingFor({ refresher, own = known(KEY), dependency, isPushed, parts }: Scene): string | undefined {
  const keys = new Map([
    [keyId(KEY), own],
    [keyId(DEPENDENCY), dependency],
  ]);
  const access: BuiltInRefresher = { type: 'access', refresh, ...(isPushed === true ? { pushed: true } : {}) };
  return waitingOf(KEY, {
    refresherOf: (type) => (type === 'ticket' ? refresher : access),
    known: (key) => keys.get(keyId(key)),
    isStoreWritable: true,
    refreshes: true,
    asksUrls: true,
    now: NOW,
    ...parts,
  })?.waitingFor;
}

const withUrl = (facts: Partial<KnownKey> = {}): KnownKey => known(KEY, facts, URL_OF_PARAMS);
const untasked = (facts: Partial<KnownKey> = {}): KnownKey => known(DEPENDENCY, { task: undefined, ...facts });

describe('a task with a URL for params', () => {
  test.each<[string | undefined, string, Scene]>([
    ['params', 'where they bring what it depends on', { refresher: DEPENDENT, own: withUrl(), dependency: untasked() }],
    [
      'params',
      'although a token without a task is there, since the URL is asked first',
      { refresher: DEPENDENT, own: withUrl(), dependency: untasked({ value: 'x' }) },
    ],
    [
      undefined,
      'where a pushed one is there',
      { refresher: DEPENDENT, own: withUrl(), dependency: untasked({ value: 'x' }), isPushed: true },
    ],
    [
      undefined,
      'where a task brings it',
      { refresher: DEPENDENT, own: withUrl(), dependency: known(DEPENDENCY, { value: 'x' }) },
    ],
    [
      'dependency',
      'where that task has failed',
      { refresher: DEPENDENT, own: withUrl(), dependency: known(DEPENDENCY, { failure: FAILURE }) },
    ],
    ['params', 'where they bring the refresh token', { refresher: SPENDING, own: withUrl() }],
    [undefined, 'where the store has one', { refresher: SPENDING, own: withUrl({ rotation: TOKEN }) }],
    [
      'params',
      'where they are needed each time',
      { refresher: { ...SPENDING, needsParams: () => true }, own: withUrl({ rotation: TOKEN }) },
    ],
    [undefined, 'where it needs none', { refresher: PLAIN, own: withUrl() }],
    [undefined, 'after it has failed', { refresher: SPENDING, own: withUrl({ failure: FAILURE }) }],
    ['process', 'where this one asks no URLs', { refresher: SPENDING, own: withUrl(), parts: { asksUrls: false } }],
  ])('a task with a URL for params waits for %s %s', (expected, _, scene) => {
    expect(waitingFor(scene)).toBe(expected);
  });
});

describe('the refresh token of a waiting task', () => {
  const refused = [{ hash: secretHash(TOKEN.token), deadAt: 0, error: { ...FAILURE, retryable: false } }];
  test.each<[string | undefined, string, KnownKey]>([
    ['refresh_token', 'that is in neither store nor params', known(KEY)],
    [undefined, 'of the params', known(KEY, {}, { refresh_token: 'x' })],
    [undefined, 'that ends in a moment', known(KEY, { rotation: { ...TOKEN, expiresAt: NOW + 1 } })],
    ['refresh_token', 'that ends now', known(KEY, { rotation: { ...TOKEN, expiresAt: NOW } })],
    ['refresh_token', 'that ended', known(KEY, { rotation: { ...TOKEN, expiresAt: NOW - 1 } })],
    ['refresh_token', 'that was refused', known(KEY, { rotation: { ...TOKEN, refused } })],
    ['refresh_token', 'that was refused, with a URL', withUrl({ rotation: { ...TOKEN, refused } })],
  ])('a refresh token leaves a task waiting for %s: one %s', (expected, _, own) => {
    expect(waitingFor({ refresher: SPENDING, own })).toBe(expected);
  });
});

describe('the dependency of a waiting task', () => {
  test.each<[string | undefined, string, Scene]>([
    [undefined, 'of which nothing is known', { refresher: DEPENDENT }],
    [undefined, 'that is to be fetched', { refresher: DEPENDENT, dependency: known(DEPENDENCY) }],
    ['push', 'that is pushed', { refresher: DEPENDENT, dependency: untasked(), isPushed: true }],
    [
      undefined,
      'that the params give',
      { refresher: DEPENDENT, own: known(KEY, {}, { access: 'x' }), dependency: untasked() },
    ],
    [
      'dependency',
      'that is the task of an app which is not registered',
      { refresher: DEPENDENT, dependency: known(DEPENDENCY, { isRegistered: false }) },
    ],
  ])('a dependency leaves a task waiting for %s: one %s', (expected, _, scene) => {
    expect(waitingFor(scene)).toBe(expected);
  });

  test('a dependency that leads back to itself causes no endless recursion', () => {
    const round: BuiltInRefresher = { ...PLAIN, dependsOn: () => [KEY] };
    expect(waitingFor({ refresher: round })).toBeUndefined();
  });
});

describe('a task whose process or app is the reason for the wait', () => {
  const alone = (facts: Partial<KnownKey> = {}): KnownKey => known(KEY, facts);

  test.each<[string, Scene, string | undefined]>([
    ['a process that registers its app', { refresher: PLAIN, own: alone({ isRegistered: false }) }, 'process'],
    ['nothing', { refresher: PLAIN }, undefined],
    ['a store that accepts writes', { refresher: PLAIN, parts: { isStoreWritable: false } }, 'store'],
    ['a process that refreshes', { refresher: PLAIN, parts: { refreshes: false } }, 'process'],
    [
      'nothing after a failure, though this process does not refresh',
      { refresher: PLAIN, own: alone({ failure: FAILURE }), parts: { refreshes: false } },
      undefined,
    ],
    [
      'a process that refreshes, though the store of this one accepts no writes',
      { refresher: PLAIN, parts: { refreshes: false, isStoreWritable: false } },
      'process',
    ],
  ])('a task without a token waits for %s', (_, scene, expected) => {
    expect(waitingFor(scene)).toBe(expected);
  });

  test('a task whose function is in another process waits for that, and one without a refresher for one', () => {
    const task = { ...alone().task, functionMissing: true } as never;
    const ofFunction = waitingFor({ refresher: PLAIN, own: alone({ task }) });
    expect([ofFunction, alone().task?.functionMissing]).toEqual([expect.any(String), false]);
    const unknown = { refresher: undefined as never };
    expect(waitingFor(unknown)).toEqual(expect.any(String));
    expect(waitingFor({ ...unknown, parts: { refreshes: false } })).toBe('process');
  });

  test('a key of which nothing is known yet waits for nothing', () => {
    const parts = { refresherOf: () => PLAIN, known: () => undefined, isStoreWritable: true, refreshes: false };
    expect(waitingOf(KEY, { ...parts, asksUrls: true, now: NOW })).toBeUndefined();
  });

  test('a task whose dependencies cannot be named waits for nothing, since the refresh reports that', () => {
    const dependsOn = (): never => {
      throw new Error('no');
    };
    expect(waitingFor({ refresher: { ...PLAIN, dependsOn } })).toBeUndefined();
  });
});

describe('a token that the params of a task contain', () => {
  test.each<[string, Partial<KnownKey>, boolean]>([
    ['without a task of its own, is used', { task: undefined }, false],
    ['with a task of its own that has failed, is not', { failure: FAILURE }, true],
  ])('a token that the params contain, %s', (_, facts, waits) => {
    const own = known(KEY, {}, { access: 'given' });
    const scene = { refresher: DEPENDENT, own, dependency: known(DEPENDENCY, facts) };
    expect(waitingFor(scene) !== undefined).toBe(waits);
  });

  test('a task whose refresh token was refused waits for another authorization', () => {
    const failure = { code: 'REAUTHORIZATION_REQUIRED', message: 'no' };
    expect(waitingFor({ refresher: SPENDING, own: known(KEY, { failure, rotation: TOKEN as never }) })).toEqual(
      expect.any(String),
    );
    const other = { ...FAILURE, code: 'UPSTREAM_UNAVAILABLE' };
    expect(waitingFor({ refresher: SPENDING, own: known(KEY, { failure: other, rotation: TOKEN as never }) })).toBe(
      undefined,
    );
  });
});

describe('a pushed ticket that a task needs', () => {
  const refused = (value: string) => ({ token: 'r', known: [], refused: [{ hash: secretHash(value) }] }) as never;

  test.each<[string, object | undefined, Partial<KnownKey>, boolean]>([
    ['that is stored', undefined, { value: 'x' }, false],
    ['that its params contain', { access: 'x' }, {}, false],
    ['that is missing', undefined, {}, true],
    ['of which the params contain something else', { access: 5 }, {}, true],
  ])('a task waits for a pushed ticket %s: %#', (_, params, facts, waits) => {
    const own = known(KEY, {}, params);
    const scene = { refresher: DEPENDENT, own, dependency: untasked(facts), isPushed: true };
    expect(waitingFor(scene) !== undefined).toBe(waits);
  });

  test('a task waits for another ticket once WeChat has refused the present one', () => {
    const scene = (rotation: never): Scene => ({
      refresher: DEPENDENT,
      own: known(KEY, { rotation }),
      dependency: untasked({ value: 'x' }),
      isPushed: true,
    });
    expect(waitingFor(scene(refused('another')))).toBeUndefined();
    expect(waitingFor(scene(refused('x')))).toEqual(expect.any(String));
  });
});

describe('what a task waits for after an attempt that lacked an input', () => {
  const lack = new TokenError('INPUT_MISSING', 'the URL answered with 500');
  let params: ReturnType<typeof waitingOf>;

  beforeEach(() => {
    const facts = { isStoreWritable: true, refreshes: true, asksUrls: true, now: NOW };
    params = waitingOf(KEY, { refresherOf: () => SPENDING, known: () => withUrl(), ...facts });
  });

  test('an attempt that lacked nothing changes nothing', () => {
    expect([waitingAfter(KEY, params, undefined, false), waitingAfter(KEY, undefined, undefined, false)]).toEqual([
      params,
      undefined,
    ]);
  });

  test('an attempt says why the params are missing, and not why anything else is', () => {
    expect(waitingAfter(KEY, params, lack, false)).toEqual({ ...params, reason: lack.message });
    const other = { ...params, waitingFor: 'dependency' } as typeof params;
    expect(waitingAfter(KEY, other, lack, false)).toEqual(other);
  });

  test('an attempt is all that is known where nothing else is missing, unless the task has failed', () => {
    expect(waitingAfter(KEY, undefined, lack, false)?.reason).toContain(lack.message);
    expect(waitingAfter(KEY, undefined, lack, true)).toBeUndefined();
  });
});
