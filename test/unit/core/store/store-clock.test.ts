import { beforeEach, describe, expect, test } from 'vitest';
import { StoreClock } from '../../../../src/core/store/store-clock.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

let wall: FakeClock;
let ahead: number;
let reads: number;
let answer: () => Promise<void>;
let told: string[];
let clock: StoreClock;

beforeEach(() => {
  wall = new FakeClock();
  ahead = 0;
  reads = 0;
  answer = async () => {};
  told = [];
  const stored = wall.now();
  const read = async () => {
    reads++;
    const at = stored + wall.monotonic() + ahead;
    await answer();
    return at;
  };
  clock = new StoreClock(wall, read);
  clock.listen({ wentBack: () => told.push('back'), wentForward: () => told.push('forward') });
});

describe('StoreClock: the offset', () => {
  test.each([
    [19, 0, []],
    [20, 0, []],
    [21, 21, ['forward']],
    [3_600_000, 3_600_000, ['forward']],
    [-20, 0, []],
    [-21, -21, ['back']],
  ])('the offset of a store that is %i ms ahead is taken as %i', async (given, expected, events) => {
    ahead = given;
    await clock.sync();
    expect(clock.now() - wall.now()).toBe(expected);
    expect(told).toEqual(events);
  });

  test('small changes of the offset are noise, whatever the offset is', async () => {
    ahead = 5_000;
    await clock.sync();
    ahead = 5_020;
    await clock.sync();
    expect(clock.now() - wall.now()).toBe(5_000);
    ahead = 5_021;
    await clock.sync();
    expect(clock.now() - wall.now()).toBe(5_021);
    expect(told).toEqual(['forward', 'forward']);
  });

  test('the offset is a whole number of milliseconds, whatever the store says', async () => {
    ahead = 1_234.567;
    answer = () => wall.advance(1);
    await clock.sync();
    expect(Number.isInteger(clock.now())).toBe(true);
  });

  test('the offset is measured against the middle of the round trip, and half of that is noise too', async () => {
    answer = () => wall.advance(100);
    ahead = 120;
    await clock.sync();
    expect(clock.now() - wall.now()).toBe(0);
    ahead = 121;
    await clock.sync();
    expect(clock.now() - wall.now()).toBe(71);
  });

  test('only one sample is taken at a time', async () => {
    const [one, two] = [clock.sync(), clock.sync()];
    expect(two).toBe(one);
    await one;
    expect(reads).toBe(1);
    await clock.sync();
    expect(reads).toBe(2);
  });

  test('the offset stays when the store does not answer, and the next sample is taken', async () => {
    ahead = 5_000;
    await clock.sync();
    answer = () => Promise.reject(new Error('gone'));
    await expect(clock.sync()).rejects.toThrow('gone');
    expect(clock.now() - wall.now()).toBe(5_000);
    answer = async () => {};
    ahead = 6_000;
    await clock.sync();
    expect(clock.now() - wall.now()).toBe(6_000);
  });

  test.each([-86_400_000, 86_400_000])(
    'the offset is sampled again where the wall clock jumps by %i ms during the sample',
    async (ms) => {
      answer = async () => {
        answer = async () => {};
        wall.jump(ms);
      };
      const before = clock.now();
      await clock.sync();
      expect(clock.now()).toBe(before);
      expect(reads).toBe(2);
    },
  );

  test('the offset survives a clock that jumps in every sample, and is right after the next check', async () => {
    const before = clock.now();
    answer = async () => wall.jump(-86_400_000);
    await clock.sync();
    expect([reads, clock.now() - wall.now()]).toEqual([3, 0]);
    answer = async () => {};
    await clock.check();
    expect(clock.now()).toBe(before);
  });

  test('StoreClock delegates everything else to the clock it was given', () => {
    expect([clock.monotonic(), clock.random()]).toEqual([wall.monotonic(), 0.5]);
    const timer = clock.setTimer(() => {}, 5);
    expect(wall.pendingTimers).toBe(1);
    timer.cancel();
    expect(wall.pendingTimers).toBe(0);
  });
});

