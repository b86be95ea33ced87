import { beforeEach, describe, expect, test } from 'vitest';
import { LocalRateLimit } from '../../../../src/core/concurrency/rate-limit.js';
import { CLOCK_JUMP_MS } from '../../../../src/core/concurrency/time-limits.js';
import { TimerQueue, type TimerQueueOptions } from '../../../../src/core/concurrency/timer-queue.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { type QueuedItem, QueuedItems } from '../../../support/worlds/queued-items.js';

let items: QueuedItems;

beforeEach(() => {
  items = new QueuedItems();
});

const item = (id: string): QueuedItem => items.of(id);

class WatchedClock extends FakeClock {
  readonly delays: number[] = [];

  override setTimer(callback: () => void, delayMs: number) {
    this.delays.push(delayMs);
    return super.setTimer(callback, delayMs);
  }
}

function scheduled(started = true) {
  const clock = new WatchedClock();
  const start = clock.now();
  const fired: [string, number][] = [];
  const schedule = new TimerQueue<QueuedItem>(clock, async ({ id }) => {
    fired.push([id, clock.now() - start]);
  });
  if (started) schedule.start();
  return { clock, start, fired, schedule };
}

describe('TimerQueue', () => {
  test('the queue calls each id when it is due, in order', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('c'), start + 3_000);
    schedule.set(item('a'), start + 1_000);
    schedule.set(item('b'), start + 2_000);
    await clock.advance(999);
    expect(fired).toEqual([]);
    await clock.advance(1);
    expect(fired).toEqual([['a', 1_000]]);
    await clock.advance(10_000);
    expect(fired).toEqual([
      ['a', 1_000],
      ['b', 2_000],
      ['c', 3_000],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('overdue ids come at once and the earliest first', async () => {
    const { clock, start, fired, schedule } = scheduled(false);
    schedule.set(item('b'), start - 1);
    schedule.set(item('a'), start - 2);
    await clock.advance(60_000);
    expect([fired, clock.pendingTimers]).toEqual([[], 0]);
    schedule.start();
    await clock.advance(0);
    expect(fired.map(([id]) => id)).toEqual(['a', 'b']);
    expect(clock.delays.at(-1)).toBe(0);
  });

  test('the queue has one timer, and sets it again for an earlier instant only', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('b'), start + 30_000);
    schedule.set(item('c'), start + 40_000);
    expect([clock.delays, clock.pendingTimers]).toEqual([[30_000], 1]);
    schedule.set(item('a'), start + 10_000);
    expect([clock.delays, clock.pendingTimers]).toEqual([[30_000, 10_000], 1]);
    schedule.set(item('d'), start + 10_000);
    expect(clock.delays).toHaveLength(2);
    await clock.advance(60_000);
    expect(fired.map(([, at]) => at)).toEqual([10_000, 10_000, 30_000, 40_000]);
  });

  test('an id that is moved comes once, at its new time', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('a'), start + 1_000);
    schedule.set(item('a'), start + 5_000);
    await clock.advance(10_000);
    expect(fired).toEqual([['a', 5_000]]);
  });

  test('an id that is deleted does not come, and no timer is left in the end', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('a'), start + 1_000);
    schedule.delete(item('a'));
    await clock.advance(10_000);
    expect([fired, clock.pendingTimers]).toEqual([[], 0]);
  });

  test('a due time a million seconds ahead is reached by timers of a minute at most', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('a'), start + 1_000_000_000);
    expect(clock.delays).toEqual([60_000]);
    clock.jump(1_000_000_000 - 180_000);
    await clock.advance(179_999);
    expect(fired).toEqual([]);
    await clock.advance(1);
    expect(fired).toEqual([['a', 1_000_000_000]]);
    expect(Math.max(...clock.delays)).toBe(60_000);
  });

  test('a wall clock that jumps ahead is noticed at the next timer or check', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('a'), start + 3_600_000);
    clock.jump(3_600_000);
    expect(fired).toEqual([]);
    schedule.check();
    expect(fired).toEqual([['a', 3_600_000]]);
  });

  test('a timer is whole milliseconds and never early', () => {
    const { clock, start, schedule } = scheduled();
    schedule.set(item('a'), start + 0.25);
    expect(clock.delays).toEqual([1]);
  });

  test('no id comes after stop, and all come after another start', async () => {
    const { clock, start, fired, schedule } = scheduled();
    schedule.set(item('a'), start + 1_000);
    schedule.stop();
    expect(clock.pendingTimers).toBe(0);
    schedule.set(item('b'), start + 500);
    schedule.check();
    await clock.advance(60_000);
    schedule.check();
    expect([fired, clock.pendingTimers]).toEqual([[], 0]);
    schedule.start();
    await clock.advance(0);
    expect(fired.map(([id]) => id)).toEqual(['b', 'a']);
  });

  test('at most 64 items run at a time; the next follow as they end', async () => {
    const clock = new WatchedClock();
    const ends: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const schedule = new TimerQueue<QueuedItem>(clock, async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => ends.push(resolve));
      running--;
    });
    schedule.start();
    for (let id = 0; id < 200; id++) schedule.set(item(String(id)), clock.now());
    await clock.advance(0);
    // The timer looks whether they still hold their places a moment later.
    expect([running, clock.pendingTimers]).toEqual([64, 1]);
    schedule.set(item('late'), clock.now());
    expect(clock.pendingTimers).toBe(1);
    ends.shift()?.();
    await clock.advance(0);
    expect([running, ends.length, clock.pendingTimers]).toEqual([64, 64, 1]);
    while (ends.length > 0) {
      for (const end of ends.splice(0)) end();
      await clock.advance(0);
    }
    expect([running, most, clock.pendingTimers]).toEqual([0, 64, 0]);
  });

  test('a burst that fills the places again and again sets no new timer each time', async () => {
    const clock = new WatchedClock();
    const ends: (() => void)[] = [];
    const schedule = new TimerQueue<QueuedItem>(clock, () => new Promise<void>((resolve) => ends.push(resolve)));
    schedule.start();
    for (let id = 0; id < 100; id++) schedule.set(item(String(id)), clock.now());
    await clock.advance(0);
    const before = clock.delays.length;
    for (let count = 0; count < 20; count++) {
      ends.shift()?.();
      await clock.advance(0);
    }
    expect([ends.length, clock.delays.length]).toEqual([64, before]);
  });

  test('thousands of items that are due at once and take no time let other work run', async () => {
    const { clock, start, fired, schedule } = scheduled(false);
    for (let id = 0; id < 1_200; id++) schedule.set(item(String(id)), start);
    schedule.start();
    await clock.advance(0);
    expect(fired).toHaveLength(500);
    await clock.advance(1);
    expect(fired).toHaveLength(1_000);
    await clock.advance(1);
    expect(fired).toHaveLength(1_200);
    expect(clock.pendingTimers).toBe(0);
  });

  test('while 64 items run and none is due, the timer is set again when one ends', async () => {
    const clock = new WatchedClock();
    const ends: (() => void)[] = [];
    const came: string[] = [];
    const schedule = new TimerQueue<QueuedItem>(clock, ({ id }) => {
      came.push(id);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
    schedule.start();
    for (let id = 0; id < 64; id++) schedule.set(item(String(id)), clock.now());
    await clock.advance(0);
    schedule.set(item('later'), clock.now() + 5_000);
    ends.shift()?.();
    await clock.advance(5_000);
    expect(came.at(-1)).toBe('later');
  });

  test('no id begins after stop when a running one ends', async () => {
    const clock = new WatchedClock();
    const ends: (() => void)[] = [];
    const schedule = new TimerQueue<QueuedItem>(clock, () => new Promise<void>((resolve) => ends.push(resolve)));
    schedule.start();
    for (let id = 0; id < 65; id++) schedule.set(item(String(id)), clock.now());
    await clock.advance(0);
    schedule.stop();
    for (const end of ends.splice(0)) end();
    await clock.advance(60_000);
    expect([ends.length, clock.pendingTimers]).toEqual([0, 0]);
  });

  test('an item that its own run sets again runs again', async () => {
    const clock = new WatchedClock();
    let count = 0;
    const schedule = new TimerQueue<QueuedItem>(clock, async ({ id }) => {
      if (++count < 5) schedule.set(item(id), clock.now() + 1_000);
    });
    schedule.start();
    schedule.set(item('a'), clock.now());
    await clock.advance(3_999);
    expect(count).toBe(4);
    await clock.advance(60_000);
    expect([count, clock.pendingTimers]).toEqual([5, 0]);
  });
});

