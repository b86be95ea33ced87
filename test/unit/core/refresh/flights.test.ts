import { beforeEach, describe, expect, test } from 'vitest';
import type { Place } from '../../../../src/core/concurrency/places.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { InputMissing } from '../../../../src/core/model/input-missing.js';
import { type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import { BackgroundCoolDowns } from '../../../../src/core/records/background-cool-downs.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { Flights } from '../../../../src/core/refresh/flights.js';
import type { Flight } from '../../../../src/core/refresh/single-flight.js';
import type { TaskEntry } from '../../../../src/core/registry/task-entry.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const KEY = tokenKey('wx1', 'user', 'a');
const OTHER = tokenKey('wx1', 'user', 'b');
const TICKET = { appid: 'wx1', type: 'ticket' };
const AWAY = new TokenError('STORE_UNAVAILABLE', 'away', { retryable: true });

let clock: FakeClock;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let coolDowns: BackgroundCoolDowns;
let closing: Closing;
let calls: string[];
let pauseMs: number;
let failed: object[];
let work: (flight: Flight<CachedRecord>) => Promise<CachedRecord>;
let flights: Flights;

beforeEach(() => {
  clock = new FakeClock({ random: 0.5 });
  faulty = new FaultyStore(new MemoryStore({ clock }));
  world = holdRecords(faulty, clock);
  coolDowns = new BackgroundCoolDowns(clock);
  closing = new Closing();
  calls = [];
  failed = [];
  pauseMs = 0;
  work = async (flight) => {
    flight.asks();
    return hold(flight.key);
  };
  world.events.on('refreshFailed', (event) => void failed.push(event));
  flights = new Flights({
    ...world,
    coolDowns,
    closing,
    scheduler: {
      isShared: false,
      set: ({ key }: TaskEntry, at: number) => void calls.push(`set ${key.subject} ${at - clock.now()}`),
      delete: ({ key }: TaskEntry) => void calls.push(`delete ${key.subject}`),
      reserveForApp: () => pauseMs,
      refundApp: (appid: string) => void calls.push(`refund ${appid}`),
      charge: (appid: string) => void calls.push(`charge ${appid}`),
      makeDueNow: ({ subject }: TokenKey) => void calls.push(`due ${subject}`),
    } as never,
    pushed: { isHeld: ({ type }: TokenKey) => type === 'ticket', dependentsOf: () => [KEY] } as never,
  });
  flights.start({ run: (flight) => work(flight) });
  world.registry.setApp({ appid: 'wx1', secret: 'S', accessToken: undefined, version: 1 });
  holdTask(world, KEY);
});

let version = 0;
function hold(key: TokenKey, dueInMs = 6_000_000): CachedRecord {
  version += 1;
  const document = { version, recordVersion: version, unknown: {} };
  const grant = grantNow(clock, `v${version}`, { dueAt: clock.now() + dueInMs });
  return world.records.adopt(key, document, grant, { source: 'upstream', announceFirst: false });
}

function failure(retryInMs: number, registration?: string): void {
  const now = clock.now();
  const error = { code: 'UPSTREAM_UNAVAILABLE', message: 'busy', retryable: true };
  const known = registration ?? world.retryStates.fingerprint(KEY).registration;
  const trying = {
    attempts: 1,
    failedAt: now,
    retryAt: now + retryInMs,
    registration: known,
    backingOff: false,
    error,
  };
  world.retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying });
}

const task = (): TaskEntry => world.registry.task(KEY) as TaskEntry;

async function onDue(given: TaskEntry = task()): Promise<Place<TaskEntry>> {
  const place = { hasAsked: true, hasSucceeded: true } as Place<TaskEntry>;
  await flights.onDue(given, place);
  return place;
}

