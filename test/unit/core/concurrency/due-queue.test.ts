import fc from 'fast-check';
import FlatQueue from 'flatqueue';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DueQueue } from '../../../../src/core/concurrency/due-queue.js';
import { type QueuedItem, QueuedItems } from '../../../support/worlds/queued-items.js';

const step = fc.record({
  action: fc.constantFrom('set', 'set', 'set', 'delete', 'pop'),
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  at: fc.integer({ min: 0, max: 20 }),
});

let items: QueuedItems;

beforeEach(() => {
  items = new QueuedItems();
});

const item = (id: string): QueuedItem => items.of(id);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('DueQueue', () => {
  test('DueQueue behaves like a list that is sorted by instant', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        items = new QueuedItems();
        const queue = new DueQueue<QueuedItem>();
        const model = new Map<string, number>();
        for (const { action, id, at } of steps) {
          if (action === 'set') {
            queue.set(item(id), at);
            model.set(id, at);
          } else if (action === 'delete') {
            queue.delete(item(id));
            model.delete(id);
          } else {
            popsLike(queue, model, at);
          }
          expect(queue.size).toBe(model.size);
          expect(queue.nextAt()).toBe(earliest(model));
        }
        while (model.size > 0) popsLike(queue, model, 20);
        expect(queue.pop(20)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    [999, undefined],
    [1_000, 'a'],
    [1_001, 'a'],
  ])('an id that is due at 1000 comes out at %i: %s', (now, expected) => {
    const queue = new DueQueue<QueuedItem>();
    queue.set(item('a'), 1_000);
    expect(queue.pop(now)?.id).toBe(expected);
  });

  test('an id that is set again is queued once, at its new place', () => {
    const queue = new DueQueue<QueuedItem>();
    queue.set(item('a'), 1);
    queue.set(item('b'), 2);
    queue.set(item('a'), 3);
    expect([queue.size, queue.pop(9)?.id, queue.pop(9)?.id, queue.pop(9)?.id]).toEqual([2, 'b', 'a', undefined]);
  });

  test('deleting an unknown id does nothing', () => {
    const queue = new DueQueue<QueuedItem>();
    queue.delete(item('a'));
    expect([queue.size, queue.nextAt(), queue.pop(1)]).toEqual([0, undefined, undefined]);
  });

  test('moving an id repeatedly takes no more memory', () => {
    const push = vi.spyOn(FlatQueue.prototype, 'push');
    let longest = 0;
    push.mockImplementation(function (this: FlatQueue<unknown>, ...args) {
      Reflect.apply(original, this, args);
      longest = Math.max(longest, this.length);
    });
    const queue = new DueQueue<QueuedItem>();
    for (let at = 10_000; at > 0; at--) queue.set(item(`id-${at % 3}`), at);
    expect(longest).toBe(1_007);
    expect([1, 2, 3, 4].map(() => queue.pop(10_000)?.id)).toEqual(['id-1', 'id-2', 'id-0', undefined]);
  });

  test('compaction loses none of many ids', () => {
    const queue = new DueQueue<QueuedItem>();
    for (let round = 0; round < 5; round++) {
      for (let id = 0; id < 1_000; id++) queue.set(item(String(id)), (id * 7_919 + round) % 1_000);
    }
    const instants: number[] = [];
    for (let at = queue.nextAt(); at !== undefined; at = queue.nextAt()) {
      instants.push(at);
      queue.pop(at);
    }
    expect(instants).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
  });
});

const original = FlatQueue.prototype.push;

function earliest(model: ReadonlyMap<string, number>): number | undefined {
  return model.size === 0 ? undefined : Math.min(...model.values());
}

function popsLike(queue: DueQueue<QueuedItem>, model: Map<string, number>, now: number): void {
  const at = earliest(model);
  const id = queue.pop(now)?.id;
  if (at === undefined || at > now) {
    expect(id).toBeUndefined();
    return;
  }
  expect(model.get(id as string)).toBe(at);
  model.delete(id as string);
}
