import { beforeEach, describe, expect, test } from 'vitest';
import { documentId, tokenKey } from '../../../../src/core/model/token-key.js';
import { LatelyMissing } from '../../../../src/core/registry/lately-missing.js';
import { OwnRegistrations } from '../../../../src/core/registry/own-registrations.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { grantNow, type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

const KEY = tokenKey('wx1', 'user', 'a');
const OTHER = tokenKey('wx1', 'user', 'b');
const APP = 'app/wx1';
const TASK = documentId('task', KEY);
const OTHER_TASK = documentId('task', OTHER);
const MINUTES_10 = 600_000;

let clock: FakeClock;
let own: OwnRegistrations;
let world: HeldRecordsWorld;
let missing: LatelyMissing;

beforeEach(() => {
  clock = new FakeClock();
  own = new OwnRegistrations();
  world = holdRecords(new MemoryStore({ clock }), clock);
  missing = new LatelyMissing({ own, registry: world.registry, records: world.records, clock });
  own.note(APP, { secret: 'S' }, 3);
  own.note(TASK, { params: { n: 1 } }, 4);
  own.note(OTHER_TASK, { params: { n: 2 } }, 5);
});

/** Holds a record of the key, with a refresh token unless that is `null`. */
function hold(key = KEY, token: string | null = 'refresh'): void {
  const rotation = token === null ? undefined : ({ token, known: [] } as never);
  const document = { version: 9, recordVersion: 9, rotation, unknown: {} };
  world.records.adopt(key, document, grantNow(clock, 'v', {}), { source: 'store', announceFirst: false });
}

/** Forgets everything that is held, as it is when documents count as deleted. */
function drop(): void {
  own.forget(APP);
  world.registry.removeApp('wx1');
  for (const key of [KEY, OTHER]) world.records.cache.delete(key);
}

const isHeld = (): boolean[] => [APP, TASK, OTHER_TASK].map((id) => own.has(id));
const hasRecord = (): boolean[] => [KEY, OTHER].map((key) => world.records.cache.get(key) !== undefined);

describe('what was missing lately', () => {
  test('an app that was missing is held again with its tasks and the refresh tokens of its keys', () => {
    hold();
    hold(OTHER);
    missing.note(APP);
    drop();
    missing.recall();
    expect([isHeld(), hasRecord()]).toEqual([
      [true, true, true],
      [true, true],
    ]);
    expect(own.get(TASK)).toEqual({ content: { params: { n: 1 } }, version: 4 });
    expect(world.registry.app('wx1')).toMatchObject({ secret: 'S', version: 3 });
    expect(world.registry.task(KEY)).toMatchObject({ params: { n: 1 }, version: 4 });
  });

  test('a task that was missing is held again alone, with the refresh token of its key', () => {
    hold();
    hold(OTHER);
    missing.note(TASK);
    own.forget(TASK);
    for (const key of [KEY, OTHER]) world.records.cache.delete(key);
    own.forget(OTHER_TASK);
    missing.recall();
    expect([isHeld(), hasRecord()]).toEqual([
      [true, true, false],
      [true, false],
    ]);
  });

  test('a record without a refresh token is not held again, since its token can be requested', () => {
    hold(KEY, null);
    missing.note(TASK);
    drop();
    own.note(APP, {}, 6);
    own.note(TASK, {}, 6);
    missing.recall();
    expect(hasRecord()).toEqual([false, false]);
  });

  test('what others have registered is not held again', () => {
    own.forget(APP);
    hold();
    missing.note(APP);
    missing.note(TASK);
    drop();
    missing.recall();
    expect([isHeld(), hasRecord()]).toEqual([
      [false, false, false],
      [false, false],
    ]);
  });

  test('a refresh token is held again only with both its task and its app', () => {
    hold();
    missing.note(TASK);
    drop();
    missing.recall();
    expect([own.has(TASK), hasRecord()]).toEqual([true, [false, false]]);
  });

  test('what has been registered and stored anew since stays as it is', () => {
    hold();
    missing.note(APP);
    own.note(APP, { secret: 'new' }, 10);
    hold(KEY, 'newer');
    const newer = world.records.cache.get(KEY);
    missing.recall();
    expect(own.get(APP)).toEqual({ content: { secret: 'new' }, version: 10 });
    expect(world.records.cache.get(KEY)).toBe(newer);
  });

  test('nothing is held again a second time', () => {
    hold();
    missing.note(APP);
    drop();
    missing.recall();
    drop();
    missing.recall();
    expect([isHeld(), hasRecord()]).toEqual([
      [false, false, false],
      [false, false],
    ]);
  });
});

describe('what was deleted on purpose', () => {
  test.each([
    [MINUTES_10 - 1, true],
    [MINUTES_10, false],
  ])('what has been missing for %i ms is held again: %s', async (ms, expected) => {
    hold();
    missing.note(APP);
    drop();
    await clock.advance(ms);
    missing.recall();
    expect([isHeld(), hasRecord()]).toEqual([
      [expected, expected, expected],
      [expected, false],
    ]);
  });

  test('an app that this process has unregistered is forgotten with its tasks, and no other app', () => {
    own.note('app/wx2', {}, 1);
    hold();
    for (const id of [APP, 'app/wx2']) missing.note(id);
    drop();
    own.forget('app/wx2');
    missing.forget(APP);
    missing.recall();
    expect([isHeld(), hasRecord(), own.has('app/wx2')]).toEqual([[false, false, false], [false, false], true]);
  });

  test('a task that this process has unregistered is forgotten alone', () => {
    hold();
    hold(OTHER);
    missing.note(APP);
    drop();
    missing.forget(TASK);
    missing.recall();
    expect([isHeld(), hasRecord()]).toEqual([
      [true, false, true],
      [false, true],
    ]);
  });
});