describe('TimerQueue: items that hang', () => {
  const groupOf = ({ id }: QueuedItem): string => id.charAt(0);

  /** A schedule of four places in which the items of group `h` hang. */
  function hanging(options: TimerQueueOptions<QueuedItem> = {}) {
    const clock = new WatchedClock();
    const came: [string, number][] = [];
    const start = clock.now();
    const schedule = new TimerQueue<QueuedItem>(
      clock,
      ({ id }) => {
        came.push([id, clock.now() - start]);
        return id.startsWith('h') ? new Promise<void>(() => {}) : Promise.resolve();
      },
      { maxRunning: 4, groupOf, ...options },
    );
    schedule.start();
    return { clock, came, start, schedule };
  }

  test('hanging items free their places after 3 s, and groups take turns for them', async () => {
    const { clock, came, start, schedule } = hanging();
    for (let id = 0; id < 20; id++) schedule.set(item(`h${id}`), start - 100 + id);
    schedule.set(item('a'), start + 1_000);
    schedule.set(item('b'), start + 2_000);
    await clock.advance(2_999);
    expect(came.map(([id]) => id)).toEqual(['h0', 'h1', 'h2', 'h3']);
    await clock.advance(1);
    expect(came.slice(4).map(([id]) => id)).toEqual(['h4', 'a', 'b', 'h5', 'h6', 'h7']);
  });

  test('hanging items hold a bounded number of places in all', async () => {
    const { clock, came, start, schedule } = hanging();
    for (let id = 0; id < 50; id++) schedule.set(item(`h${id}`), start - 100 + id);
    await clock.advance(3_600_000);
    expect(came).toHaveLength(16);
  });

  test('hanging items that are fresh leave a place to those that have done well', async () => {
    const { clock, came, start, schedule } = hanging({ isFresh: ({ id }) => id.startsWith('h') });
    for (let id = 0; id < 20; id++) schedule.set(item(`h${id}`), start - 100 + id);
    schedule.set(item('a'), start + 100);
    await clock.advance(100);
    expect(came.slice(3)).toEqual([['a', 100]]);
  });

  test('an item that is deleted or moved ahead no longer waits for a place of a hanging one', async () => {
    const { clock, came, start, schedule } = hanging();
    for (let id = 0; id < 7; id++) schedule.set(item(`h${id}`), start - 100 + id);
    await clock.advance(1_000);
    schedule.delete(item('h4'));
    schedule.set(item('h5'), start + 20_000);
    schedule.set(item('h6'), start + 1_000);
    await clock.advance(30_000);
    expect(came.slice(4)).toEqual([
      ['h6', 3_000],
      ['h5', 20_000],
    ]);
  });

  test('an item that waits for a place keeps its turn when it is set to be due once more', async () => {
    const { clock, came, start, schedule } = hanging();
    for (let id = 0; id < 7; id++) schedule.set(item(`h${id}`), start - 100 + id);
    await clock.advance(1_000);
    schedule.set(item('h4'), clock.now());
    await clock.advance(2_000);
    expect(came.slice(4).map(([id]) => id)).toEqual(['h4', 'h5', 'h6']);
  });

  test.each(['h3', 'h4'])(
    'a fresh item that waits for a place does not come once it is deleted: %s',
    async (deleted) => {
      const { clock, came, start, schedule } = hanging({ isFresh: () => true });
      for (let id = 0; id < 5; id++) schedule.set(item(`h${id}`), start - 100 + id);
      await clock.advance(1_000);
      schedule.delete(item(deleted));
      await clock.advance(10_000);
      expect(came.slice(3)).toEqual([[deleted === 'h3' ? 'h4' : 'h3', 3_000]]);
    },
  );

  test('an item that waits for a place is not forgotten while the schedule is stopped', async () => {
    const { clock, came, start, schedule } = hanging();
    for (let id = 0; id < 5; id++) schedule.set(item(`h${id}`), start - 100 + id);
    await clock.advance(1_000);
    schedule.stop();
    await clock.advance(10_000);
    schedule.start();
    await clock.advance(0);
    expect(came.map(([id]) => id)).toEqual(['h0', 'h1', 'h2', 'h3', 'h4']);
  });
});

