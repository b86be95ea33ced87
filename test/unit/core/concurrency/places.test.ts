import { beforeEach, describe, expect, test } from 'vitest';
import { type Place, Places } from '../../../../src/core/concurrency/places.js';
import { WaitingGroups } from '../../../../src/core/concurrency/waiting-groups.js';

interface Item {
  readonly isFresh: boolean;
}

let now: number;
let places: Places<Item>;

beforeEach(() => {
  now = 1_000;
  places = new Places<Item>(() => now, { max: 4, isFresh: ({ isFresh }) => isFresh, slow: new WeakSet() });
});

const steady = (): Item => ({ isFresh: false });

function begin(item: Item): Place<Item> {
  return places.begin(item, places.roomOf(item));
}

describe('Places: a place', () => {
  test.each([
    { afterMs: 2_999, free: 3, slow: 0 },
    { afterMs: 3_000, free: 4, slow: 1 },
    { afterMs: 3_001, free: 4, slow: 1 },
  ])('an item under way for 3 s frees its place: at $afterMs ms $free are free', ({ afterMs, free, slow }) => {
    begin(steady());
    now += afterMs;
    places.settle();
    expect([places.free, places.slow]).toEqual([free, slow]);
  });

  test('the last quarter of the places is reserved for items that have done well', () => {
    for (let count = 0; count < 3; count++) begin({ isFresh: true });
    expect([places.hasPlace('fresh'), places.hasPlace('steady')]).toEqual([false, true]);
  });

  test('hanging items keep their places once three times as many are slow, so that there is a bound', () => {
    for (let round = 0; round < 4; round++) {
      for (let count = 0; count < 4; count++) begin(steady());
      now += 3_000;
      places.settle();
    }
    expect([places.free, places.slow]).toEqual([0, 12]);
    expect(places.untilSlowMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('an item that ends after it became slow frees its place once', () => {
    const place = begin(steady());
    now += 3_000;
    places.settle();
    places.end(place);
    expect([places.free, places.slow]).toEqual([4, 0]);
  });

  test('a slow item that ends quickly is slow no more, unless it failed', () => {
    const item = steady();
    const first = begin(item);
    now += 3_000;
    places.end(first);
    expect([places.roomOf(item), places.hasPlace('slow')]).toEqual(['slow', true]);
    const failed = begin(item);
    failed.hasSucceeded = false;
    places.end(failed);
    expect([places.roomOf(item), places.slow]).toEqual(['slow', 0]);
    places.end(begin(item));
    expect([places.roomOf(item), places.slow, places.free]).toEqual(['steady', 0, 4]);
  });

  test('places are crowded when all of them have been held for 200 ms', () => {
    for (let count = 0; count < 3; count++) begin(steady());
    expect(places.untilCrowdedMs()).toBe(Number.POSITIVE_INFINITY);
    now += 150;
    begin(steady());
    expect(places.untilCrowdedMs()).toBe(50);
    now += 100;
    expect(places.untilCrowdedMs()).toBe(0);
  });

  test('slow items have places of their own, as many as the others', () => {
    const items = Array.from({ length: 4 }, steady);
    const begun = items.map(begin);
    now += 3_000;
    for (const place of begun) places.end(place);
    expect([places.free, places.slow]).toEqual([4, 0]);
    for (const item of items) begin(item);
    expect([places.free, places.hasPlace('slow'), places.hasPlace('steady')]).toEqual([4, false, true]);
  });
});

describe('Places: a slow item', () => {
  test.each([
    { tookMs: 2_999, hasSucceeded: true, room: 'steady' },
    { tookMs: 2_999, hasSucceeded: false, room: 'slow' },
    { tookMs: 3_000, hasSucceeded: true, room: 'slow' },
  ])(
    'a slow item that takes $tookMs ms the next time (success: $hasSucceeded) is $room',
    ({ tookMs, hasSucceeded, room }) => {
      const item = steady();
      const first = begin(item);
      now += 15_000;
      places.end(first);
      const second = begin(item);
      second.hasSucceeded = hasSucceeded;
      now += tookMs;
      places.end(second);
      expect(places.roomOf(item)).toBe(room);
    },
  );
});

test('the oldest item says when a place becomes free, in whatever order the others end', () => {
  const begun = Array.from({ length: 4 }, () => {
    now += 100;
    return begin(steady());
  });
  for (const ended of [0, 2, 3]) places.end(begun[ended] as Place<Item>);
  expect(places.untilSlowMs()).toBe(2_800);
  places.end(begun[1] as Place<Item>);
  expect([places.free, places.untilSlowMs()]).toEqual([4, Number.POSITIVE_INFINITY]);
});

test('the groups of waiting items take turns, and each keeps its order', () => {
  const waiting = new WaitingGroups<string>((item) => item.charAt(0));
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2', 'a2']) waiting.add(item);
  expect([waiting.size, waiting.has('c1'), waiting.delete('c1'), waiting.delete('c1'), waiting.has('c1')]).toEqual([
    6,
    true,
    true,
    false,
    false,
  ]);
  const taken = Array.from({ length: 6 }, () => waiting.take());
  expect([taken, waiting.size]).toEqual([['a1', 'b1', 'c2', 'a2', 'a3', undefined], 0]);
});