describe('StoreClock: the tick', () => {
  test.each([
    [250, []],
    [251, ['forward']],
    [-250, []],
    [-251, ['back']],
  ])('a wall clock that jumps by %i ms is reported once: %j', async (ms, expected) => {
    clock.start();
    await clock.sync();
    reads = 0;
    wall.jump(ms);
    await wall.advance(1_000);
    const first = told[0];
    expect(first === undefined ? [] : [first]).toEqual(expected);
    expect(reads).toBe(expected.length);
    await wall.advance(5_000);
    expect(told.filter((event) => event === first).length).toBe(expected.length);
  });

  test('the store clock samples again after a jump, so that the offset is right again', async () => {
    clock.start();
    const before = clock.now();
    wall.jump(-3_600_000);
    await wall.advance(1_000);
    expect(clock.now()).toBe(before + 1_000);
    expect(told).toEqual(['back', 'forward']);
  });

  test('the store clock samples after a jump until one sample succeeds', async () => {
    clock.start();
    await clock.sync();
    const before = clock.now();
    reads = 0;
    answer = () => Promise.reject(new Error('gone'));
    wall.jump(-86_400_000);
    await wall.advance(3_000);
    expect(reads).toBe(3);
    answer = async () => {};
    await wall.advance(1_000);
    expect(clock.now()).toBe(before + 4_000);
    await wall.advance(10_000);
    expect(reads).toBe(4);
  });

  test('the store clock takes a sample every 60 s', async () => {
    await clock.sync();
    clock.start();
    await wall.advance(59_999);
    expect(reads).toBe(1);
    await wall.advance(1);
    expect(reads).toBe(2);
    await wall.advance(60_000);
    expect(reads).toBe(3);
  });

  test('a store that fails is asked again only after 60 s, and no rejection is left unhandled', async () => {
    answer = () => Promise.reject(new Error('gone'));
    clock.start();
    await wall.advance(61_000);
    expect(reads).toBe(2);
  });

  test.each([
    ['a life of 7200 s', 7_200_000, 1_000],
    ['a life of 20 s', 20_000, 1_000],
    ['a life of 10 s', 10_000, 500],
    ['the shortest life', 1_000, 100],
  ])('the clocks are compared repeatedly for %s', async (_, life, every) => {
    clock.watchLife(life);
    clock.watchLife(7_200_000);
    clock.start();
    wall.jump(-10_000);
    await wall.advance(every - 1);
    expect(told).toEqual([]);
    await wall.advance(1);
    expect(told[0]).toBe('back');
  });

  test('the tick continues with one timer, also when it is started twice', async () => {
    clock.start();
    clock.start();
    await wall.advance(10_000);
    expect(wall.pendingTimers).toBe(1);
  });

  test('stop leaves no timer and ends the comparing, until the next start', async () => {
    clock.stop();
    clock.start();
    clock.stop();
    expect(wall.pendingTimers).toBe(0);
    wall.jump(-10_000);
    await wall.advance(5_000);
    expect(told).toEqual([]);
    clock.start();
    await wall.advance(1_000);
    expect(told[0]).toBe('back');
  });

  test('stop leaves no timer even while a tick asks the store', async () => {
    answer = async () => clock.stop();
    clock.start();
    await wall.advance(1_000);
    expect(reads).toBe(1);
    expect(wall.pendingTimers).toBe(0);
  });
});

describe('StoreClock: a doubt', () => {
  test('a doubt takes a sample at once, and not more than one a second', async () => {
    clock.start();
    await clock.sync();
    reads = 0;
    clock.doubt();
    await wall.advance(999);
    clock.doubt();
    expect(reads).toBe(0);
    await wall.advance(1);
    clock.doubt();
    clock.doubt();
    expect(reads).toBe(1);
    await wall.advance(0);
    clock.doubt();
    expect(reads).toBe(1);
  });

  test('a doubt takes no sample while the clocks are not compared', async () => {
    clock.doubt();
    clock.start();
    clock.stop();
    clock.doubt();
    await wall.advance(0);
    expect(reads).toBe(0);
  });

  test('a doubt that the store does not resolve leaves no rejection unhandled', async () => {
    answer = () => Promise.reject(new Error('gone'));
    clock.start();
    clock.doubt();
    await wall.advance(0);
    expect(reads).toBe(1);
  });

  test.each([
    [250, false],
    [251, true],
    [-250, false],
    [-251, true],
  ])('the time is doubtful after the wall clock was set by %i ms: %s', (ms, isDoubtful) => {
    expect(clock.isDoubtful).toBe(false);
    wall.jump(ms);
    expect(clock.isDoubtful).toBe(isDoubtful);
  });

  test('the time is doubtful until a sample succeeds', async () => {
    clock.start();
    answer = () => Promise.reject(new Error('gone'));
    wall.jump(-3_600_000);
    await wall.advance(1_000);
    expect(clock.isDoubtful).toBe(true);
    answer = async () => {};
    await wall.advance(1_000);
    expect(clock.isDoubtful).toBe(false);
  });

  test('the poll interval is a second, or a twentieth of the shortest life', () => {
    expect(clock.pollIntervalMs).toBe(1_000);
    clock.watchLife(10_000);
    clock.watchLife(7_200_000);
    expect(clock.pollIntervalMs).toBe(500);
  });

  test('a clock that nothing listens to goes on after both clocks were set', async () => {
    const unheard = new StoreClock(wall, async () => wall.now() + ahead);
    for (const ms of [-3_600_000, 3_600_000]) {
      ahead += ms;
      await unheard.sync();
      wall.jump(ms);
      await unheard.check();
      expect(unheard.now() - wall.now()).toBe(ahead);
    }
  });
});
