import { beforeEach, expect, test } from 'vitest';
import { FirstAttempts, type FirstAttemptsParts, isBudgeted } from '../../../../src/core/refresh/first-attempts.js';

const KEY = { appid: 'wx1', type: 'access_token' };

let asked: unknown[];
let deferred: unknown[];
let app: { readonly accessToken?: string } | undefined;
let failure: object | undefined;
let fails: boolean;
let held: object | undefined;

beforeEach(() => {
  asked = [];
  deferred = [];
  app = { accessToken: 'plain' };
  failure = undefined;
  fails = false;
  held = undefined;
});

function attempts(accessToken = 'stable'): FirstAttempts {
  return new FirstAttempts({
    registry: { app: () => app },
    records: { cache: { get: () => held }, leftMs: () => 5_000 },
    retryStates: { defer: (...given: unknown[]) => deferred.push(given) },
    budget: {
      lastFailure: async (...given: unknown[]) => {
        asked.push(given);
        if (fails) throw new Error('no');
        return failure;
      },
    },
    accessToken,
  } as unknown as FirstAttemptsParts);
}

test.each([
  ['access_token', 'plain', true],
  ['access_token', 'stable', false],
  ['jsapi_ticket', 'plain', false],
] as const)(
  'whether failed requests of %s with a %s access token use up a quota: %s',
  (type, accessToken, expected) => {
    expect(isBudgeted({ appid: 'wx1', type }, { accessToken })).toBe(expected);
  },
);

test('the first attempt for a key is deferred by the last failure of its app, and later ones are not', async () => {
  failure = { attempts: 3 };
  const first = attempts();
  await first.check(KEY);
  await first.check(KEY);
  await first.check({ ...KEY, appid: 'wx2' });
  expect(asked).toEqual([
    ['wx1', 0],
    ['wx2', 0],
  ]);
  expect(deferred).toEqual([
    [KEY, failure],
    [{ ...KEY, appid: 'wx2' }, failure],
  ]);
});

test('the first attempt for a key is not deferred without a failure, and depends on the life of its token', async () => {
  held = {};
  await attempts().check(KEY);
  expect([asked, deferred]).toEqual([[['wx1', 5_000]], []]);
});

test('the first attempt for a key is checked only where its requests use up a quota', async () => {
  app = undefined;
  await attempts('plain').check(KEY);
  app = {};
  await attempts('stable').check(KEY);
  expect(asked).toEqual([]);
  await attempts('plain').check(KEY);
  expect(asked).toHaveLength(1);
});

test('the first attempt for a key is checked again if the store fails, which delays nothing', async () => {
  fails = true;
  const first = attempts();
  await first.check(KEY);
  await first.check(KEY);
  expect([asked.length, deferred]).toEqual([2, []]);
});
