import { describe, expect, test } from 'vitest';
import { OwnPace, Steps } from '../../../../src/core/concurrency/pace.js';

describe('steps', () => {
  test.each([
    { now: 99, waitMs: 51 },
    { now: 149, waitMs: 1 },
    { now: 150, waitMs: 0 },
    { now: 151, waitMs: 0 },
  ])('after the first two at 100, the third at $now has to wait $waitMs ms', ({ now, waitMs }) => {
    const steps = new Steps(10);
    // What was not used may be made up for within 50 ms.
    expect(steps.take(100)).toBe(0);
    expect(steps.take(now)).toBe(waitMs);
  });

  test('that are owed make those after them wait', () => {
    const steps = new Steps(10);
    for (let step = 0; step < 5; step++) steps.owe(1_000);
    expect(steps.take(1_000)).toBe(450);
    expect(steps.take(1_449)).toBe(1);
    expect(steps.take(1_450)).toBe(0);
  });

  test('that were not used are free for the next', () => {
    const steps = new Steps(10);
    for (let step = 0; step < 5; step++) steps.owe(1_000);
    for (let step = 0; step < 5; step++) steps.giveBack();
    expect(steps.take(1_000)).toBe(0);
    expect(steps.take(1_000)).toBe(50);
  });

  test('are asked for one after the other by those that found none', () => {
    const steps = new Steps(10);
    expect(steps.takeInLine(1_000)).toBe(0);
    expect([1, 2, 3].map(() => steps.takeInLine(1_000))).toEqual([50, 150, 250]);
    expect([1_050, 1_150, 1_250].map((now) => steps.takeInLine(now))).toEqual([0, 0, 0]);
    expect(steps.takeInLine(1_250)).toBe(100);
  });

  test('never come faster than they may, over any second', () => {
    const steps = new Steps(300);
    const taken: number[] = [];
    for (let now = 0; now < 10_000; now++) while (steps.take(now) === 0) taken.push(now);
    for (let from = 0; from < 9_000; from += 100) {
      const inASecond = taken.filter((at) => at >= from && at < from + 1_000).length;
      expect(inASecond).toBeLessThanOrEqual(300 + 16);
      expect(inASecond).toBeGreaterThanOrEqual(299);
    }
  });
});

describe('the pace of a process that has its schedule for itself', () => {
  test('is kept for all together and for each app', () => {
    let now = 1_000;
    const pace = new OwnPace({ perSecond: 100, perSecondOfApp: 2 }, () => now);
    expect(pace.takeOfApp('wx1')).toBe(0);
    expect(pace.takeOfApp('wx1')).toBe(450);
    expect(pace.takeOfApp('wx2')).toBe(0);
    now += 450;
    expect(pace.takeOfApp('wx1')).toBe(0);
    for (let step = 0; step < 6; step++) expect(pace.take()).toBe(0);
    expect(pace.take()).toBe(10);
  });

  test('counts what is done for callers, and does not hold that up', () => {
    const pace = new OwnPace({ perSecond: 10, perSecondOfApp: 10 }, () => 1_000);
    for (let call = 0; call < 3; call++) pace.owe('wx1');
    expect(pace.take()).toBe(250);
    expect(pace.takeOfApp('wx1')).toBe(250);
    expect(pace.takeOfApp('wx2')).toBe(0);
  });
});
