import { expect, test } from 'vitest';
import { ReadsInTurn } from '../../../../src/core/concurrency/reads-in-turn.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Stands for a store whose reads last until they are ended, one after the other. */
class Reads {
  readonly turns = new ReadsInTurn();
  begun = 0;
  readonly #ends: ((error?: Error) => void)[] = [];

  readonly read = (): Promise<void> => {
    this.begun += 1;
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  };

  /** Ends the oldest read that is in progress. */
  async end(error?: Error): Promise<void> {
    this.#ends.shift()?.(error);
    await settle();
  }
}

test('a read is known as the one of each of its documents until it ends', async () => {
  const reads = new Reads();
  const reading = reads.turns.begin(['a', 'b'], reads.read);
  for (const id of ['a', 'b']) expect(reads.turns.of(id)).toBe(reading);
  expect(reads.turns.of('c')).toBeUndefined();
  await reads.end();
  expect([reads.turns.of('a'), reads.turns.of('b')]).toEqual([undefined, undefined]);
});

test('a read that fails is over, and reports its failure', async () => {
  const reads = new Reads();
  const reading = reads.turns.begin(['a'], reads.read);
  reading.catch(() => {});
  await reads.end(new Error('no'));
  await expect(reading).rejects.toThrow('no');
  expect(reads.turns.of('a')).toBeUndefined();
});

test('a document is read again at once, each time it is not being read', async () => {
  const reads = new Reads();
  for (const begun of [1, 2]) {
    const reading = reads.turns.again('a', reads.read);
    expect(reads.begun).toBe(begun);
    expect(reads.turns.of('a')).toBe(reading);
    await reads.end();
    await reading;
  }
});

test('a read that follows another one is known as the one of its document until it ends', async () => {
  const reads = new Reads();
  const first = reads.turns.begin(['a'], reads.read);
  const again = reads.turns.again('a', reads.read);
  await reads.end();
  expect(reads.turns.of('a')).toBeInstanceOf(Promise);
  expect(reads.turns.of('a')).not.toBe(first);
  await reads.end();
  await again;
  expect(reads.turns.of('a')).toBeUndefined();
});

test.each([undefined, new Error('no')])(
  'calls during a read share one that begins when that has ended, with %s',
  async (error) => {
    const reads = new Reads();
    reads.turns.begin(['a'], reads.read).catch(() => {});
    const one = reads.turns.again('a', reads.read);
    expect(reads.turns.again('a', reads.read)).toBe(one);
    await settle();
    expect(reads.begun).toBe(1);
    await reads.end(error);
    expect(reads.begun).toBe(2);
    const later = reads.turns.again('a', reads.read);
    expect(later).not.toBe(one);
    await reads.end();
    await one;
    expect(reads.begun).toBe(3);
    await reads.end();
    await later;
    expect(reads.turns.of('a')).toBeUndefined();
  },
);

test('a read waits for another one that began while it waited', async () => {
  const reads = new Reads();
  const first = reads.turns.begin(['a'], reads.read);
  const beside = first.then(() => reads.turns.begin(['a', 'b'], reads.read));
  const again = reads.turns.again('a', reads.read);
  await reads.end();
  expect(reads.begun).toBe(2);
  await reads.end();
  await beside;
  expect(reads.begun).toBe(3);
  await reads.end();
  await again;
});