describe('a task that is due', () => {
  test('a task that is due is refreshed, and due again when its new record is', async () => {
    expect(await onDue()).toMatchObject({ hasAsked: true, hasSucceeded: true });
    expect(calls).toEqual(['set a 6000000']);
  });

  test('a task whose refresh fails before it asks gives its permit back', async () => {
    work = () => Promise.reject(AWAY);
    expect(await onDue()).toMatchObject({ hasAsked: false, hasSucceeded: false });
    expect(calls).toEqual(['set a 200', 'refund wx1']);
  });

  test('a task whose app has no permit is deferred', async () => {
    pauseMs = 700;
    expect(await onDue()).toMatchObject({ hasAsked: false, hasSucceeded: false });
    expect([calls, flights.get(KEY)]).toEqual([['set a 700'], undefined]);
  });

  test('a task with a record that is not due is scheduled for that', async () => {
    hold(KEY, 5_000);
    expect(await onDue()).toMatchObject({ hasAsked: false, hasSucceeded: false });
    expect(calls).toEqual(['set a 5000']);
  });

  test.each<[string, () => void]>([
    ['whose manager is closing', () => closing.begin()],
    ['that was unregistered', () => world.registry.removeTask(KEY)],
    ['whose app is not known', () => world.registry.removeApp('wx1')],
  ])('a task %s is not refreshed', async (_, change) => {
    const given = task();
    change();
    calls.length = 0;
    expect(await onDue(given)).toMatchObject({ hasAsked: false, hasSucceeded: false });
    expect(calls).toEqual([]);
  });
});

describe('a flight', () => {
  test('a flight for a caller is charged when it asks, and one that was due is not', async () => {
    await flights.fly(KEY, 'demand', undefined).promise;
    expect(calls).toEqual(['charge wx1', 'set a 6000000']);
    calls.length = 0;
    await flights.fly(KEY, 'due', undefined).promise;
    expect(calls).toEqual(['set a 6000000']);
  });

  test('a flight with a claim has it from the beginning, and knows its record', () => {
    const claim = { document: { recordVersion: 5 } } as never;
    const flight = flights.refreshClaimed(KEY, 'stale', 'v', claim);
    expect([flight.detachClaim(), flight.knownVersion, flight.reason, flight.stale]).toEqual([claim, 5, 'stale', 'v']);
    expect(flights.get(KEY)).toBe(flight);
  });

  test('an answer that is due at once starts a cool-down, and another one ends it', async () => {
    work = async () => hold(KEY, 0);
    await flights.fly(KEY, 'due', undefined).promise;
    expect(coolDowns.leftMs(KEY)).toBe(200);
    work = async () => hold(KEY);
    await flights.fly(KEY, 'due', undefined).promise;
    expect(coolDowns.leftMs(KEY)).toBe(0);
  });

  test.each(['stale', 'forced'] as const)('a flight for "%s" that fails starts no cool-down', async (reason) => {
    work = () => Promise.reject(AWAY);
    await flights.fly(KEY, reason, 'v').promise.catch(() => {});
    expect(coolDowns.leftMs(KEY)).toBe(0);
  });

  test('a flight whose failure is recorded as a retry state starts no cool-down', async () => {
    work = async () => {
      failure(30_000);
      throw AWAY;
    };
    await flights.fly(KEY, 'due', undefined).promise.catch(() => {});
    expect([coolDowns.leftMs(KEY), calls]).toEqual([0, ['set a 30000']]);
  });

  test('a missing input is told, with the time of the next attempt; any other failure is told elsewhere', async () => {
    const error = new TokenError('INPUT_MISSING', 'no refresh token', KEY);
    work = () => Promise.reject(new InputMissing(error));
    await flights.fly(KEY, 'due', undefined).promise.catch(() => {});
    expect(failed).toEqual([{ ...KEY, error, attempt: 1, retryAt: clock.now() + 600_000 }]);
    work = () => Promise.reject(AWAY);
    await flights.fly(OTHER, 'due', undefined).promise.catch(() => {});
    expect(failed).toHaveLength(1);
  });

  test('a key that is not registered any more has its registration read again, the task first', async () => {
    const read: unknown[] = [];
    faulty.before = (method, id) => void read.push(`${method} ${id}`);
    work = () => Promise.reject(new TokenError('NOT_REGISTERED', 'gone', KEY));
    await flights.fly(KEY, 'due', undefined).promise.catch(() => {});
    expect(read).toEqual(['get task/wx1/user/a', 'get app/wx1']);
    expect(world.registry.task(KEY)).toBeUndefined();
    read.length = 0;
    work = () => Promise.reject(AWAY);
    await flights.fly(KEY, 'due', undefined).promise.catch(() => {});
    expect(read).toEqual([]);
  });

  test('all flights that are in progress are awaited', async () => {
    let end = (): void => {};
    work = () => new Promise((_, reject) => (end = () => reject(AWAY)));
    void flights.fly(KEY, 'due', undefined);
    await clock.advance(0);
    let isSettled = false;
    const settled = flights.settled().then(() => {
      isSettled = true;
    });
    await clock.advance(0);
    expect(isSettled).toBe(false);
    end();
    await settled;
  });
});

