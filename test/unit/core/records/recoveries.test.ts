import { beforeEach, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { Events } from '../../../../src/core/model/events.js';
import type { BackgroundCoolDowns } from '../../../../src/core/records/background-cool-downs.js';
import { Recoveries, type RecoveriesParts } from '../../../../src/core/records/recoveries.js';
import { FakeClock } from '../../../../src/testing/index.js';

const KEY = { appid: 'wx1', type: 'a' };

let clock: FakeClock;
let events: Events;
let held: { readonly version: number } | undefined;
let failure: { readonly local: boolean } | undefined;
let leftMs: number;
let isDue: boolean;
let coolDownMs: number;
let told: unknown[];
let recoveries: Recoveries;

beforeEach(() => {
  clock = new FakeClock();
  events = new Events();
  held = { version: 3 };
  failure = undefined;
  leftMs = 1;
  isDue = false;
  coolDownMs = 0;
  told = [];
  events.on('recovered', (event) => void told.push(event));
  const parts = {
    events,
    records: { cache: { get: () => held }, leftMs: () => leftMs, isDue: () => isDue },
    retryStates: { remembered: () => failure },
    clock,
  } as unknown as RecoveriesParts;
  recoveries = new Recoveries(parts, { leftMs: () => coolDownMs } as unknown as BackgroundCoolDowns);
});

function fail(subject?: string): number {
  const error = new TokenError('UPSTREAM_UNAVAILABLE', 'no', {});
  events.emit('refreshFailed', { ...KEY, subject, error, attempt: 1, retryAt: 0 });
  return clock.now();
}

test('a recovery is announced once, with the instant of the first failure', async () => {
  const since = fail();
  await clock.advance(1_000);
  fail();
  recoveries.look(KEY);
  recoveries.look(KEY);
  expect(told).toEqual([{ ...KEY, subject: undefined, since }]);
  const again = fail();
  recoveries.look(KEY);
  expect(told[1]).toMatchObject({ since: again });
});

test('a recovery is that of the key that has failed', () => {
  fail('s');
  recoveries.look(KEY);
  expect(told).toEqual([]);
  recoveries.look({ ...KEY, subject: 's' });
  expect(told).toEqual([{ ...KEY, subject: 's', since: clock.now() }]);
});

test('no recovery is announced without a failure, and none of a key that was forgotten', () => {
  recoveries.look(KEY);
  fail();
  recoveries.forget(KEY);
  recoveries.look(KEY);
  expect(told).toEqual([]);
});

test.each<[string, () => void]>([
  ['a record', () => (held = undefined)],
  ['a record that lives', () => (leftMs = 0)],
  ['a record that is not due', () => (isDue = true)],
])('no recovery is announced without %s', (_, spoil) => {
  fail();
  spoil();
  recoveries.look(KEY);
  expect(told).toEqual([]);
});

test.each<[string, () => void]>([
  ['a failure', () => (failure = { local: true })],
  ['a cool-down', () => (coolDownMs = 1)],
])('%s that lasts is over only with a newer record', (_, lasts) => {
  fail();
  lasts();
  recoveries.look(KEY);
  expect(told).toEqual([]);
  held = { version: 4 };
  recoveries.look(KEY);
  expect(told).toHaveLength(1);
});

test('a failure without any record is over with the first one', () => {
  held = undefined;
  fail();
  failure = { local: true };
  held = { version: 1 };
  recoveries.look(KEY);
  expect(told).toHaveLength(1);
});

test('a failure that was read from the store is noted, and one of this process alone is not noted again', async () => {
  failure = { local: false };
  const since = clock.now();
  recoveries.look(KEY);
  await clock.advance(1_000);
  failure = undefined;
  recoveries.look(KEY);
  expect(told).toEqual([{ ...KEY, subject: undefined, since }]);
  failure = { local: true };
  recoveries.look(KEY);
  failure = undefined;
  recoveries.look(KEY);
  expect(told).toHaveLength(1);
});
