import { beforeEach, describe, expect, test } from 'vitest';
import { tokenKey } from '../../../../src/core/model/token-key.js';
import type { DueHandler } from '../../../../src/core/refresh/scheduler.js';
import { TaskEntry } from '../../../../src/core/registry/task-entry.js';
import { LocalScheduler } from '../../../../src/core/schedule/local-scheduler.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

let clock: FakeClock;
let world: HeldRecordsWorld;
let scheduler: LocalScheduler;
let begun: { readonly subject: string | undefined; readonly at: number }[];
let handler: DueHandler;

beforeEach(() => {
  clock = new FakeClock();
  world = holdRecords(new MemoryStore({ clock }), clock);
  scheduler = new LocalScheduler(clock, { perSecond: 1_000, perSecondOfApp: 10 }, world.records);
  begun = [];
  handler = {
    onDue: async ({ key }: TaskEntry) => void begun.push({ subject: key.subject, at: clock.monotonic() }),
  } as unknown as DueHandler;
});

function task(subject: string): TaskEntry {
  const key = tokenKey('wx1', 'user', subject);
  return new TaskEntry(key, { key, params: undefined, notify: undefined, functionMissing: false, version: 1 });
}

describe('a process with dues of its own', () => {
  test('a task that is due is refreshed then, and one that was deleted is not', async () => {
    const [one, other] = [task('a'), task('b')];
    scheduler.start(handler);
    scheduler.set(one, clock.now() + 1_000);
    scheduler.set(other, clock.now() + 1_000);
    scheduler.delete(other);
    await clock.advance(999);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual([{ subject: 'a', at: 1_000 }]);
  });

  test('nothing is refreshed before the start and after the stop', async () => {
    scheduler.set(task('a'), clock.now());
    await clock.advance(1_000);
    expect(begun).toEqual([]);
    scheduler.start(handler);
    await clock.advance(0);
    expect(begun).toHaveLength(1);
    scheduler.set(task('b'), clock.now() + 1_000);
    scheduler.stop();
    await clock.advance(10_000);
    expect([begun.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('a task that became due by a clock that was set is found by a check', async () => {
    scheduler.start(handler);
    scheduler.set(task('a'), clock.now() + 3_600_000);
    clock.jump(3_600_000);
    scheduler.check();
    await clock.advance(0);
    expect(begun).toHaveLength(1);
  });

  test('refreshes begin later by as much as callers were charged for', async () => {
    scheduler.start(handler);
    for (let call = 0; call < 100; call++) scheduler.charge('wx1');
    scheduler.set(task('a'), clock.now());
    await clock.advance(0);
    expect(begun).toEqual([]);
    await clock.advance(60_000);
    expect(begun).toHaveLength(1);
  });

  test('a permit of an app that was refunded can be reserved again', () => {
    const waits: number[] = [];
    for (let call = 0; call < 50; call++) waits.push(scheduler.reserveForApp('wx1'));
    const [wait = 0] = waits.slice(-1);
    expect(wait).toBeGreaterThan(0);
    for (let call = 0; call < 50; call++) scheduler.refundApp('wx1');
    expect(scheduler.reserveForApp('wx1')).toBe(0);
  });

  test('dues are not shared, and orders of a fleet change none', async () => {
    scheduler.start(handler);
    scheduler.set(task('a'), clock.now() + 1_000);
    scheduler.bringForward();
    scheduler.makeDueNow();
    scheduler.makeAppDueNow();
    await clock.advance(999);
    expect([scheduler.isShared, begun]).toEqual([false, []]);
  });
});
