import { describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const CLOSED = { name: 'TokenError', code: 'CLOSED' };

describe('Closing', () => {
  test('Closing permits everything before it begins', async () => {
    const closing = new Closing();
    expect([closing.hasBegun, closing.signal.aborted]).toEqual([false, false]);
    expect(() => closing.assertOpen()).not.toThrow();
    expect(await closing.waitFor(async () => 7)).toBe(7);
    await expect(closing.waitFor(() => Promise.reject(new RangeError('mine')))).rejects.toThrow(RangeError);
  });

  test('Closing refuses what would begin after it', async () => {
    const closing = new Closing();
    closing.begin();
    let hasRun = false;
    expect(() => closing.assertOpen()).toThrow(expect.objectContaining(CLOSED));
    await expect(closing.waitFor(async () => (hasRun = true))).rejects.toMatchObject(CLOSED);
    expect([closing.hasBegun, hasRun]).toEqual([true, false]);
  });

  test('Closing waits for the work that has begun, however it ends', async () => {
    const closing = new Closing();
    const clock = new FakeClock();
    const works = [
      closing.waitFor(() => wait(clock, 2_000)),
      closing.waitFor(async () => {
        await wait(clock, 3_000);
        throw new RangeError('mine');
      }),
    ];
    works[1]?.catch(() => {});
    closing.begin();
    let settledAt = -1;
    const settled = closing.settled().then(() => {
      settledAt = clock.monotonic();
    });
    await clock.advance(4_000);
    await settled;
    expect(settledAt).toBe(3_000);
  });

  test('Closing ends any number of waits, with one listener', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const closing = new Closing();
    const clock = new FakeClock();
    const waits = Array.from({ length: 100 }, () => wait(clock, 60_000, { signal: closing.signal }));
    const outcomes = Promise.allSettled(waits);
    closing.begin();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: CLOSED });
    await clock.advance(0);
    process.off('warning', warned);
    expect([clock.pendingTimers, warnings]).toEqual([0, []]);
  });
});
