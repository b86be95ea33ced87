import { beforeEach, describe, expect, test } from 'vitest';
import type { BuiltInRefresher } from '../../../../src/core/model/refresher.js';
import { type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import { PushedTokens } from '../../../../src/core/registry/pushed-tokens.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const TICKET = { appid: 'wx1', type: 'ticket' };
const PLATFORM = { appid: 'wx1', type: 'platform' };
const USER = tokenKey('wx1', 'user', 'a');
/** The types whose keys need others: the platform needs the pushed ticket, the user needs the platform. */
const NEEDS: Record<string, string[]> = { platform: ['ticket', 'plain'], user: ['platform'] };

let clock: FakeClock;
let world: HeldRecordsWorld;
let pushed: PushedTokens;

beforeEach(() => {
  clock = new FakeClock();
  world = holdRecords(new MemoryStore({ clock }), clock);
  pushed = new PushedTokens({
    types: ['ticket', 'plain', 'platform', 'user', 'broken'],
    refresherOf,
    registry: world.registry,
    cache: world.records.cache,
  });
});

function refresherOf(type: string): BuiltInRefresher | undefined {
  if (type === 'unknown') return undefined;
  const dependsOn = ({ appid }: TokenKey): TokenKey[] => {
    if (type === 'broken') throw new Error('no');
    return (NEEDS[type] ?? []).map((needed) => ({ appid, type: needed }));
  };
  return { type, dependsOn, ...(type === 'ticket' && { pushed: true }) } as unknown as BuiltInRefresher;
}

function hold(key: TokenKey, value: string, version: number): void {
  const document = { version, recordVersion: version, unknown: {} };
  world.records.adopt(key, document, grantNow(clock, value, {}), { source: 'put', announceFirst: false });
}

describe('tokens that are pushed', () => {
  test('only types that WeChat pushes are pushed', () => {
    expect(['ticket', 'plain', 'unknown'].map((type) => pushed.isPushed(type))).toEqual([true, false, false]);
  });

  test('a pushed token is held or missing by whether its record is cached; others are neither', () => {
    const keys = [TICKET, { ...TICKET, appid: 'wx2' }, PLATFORM];
    hold({ ...TICKET, appid: 'wx2' }, 'v', 1);
    expect(keys.map((key) => pushed.isHeld(key))).toEqual([false, true, false]);
    expect(pushed.missing(keys)).toEqual([TICKET]);
    hold(PLATFORM, 'v', 1);
    expect(pushed.isHeld(PLATFORM)).toBe(false);
  });
});

describe('keys that need others', () => {
  test('a key whose dependencies cannot be named has none', () => {
    expect(pushed.dependenciesOf({ appid: 'wx1', type: 'broken' })).toEqual([]);
    expect(pushed.dependenciesOf({ appid: 'wx1', type: 'unknown' })).toEqual([]);
    expect(pushed.dependenciesOf(PLATFORM)).toEqual([TICKET, { appid: 'wx1', type: 'plain' }]);
  });

  test('the cached tasks that need a pushed token are those of its app that name it themselves', () => {
    for (const key of [PLATFORM, USER, { ...PLATFORM, appid: 'wx2' }]) holdTask(world, key);
    expect(pushed.dependentsOf(TICKET)).toEqual([PLATFORM]);
    // The plain token is not pushed, so nothing waits for it.
    expect(pushed.dependentsOf({ appid: 'wx1', type: 'plain' })).toEqual([]);
  });

  test('the keys of the app that need a pushed token are found without a task', () => {
    expect(pushed.keysThatNeed(TICKET)).toEqual([PLATFORM]);
    expect(pushed.keysThatNeed({ ...TICKET, subject: 'a' })).toEqual([]);
  });
});

test('the fingerprint of a key covers the version and the value of the pushed tokens that it needs', () => {
  const absent = pushed.fingerprint(PLATFORM);
  expect(absent.registration).toBe('0:0:0');
  expect(pushed.fingerprint(USER).registration).toBe('0:0');
  hold(TICKET, 'first', 7);
  const first = pushed.fingerprint(PLATFORM);
  expect([first.registration, first.hasSameInput(absent)]).toEqual(['0:0:7', false]);
  hold(TICKET, 'second', 8);
  expect(pushed.fingerprint(PLATFORM).hasSameInput(first)).toBe(false);
  // Other tokens are no part of the input.
  hold({ appid: 'wx1', type: 'plain' }, 'v', 9);
  expect(pushed.fingerprint(PLATFORM).registration).toBe('0:0:8');
});
