import { describe, expect, test } from 'vitest';
import { LocalRateLimit, RateLimiter } from '../../../../src/core/concurrency/rate-limit.js';

describe('RateLimiter: steps', () => {
  test.each([
    { now: 99, waitMs: 51 },
    { now: 149, waitMs: 1 },
    { now: 150, waitMs: 0 },
    { now: 151, waitMs: 0 },
  ])('after the first two steps at 100, the third at $now has to wait $waitMs ms', ({ now, waitMs }) => {
    const steps = new RateLimiter(10);
    // What was not used may be made up for within 50 ms.
    expect(steps.reserve(100)).toBe(0);
    expect(steps.reserve(now)).toBe(waitMs);
  });

  test('steps that are owed delay those after them', () => {
    const steps = new RateLimiter(10);
    for (let step = 0; step < 5; step++) steps.charge(1_000);
    expect(steps.reserve(1_000)).toBe(450);
    expect(steps.reserve(1_449)).toBe(1);
    expect(steps.reserve(1_450)).toBe(0);
  });

  test('steps that were not used are free for the next', () => {
    const steps = new RateLimiter(10);
    for (let step = 0; step < 5; step++) steps.charge(1_000);
    for (let step = 0; step < 5; step++) steps.refund();
    expect(steps.reserve(1_000)).toBe(0);
    expect(steps.reserve(1_000)).toBe(50);
  });

  test('steps are reserved one after the other by callers that found none', () => {
    const steps = new RateLimiter(10);
    expect(steps.reserveInLine(1_000)).toBe(0);
    expect([1, 2, 3].map(() => steps.reserveInLine(1_000))).toEqual([50, 150, 250]);
    expect([1_050, 1_150, 1_250].map((now) => steps.reserveInLine(now))).toEqual([0, 0, 0]);
    expect(steps.reserveInLine(1_250)).toBe(100);
  });

  test('steps never exceed the rate over any second', () => {
    const steps = new RateLimiter(300);
    const taken: number[] = [];
    for (let now = 0; now < 10_000; now++) while (steps.reserve(now) === 0) taken.push(now);
    for (let from = 0; from < 9_000; from += 100) {
      const inASecond = taken.filter((at) => at >= from && at < from + 1_000).length;
      expect(inASecond).toBeLessThanOrEqual(300 + 16);
      expect(inASecond).toBeGreaterThanOrEqual(299);
    }
  });
});

describe('RateLimiter: bursts', () => {
  test.each([
    [499, 1],
    [500, 0],
    [501, 0],
  ])('two permits a second are used up at once: at %i ms the next has to wait %i ms', (now, waitMs) => {
    const limiter = new RateLimiter(2, 2);
    expect([limiter.reserve(0), limiter.reserve(0)]).toEqual([0, 0]);
    expect(limiter.reserve(now)).toBe(waitMs);
  });

  test('a limit of one permit in 100 s returns the time to wait', () => {
    const limiter = new RateLimiter(0.01, 1);
    expect(limiter.reserve(0)).toBe(0);
    expect([limiter.reserve(0), limiter.reserve(50_000)]).toEqual([100_000, 50_000]);
    expect(limiter.reserve(100_000)).toBe(0);
  });

  test.each([2.5, 3, 7, 300])('a pause saves up one burst, not a permit less, at %d a second', (perSecond) => {
    const limiter = new RateLimiter(perSecond, perSecond);
    const count = (now: number): number => {
      let permits = 0;
      while (limiter.reserve(now) === 0) permits += 1;
      return permits;
    };
    expect(Array.from({ length: 3 }, (_, pause) => count(pause * 3_600_000))).toEqual(
      Array(3).fill(Math.floor(perSecond)),
    );
  });

  test('a refund never saves up more than a burst', () => {
    const limiter = new RateLimiter(1, 2);
    limiter.reserve(0);
    for (let refund = 0; refund < 5; refund++) limiter.refund();
    expect([limiter.reserve(0), limiter.reserve(0), limiter.reserve(0)]).toEqual([0, 0, 1_000]);
  });
});

describe('LocalRateLimit: the rate of one process', () => {
  test('a local rate limit counts all apps together and each app', () => {
    let now = 1_000;
    const pace = new LocalRateLimit({ perSecond: 100, perSecondOfApp: 2 }, () => now);
    expect(pace.reserveForApp('wx1')).toBe(0);
    expect(pace.reserveForApp('wx1')).toBe(450);
    expect(pace.reserveForApp('wx2')).toBe(0);
    now += 450;
    expect(pace.reserveForApp('wx1')).toBe(0);
    for (let step = 0; step < 6; step++) expect(pace.reserve()).toBe(0);
    expect(pace.reserve()).toBe(10);
  });

  test('a local rate limit counts the calls of callers without delaying them', () => {
    const pace = new LocalRateLimit({ perSecond: 10, perSecondOfApp: 10 }, () => 1_000);
    for (let call = 0; call < 3; call++) pace.charge('wx1');
    expect(pace.reserve()).toBe(250);
    expect(pace.reserveForApp('wx1')).toBe(250);
    expect(pace.reserveForApp('wx2')).toBe(0);
  });

  test('a local rate limit grants permits again that were refunded, of all apps together and of each app', () => {
    const pace = new LocalRateLimit({ perSecond: 10, perSecondOfApp: 10 }, () => 1_000);
    for (let call = 0; call < 3; call++) pace.charge('wx1');
    for (let call = 0; call < 3; call++) pace.refund();
    expect(pace.reserve()).toBe(0);
    expect(pace.reserveForApp('wx1')).toBe(250);
    for (let call = 0; call < 3; call++) pace.refundApp('wx1');
    expect(pace.reserveForApp('wx1')).toBe(0);
  });
});