describe('when a key is due next', () => {
  test.each<[string, () => void, number]>([
    ['without a record', () => {}, 0],
    ['with its record', () => hold(KEY, 5_000), 5_000],
    ['with a failure for longer', () => failure(9_000), 9_000],
    ['with a cool-down', () => coolDowns.add(KEY, true, 0, AWAY), 200],
  ])('a task %s is due in time', (_, prepare, ms) => {
    prepare();
    calls.length = 0;
    flights.reschedule(KEY);
    expect(calls).toEqual([`set a ${ms}`]);
  });

  test('a key without a task has no due, and a task without its app none yet', () => {
    flights.reschedule(OTHER);
    expect(calls).toEqual([]);
    const early = tokenKey('wx2', 'user', 'c');
    holdTask(world, early);
    flights.reschedule(early);
    expect(calls).toEqual(['delete c']);
  });

  test('a key that only a caller may refresh has failed, or has a cool-down', () => {
    expect(flights.isHeldBack(KEY)).toBe(false);
    coolDowns.add(KEY, true, 0, AWAY);
    expect(flights.isHeldBack(KEY)).toBe(true);
    coolDowns.clear(KEY);
    failure(9_000);
    expect(flights.isHeldBack(KEY)).toBe(true);
  });

  test('a retry ends the cool-down, and makes a failure with another input due in the fleet', () => {
    coolDowns.add(KEY, true, 0, AWAY);
    flights.retrySoon(KEY);
    expect([coolDowns.leftMs(KEY), calls.filter((call) => call.startsWith('due'))]).toEqual([0, []]);
    failure(9_000, 'of another input');
    flights.retrySoon(KEY);
    expect(calls).toContain('due a');
  });

  test('keys that wait for a token are retried once it is there and has not expired', async () => {
    const lack = new InputMissing(new TokenError('INPUT_MISSING', 'missing', OTHER));
    coolDowns.add(KEY, true, 0, lack);
    flights.reschedule(OTHER);
    expect(coolDowns.leftMs(KEY)).toBeGreaterThan(0);
    hold(OTHER);
    flights.reschedule(OTHER);
    expect(coolDowns.leftMs(KEY)).toBe(0);
    coolDowns.add(KEY, true, 0, lack);
    await clock.advance(7_200_000);
    coolDowns.add(KEY, true, 0, lack);
    flights.reschedule(OTHER);
    expect(coolDowns.leftMs(KEY)).toBeGreaterThan(0);
  });
});

describe('what wakes flights', () => {
  test('a flight is woken by a change of its key, and every flight at once', async () => {
    const woken: (string | undefined)[] = [];
    work = async (flight) => {
      await flight.woken();
      woken.push(flight.key.subject);
      return hold(flight.key);
    };
    for (const key of [KEY, OTHER, { ...KEY, subject: 'c' }]) void flights.fly(key, 'due', undefined);
    await clock.advance(0);
    flights.wakeWaiting(OTHER);
    await clock.advance(0);
    expect(woken).toEqual(['b']);
    flights.wakeAll();
    await clock.advance(0);
    expect(woken.toSorted()).toEqual(['a', 'b', 'c']);
  });

  test('the tasks that need a pushed token are retried when it is there, and nothing for another token', () => {
    coolDowns.add(KEY, true, 0, AWAY);
    flights.wakeWaiting(OTHER);
    expect(coolDowns.leftMs(KEY)).toBeGreaterThan(0);
    flights.wakeWaiting(TICKET);
    expect(coolDowns.leftMs(KEY)).toBe(0);
  });
});

test('a task that was unregistered leaves no failure, no cool-down and no due', () => {
  failure(9_000);
  coolDowns.add(KEY, true, 0, AWAY);
  calls.length = 0;
  flights.forget(task());
  expect([world.retryStates.hasRemembered(KEY), coolDowns.leftMs(KEY), calls]).toEqual([false, 0, ['delete a']]);
});
