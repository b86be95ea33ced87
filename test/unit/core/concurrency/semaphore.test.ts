import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { Semaphore } from '../../../../src/core/concurrency/semaphore.js';

const { signal } = new AbortController();

it('waiting callers get their slots in the order in which they came', async () => {
  const slots = new Semaphore(1);
  const order: number[] = [];
  const giveBack = await slots.acquire(signal);
  const waiting = [1, 2, 3].map(async (number) => {
    const giveNextBack = await slots.acquire(signal);
    order.push(number);
    giveNextBack();
  });
  await Promise.resolve();
  expect(order).toEqual([]);
  giveBack();
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
});

it('a wait that is aborted takes no slot', async () => {
  const slots = new Semaphore(1);
  const giveBack = await slots.acquire(signal);
  const controller = new AbortController();
  const givenUp = slots.acquire(controller.signal);
  const next = slots.acquire(signal);
  controller.abort('enough');
  await expect(givenUp).rejects.toBe('enough');
  giveBack();
  (await next)();
  await expect(slots.acquire(signal)).resolves.toBeTypeOf('function');
});

it('an abort after a slot was taken does not release the slot', async () => {
  const slots = new Semaphore(1);
  const giveBack = await slots.acquire(signal);
  const controller = new AbortController();
  const next = slots.acquire(controller.signal);
  giveBack();
  const giveNextBack = await next;
  controller.abort('enough');
  let isFree = false;
  const third = slots.acquire(signal).then(() => {
    isFree = true;
  });
  await Promise.resolve();
  expect(isFree).toBe(false);
  giveNextBack();
  await third;
});

it('a signal that was aborted before gets no slot', async () => {
  await expect(new Semaphore(1).acquire(AbortSignal.abort('enough'))).rejects.toBe('enough');
});

it('many waits with one signal add one listener to it', async () => {
  const slots = new Semaphore(1);
  const controller = new AbortController();
  const giveBack = await slots.acquire(controller.signal);
  const waiting = Array.from({ length: 20 }, () => slots.acquire(controller.signal));
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  giveBack();
  for (const taken of waiting) (await taken)();
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

it('work begins at once where a slot is free, else when one is released, also by a failure', async () => {
  const slots = new Semaphore(1);
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const work = (number: number) => (): Promise<number> => {
    begun.push(number);
    return new Promise((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve(number))));
  };
  const works = [1, 2, 3].map((number) => slots.run(work(number)));
  expect(begun).toEqual([1]);
  ends[0]?.(new Error('failed'));
  await expect(works[0]).rejects.toThrow('failed');
  expect(begun).toEqual([1, 2]);
  ends[1]?.();
  expect(await works[1]).toBe(2);
  expect(begun).toEqual([1, 2, 3]);
  ends[2]?.();
  expect(await works[2]).toBe(3);
});

it('a caller without a signal waits for a slot too', async () => {
  const slots = new Semaphore(1);
  const giveBack = await slots.acquire();
  const next = slots.acquire();
  giveBack();
  (await next)();
  await expect(slots.acquire()).resolves.toBeTypeOf('function');
});

/** Begins works that last until they are ended, and notes which have begun. */
function longWorks(slots: Semaphore, count: number): { readonly begun: number[]; end(number: number): Promise<void> } {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  for (let number = 0; number < count; number++) {
    void slots.run(() => {
      begun.push(number);
      return new Promise<void>((resolve) => {
        ends[number] = resolve;
      });
    });
  }
  return {
    begun,
    end: async (number) => {
      ends[number]?.();
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}

it('work that waits begins when there are more slots, as much as there are slots for', async () => {
  const slots = new Semaphore(1);
  const works = longWorks(slots, 4);
  slots.resize(3);
  expect(works.begun).toEqual([0, 1, 2]);
  await works.end(0);
  expect(works.begun).toEqual([0, 1, 2, 3]);
});

it('more slots than there is work are free for later work', () => {
  const slots = new Semaphore(1);
  expect(longWorks(slots, 2).begun).toEqual([0]);
  slots.resize(4);
  expect(longWorks(slots, 3).begun).toEqual([0, 1]);
});

it('work begins after others have ended, as many as there are fewer slots than before', async () => {
  const slots = new Semaphore(3);
  const works = longWorks(slots, 5);
  slots.resize(1);
  await works.end(0);
  await works.end(1);
  expect(works.begun).toEqual([0, 1, 2]);
  await works.end(2);
  expect(works.begun).toEqual([0, 1, 2, 3]);
});
