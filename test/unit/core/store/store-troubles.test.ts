import { beforeEach, describe, expect, test } from 'vitest';
import { type Command, kindOf, StoreTroubles } from '../../../../src/core/store/store-troubles.js';
import { FakeClock } from '../../../../src/testing/index.js';

let clock: FakeClock;
let told: string[];
let troubles: StoreTroubles;

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  troubles = new StoreTroubles(clock, {
    unavailable: ({ message }) => void told.push(message),
    available: () => void told.push('available'),
  });
});

const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });

test.each<[Command, string]>([
  ['now', 'read'],
  ['get', 'read'],
  ['list', 'read'],
  ['watch', 'read'],
  ['watch end', 'read'],
  ['set', 'write'],
  ['delete', 'write'],
  ['lease', 'write'],
  ['claimDue', 'write'],
  ['release', 'write'],
  ['close', 'write'],
])('the command %s of a store is a %s', (command, kind) => {
  expect(kindOf(command)).toBe(kind);
});

describe('the troubles of a store', () => {
  test('the first failure of a store is reported, with the error that its caller gets', () => {
    const error = troubles.failed('get', 'failed', full);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(error.message).toContain("the store's get failed: ");
    expect(told).toEqual([error.message]);
    troubles.failed('set', 'failed', full);
    expect(told).toHaveLength(1);
  });

  test('a store that did not answer has failed without a cause', () => {
    const error = troubles.failed('get', 'took longer than 2 s', undefined);
    expect([error.message, error.cause]).toEqual(["the store's get took longer than 2 s", undefined]);
    expect(troubles.of('read')?.code).toBe('STORE_UNAVAILABLE');
  });

  test('the trouble of a kind of commands has the instant of the first failure and the code of the last', async () => {
    expect([troubles.any, troubles.of('read')]).toEqual([false, undefined]);
    const since = clock.now();
    troubles.failed('get', 'failed', new Error('no'));
    await clock.advance(1_000);
    troubles.failed('list', 'failed', full);
    expect(troubles.of('read')).toMatchObject({ since, code: 'ENOSPC' });
    expect([troubles.any, troubles.of('write')]).toEqual([true, undefined]);
  });

  test('a store is available again when neither reads nor writes fail any more', () => {
    troubles.failed('get', 'failed', full);
    troubles.failed('set', 'failed', full);
    troubles.worked('get', []);
    expect([troubles.any, told.length]).toEqual([true, 1]);
    troubles.worked('set', 2);
    expect([troubles.any, told.at(-1)]).toEqual([false, 'available']);
    troubles.worked('set', 3);
    expect(told).toHaveLength(2);
  });
});

describe('a store that is full', () => {
  test.each<[Command, unknown, boolean]>([
    ['set', 2, true],
    ['set', undefined, false],
    ['delete', true, false],
    ['release', undefined, false],
    ['lease', {}, false],
    ['claimDue', [{}], false],
  ])('whether a store that was full can be written after %s has answered %j: %s', (command, result, expected) => {
    troubles.failed('set', 'failed', full);
    troubles.failed('lease', 'failed', full);
    troubles.worked(command, result);
    expect(troubles.of('write') === undefined).toBe(expected);
  });

  test.each<[Command, unknown, boolean]>([
    ['claimDue', [{}], true],
    ['claimDue', [], false],
    ['lease', {}, false],
    ['set', 2, true],
  ])(
    'whether a store that could not claim can be written after %s has answered %j: %s',
    (command, result, expected) => {
      troubles.failed('claimDue', 'failed', full);
      troubles.worked(command, result);
      expect(troubles.of('write') === undefined).toBe(expected);
    },
  );

  test.each<[Command, unknown, boolean]>([
    ['lease', {}, true],
    ['lease', undefined, false],
  ])('whether a store that gave no lease can be written after %s has answered %j: %s', (command, result, expected) => {
    troubles.failed('lease', 'failed', full);
    troubles.worked(command, result);
    expect(troubles.of('write') === undefined).toBe(expected);
  });

  test('a store that could not release can be written once it releases', () => {
    troubles.failed('release', 'failed', full);
    troubles.worked('release', undefined);
    expect(troubles.any).toBe(false);
  });
});

describe('a store whose writes wait for a lock of another program', () => {
  test.each<[Command, Command, unknown, boolean]>([
    ['set', 'claimDue', [], false],
    ['set', 'lease', undefined, false],
    ['set', 'lease', {}, false],
    ['set', 'release', undefined, false],
    ['set', 'set', 2, true],
    ['lease', 'claimDue', [], false],
    ['lease', 'lease', {}, true],
    ['lease', 'set', 2, true],
  ])(
    'whether a store that can be read and did not answer %s can be written after %s has answered %j: %s',
    (hanging, command, result, expected) => {
      troubles.failed(hanging, 'took longer than 2 s', undefined);
      troubles.worked('get', []);
      troubles.worked(command, result);
      expect([troubles.any, told.length]).toEqual([!expected, expected ? 2 : 1]);
    },
  );
});

describe('a store that was unavailable', () => {
  test('a store that did not answer can be written once any write succeeds', () => {
    troubles.failed('claimDue', 'took longer than 2 s', undefined);
    troubles.failed('set', 'failed', full);
    troubles.worked('delete', false);
    expect(troubles.any).toBe(false);
  });

  test.each([
    ['before', ['get', 'set']],
    ['after', ['set', 'get']],
  ] as const)('a store whose reads failed %s its writes can be written once any write succeeds', (_, commands) => {
    for (const command of commands) troubles.failed(command, 'failed', full);
    troubles.worked('delete', false);
    expect(troubles.of('write')).toBeUndefined();
    expect(troubles.of('read')).toBeDefined();
  });
});