describe('TimerQueue: items that wait for a place', () => {
  /** A schedule of four places whose items last until they are ended. */
  function lasting(options: TimerQueueOptions<QueuedItem> = {}) {
    const clock = new WatchedClock();
    const start = clock.now();
    const came: [string, number][] = [];
    const ends = new Map<string, () => void>();
    const onDue = ({ id }: QueuedItem): Promise<void> => {
      came.push([id, clock.now() - start]);
      return new Promise((resolve) => ends.set(id, resolve));
    };
    const schedule = new TimerQueue<QueuedItem>(clock, onDue, { maxRunning: 4, ...options });
    schedule.start();
    const end = async (...ids: readonly string[]): Promise<void> => {
      for (const id of ids) ends.get(id)?.();
      await clock.advance(0);
    };
    return { clock, start, came, end, schedule };
  }

  test('a fresh item that waits begins as soon as another fresh one has ended, while a place is left to others', async () => {
    const { clock, start, came, end, schedule } = lasting({ isFresh: () => true });
    for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) schedule.set(item(id), start - 10 + index);
    await clock.advance(1_000);
    expect(came.map(([id]) => id)).toEqual(['a', 'b', 'c']);
    await end('a');
    expect(came.slice(3)).toEqual([['d', 1_000]]);
  });

  test('an item that waits begins as soon as the rate limit permits it after there is a place for it', async () => {
    const clock = new FakeClock();
    const rateLimit = new LocalRateLimit({ perSecond: 10, perSecondOfApp: 10 }, () => clock.monotonic());
    const start = clock.now();
    const came: [string, number][] = [];
    const ends: (() => void)[] = [];
    const onDue = ({ id }: QueuedItem): Promise<void> => {
      came.push([id, clock.now() - start]);
      return new Promise((resolve) => ends.push(resolve));
    };
    const schedule = new TimerQueue<QueuedItem>(clock, onDue, { maxRunning: 4, rateLimit, isFresh: () => true });
    schedule.start();
    for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) schedule.set(item(id), start - 10 + index);
    await clock.advance(200);
    ends[0]?.();
    await clock.advance(1_000);
    expect(came).toEqual([
      ['a', 0],
      ['b', 50],
      ['c', 150],
      ['d', 250],
    ]);
  });

  test('an item that was slow the last time and waits does not come once it is deleted', async () => {
    const { clock, came, end, schedule } = lasting();
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const [index, id] of ids.entries()) schedule.set(item(id), clock.now() - 10 + index);
    await clock.advance(3_000);
    await clock.advance(3_000);
    await end(...ids);
    for (const [index, id] of ids.entries()) schedule.set(item(id), clock.now() - 10 + index);
    await clock.advance(0);
    expect(came.slice(5).map(([id]) => id)).toEqual(['a', 'b', 'c', 'd']);
    schedule.delete(item('e'));
    await end('a', 'b');
    await clock.advance(10_000);
    expect(came).toHaveLength(9);
  });

  test('at most 10,000 items are taken out of the queue to wait, so that their groups take turns', async () => {
    let looked = 0;
    const groupOf = (): string => String(looked++);
    const { clock, start, schedule } = lasting({ groupOf });
    for (let id = 0; id < 10_100; id++) schedule.set(item(String(id)), start);
    await clock.advance(2_999);
    expect(looked).toBe(10_000);
  });
});

