import { expect, test } from 'vitest';
import { KeyedMutex } from '../../../../src/core/concurrency/keyed-mutex.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Work {
  readonly done: Promise<unknown>;
  readonly end: (error?: Error) => void;
}

/** Runs work that notes its beginning and lasts until it is ended. */
function workOf(mutex: KeyedMutex, name: string, begun: string[], label: string): Work {
  let end!: (error?: Error) => void;
  const lasting = new Promise<string>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve(label) : reject(error));
  });
  const done = mutex.run(name, () => {
    begun.push(label);
    return lasting;
  });
  return { done, end };
}

test('work of the same name runs one after the other, and work of another name beside it', async () => {
  const mutex = new KeyedMutex();
  const begun: string[] = [];
  const [first, second, third, other] = ['first', 'second', 'third', 'other'].map((label) =>
    workOf(mutex, label === 'other' ? 'b' : 'a', begun, label),
  ) as [Work, Work, Work, Work];
  await settle();
  expect(begun).toEqual(['first', 'other']);
  first.end();
  await settle();
  expect(begun).toEqual(['first', 'other', 'second']);
  second.end();
  third.end();
  other.end();
  expect(await Promise.all([first, second, third, other].map(({ done }) => done))).toEqual([
    'first',
    'second',
    'third',
    'other',
  ]);
});

test('work runs after work of the same name that has failed', async () => {
  const mutex = new KeyedMutex();
  const begun: string[] = [];
  const first = workOf(mutex, 'a', begun, 'first');
  const second = workOf(mutex, 'a', begun, 'second');
  first.end(new Error('no'));
  await expect(first.done).rejects.toThrow('no');
  second.end();
  expect(await second.done).toBe('second');
});

test('work that comes when earlier work of the same name has ended, while other such work lasts, waits for that', async () => {
  const mutex = new KeyedMutex();
  const begun: string[] = [];
  const first = workOf(mutex, 'a', begun, 'first');
  const second = workOf(mutex, 'a', begun, 'second');
  first.end();
  await settle();
  const third = workOf(mutex, 'a', begun, 'third');
  await settle();
  expect(begun).toEqual(['first', 'second']);
  second.end();
  await settle();
  expect(begun).toEqual(['first', 'second', 'third']);
  third.end();
  await third.done;
});
