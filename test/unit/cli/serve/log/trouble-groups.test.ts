import { beforeEach, describe, expect, test } from 'vitest';
import type { LogFields } from '../../../../../src/cli/serve/log/log.js';
import { type Failure, TroubleGroups } from '../../../../../src/cli/serve/log/trouble-groups.js';
import { FakeClock } from '../../../../../src/testing/fake-clock.js';

const MINUTE = 60_000;
const TICKET = 'wxc/component_verify_ticket';

interface Line extends LogFields {
  readonly message: string;
}

let clock: FakeClock;
let lines: Line[];
let groups: TroubleGroups;

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  groups = new TroubleGroups((level, message, fields) => void lines.push({ level, message, ...fields }), clock);
});

const messages = (): string[] => lines.map(({ message }) => message);

function fail(key: string, facts: Partial<Failure> = {}): void {
  groups.failed({
    message: 'refreshFailed',
    level: 'warn',
    code: 'INPUT_MISSING',
    errcode: undefined,
    key,
    type: 'authorizer_access_token',
    root: TICKET,
    rootType: 'component_verify_ticket',
    retryAt: clock.now() + 10 * MINUTE,
    facts: { error: 'no ticket', remedy: 'Push one.' },
    ...facts,
  });
}

test('ten thousand tasks that wait for one ticket cost eight lines an hour', async () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `wxc/authorizer_access_token/m${index}`);
  for (let attempt = 0; attempt < 6; attempt++) {
    for (const key of keys) fail(key);
    await clock.advance(10 * MINUTE);
  }
  for (const key of keys) groups.recovered('refreshFailed', key);
  expect(lines).toHaveLength(8);
  expect(lines[0]).toEqual({
    level: 'warn',
    message: 'refreshFailed',
    error: 'no ticket',
    remedy: 'Push one.',
    code: 'INPUT_MISSING',
    root: TICKET,
    tasks: 1,
    keys: [keys[0]],
  });
  expect(lines[1]).toMatchObject({ message: 'refreshFailed', root: TICKET, tasks: 10_000, attempts: 10_000 });
  expect(lines[1]?.['keys']).toEqual(keys.slice(0, 3));
  expect(lines[7]).toMatchObject({ message: 'recovered', of: 'refreshFailed', tasks: 10_000, seconds: 3_600 });
});

describe('a group of failures', () => {
  test.each([
    [10 * MINUTE - 1, 1],
    [10 * MINUTE, 2],
    [20 * MINUTE - 1, 2],
    [20 * MINUTE, 3],
  ])('a group of one task has after %i ms %i lines', async (ms, count) => {
    fail('wxc/a', { retryAt: clock.now() + 60 * MINUTE });
    await clock.advance(ms);
    expect(messages()).toEqual(Array(count).fill('refreshFailed'));
  });

  test('a group ends as its last task recovers, once, and is forgotten', async () => {
    fail('wxc/a');
    fail('wxc/b');
    groups.recovered('refreshFailed', 'wxc/a');
    groups.recovered('refreshFailed', 'wxc/a');
    expect(messages()).toEqual(['refreshFailed']);
    await clock.advance(5_000);
    groups.recovered('refreshFailed', 'wxc/b');
    expect(lines.slice(1)).toMatchObject([{ message: 'recovered', tasks: 2, seconds: 5 }]);
    await clock.advance(60 * MINUTE);
    expect(lines).toHaveLength(2);
  });

  test('a task leaves its group when the reason changes', () => {
    fail('wxc/a');
    fail('wxc/a', { code: 'UPSTREAM_REJECTED', errcode: 40125, root: 'wxc/a' });
    expect(lines).toMatchObject([
      { message: 'refreshFailed', code: 'INPUT_MISSING' },
      { message: 'failureEnded', of: 'refreshFailed', code: 'INPUT_MISSING', why: 'changed', tasks: 1 },
      { message: 'refreshFailed', code: 'UPSTREAM_REJECTED', errcode: 40125 },
    ]);
  });

  test('a group ends when its tasks are no longer tried here', async () => {
    fail('wxc/a', { retryAt: clock.now() + MINUTE });
    await clock.advance(11 * MINUTE);
    expect(messages()).toEqual(['refreshFailed', 'refreshFailed']);
    await clock.advance(9 * MINUTE);
    expect(lines.at(-1)).toMatchObject({ message: 'failureEnded', why: 'gone' });
    await clock.advance(60 * MINUTE);
    expect(lines).toHaveLength(3);
  });

  test('a group goes on while a failure that is logged once is known to last', async () => {
    fail('wxc/a', { message: 'reauthorizationRequired', retryAt: clock.now() + MINUTE });
    await clock.advance(11 * MINUTE);
    groups.renew('reauthorizationRequired', 'wxc/a', clock.now() + 24 * 60 * MINUTE);
    await clock.advance(30 * MINUTE);
    expect(messages()).toEqual(Array(5).fill('reauthorizationRequired'));
  });

  test('a key may be in the groups of two messages', () => {
    fail('wxc/a');
    fail('wxc/a', { message: 'deliveryFailed' });
    groups.recovered('deliveryFailed', 'wxc/a');
    expect(messages()).toEqual(['refreshFailed', 'deliveryFailed', 'recovered']);
  });
});

describe('the grouping of failures', () => {
  test('failures are grouped by key up to twenty groups of one error, and by type beyond', () => {
    for (let index = 0; index < 1_000; index++) {
      const key = `wx${index}/access_token`;
      const rootType = index % 2 === 0 ? 'access_token' : 'jsapi_ticket';
      fail(key, { code: 'UPSTREAM_REJECTED', errcode: 40125, root: key, rootType });
    }
    expect(lines).toHaveLength(22);
    fail('wx-other/access_token', { code: 'UPSTREAM_REJECTED', errcode: 40013, root: 'wx-other/access_token' });
    expect(lines).toHaveLength(23);
    // One that has a group of its own stays in it.
    fail('wx0/access_token', { code: 'UPSTREAM_REJECTED', errcode: 40125, root: 'wx0/access_token' });
    expect(lines).toHaveLength(23);
  });

  test('failures of the network or the store are one group', () => {
    for (let index = 0; index < 1_000; index++) {
      fail(`wx${index}/access_token`, { code: 'UPSTREAM_UNAVAILABLE', root: undefined, rootType: undefined });
    }
    expect(lines).toHaveLength(1);
  });
});