test('an item that sends no request uses no rate limit', async () => {
  const clock = new FakeClock();
  const pace = new LocalRateLimit({ perSecond: 10, perSecondOfApp: 10 }, () => clock.monotonic());
  let asked = 0;
  const schedule = new TimerQueue<QueuedItem>(
    clock,
    async ({ id }, place) => {
      place.hasAsked = id.startsWith('a');
      if (place.hasAsked) asked++;
    },
    { rateLimit: pace },
  );
  schedule.start();
  for (let id = 0; id < 1_000; id++) schedule.set(item(`idle${id}`), clock.now());
  for (let id = 0; id < 5; id++) schedule.set(item(`a${id}`), clock.now());
  await clock.advance(1_000);
  expect(asked).toBe(5);
});

test('an item uses the rate limit unless it reports that it sent no request', async () => {
  const clock = new FakeClock();
  const rateLimit = new LocalRateLimit({ perSecond: 10, perSecondOfApp: 10 }, () => clock.monotonic());
  let count = 0;
  const schedule = new TimerQueue<QueuedItem>(clock, async () => void count++, { rateLimit });
  schedule.start();
  for (let id = 0; id < 100; id++) schedule.set(item(String(id)), clock.now());
  await clock.advance(0);
  expect(count).toBe(1);
  await clock.advance(1_000);
  expect(count).toBe(11);
});

describe('TimerQueue: a wall clock that is set back', () => {
  test('no item comes later than planned after the wall clock was set back', async () => {
    const { clock, start, schedule, fired } = scheduled();
    schedule.set(item('a'), start + 90_000);
    schedule.set(item('b'), start + 600_000);
    await clock.advance(30_000);
    clock.jump(-3_600_000);
    await clock.advance(59_999);
    expect(fired).toEqual([]);
    await clock.advance(1);
    expect(fired.map(([id]) => id)).toEqual(['a']);
    await clock.advance(510_000);
    expect(fired.map(([id]) => id)).toEqual(['a', 'b']);
  });

  test('an instant by the clock that was set back stays what it is', async () => {
    const { clock, schedule, fired } = scheduled();
    clock.jump(-3_600_000);
    schedule.set(item('a'), clock.now() + 90_000);
    await clock.advance(89_999);
    expect(fired).toEqual([]);
    await clock.advance(1);
    expect(fired.map(([id]) => id)).toEqual(['a']);
  });

  test('an instant stays what it is when the wall clock was set back by so little that it was not a step', async () => {
    const { clock, start, schedule, fired } = scheduled();
    schedule.set(item('a'), start + 50_000);
    clock.jump(-CLOCK_JUMP_MS);
    await clock.advance(50_000);
    expect(fired).toEqual([]);
    await clock.advance(CLOCK_JUMP_MS);
    expect(fired).toEqual([['a', 50_000]]);
  });

  test('an instant follows a wall clock that was set back by a little more', async () => {
    const { clock, start, schedule, fired } = scheduled();
    schedule.set(item('a'), start + 50_000);
    clock.jump(-CLOCK_JUMP_MS - 1);
    await clock.advance(50_000);
    expect(fired.map(([id]) => id)).toEqual(['a']);
  });
});
