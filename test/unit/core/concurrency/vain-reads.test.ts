import { expect, test } from 'vitest';
import { type ReadOutcome, VainReads } from '../../../../src/core/concurrency/vain-reads.js';
import { FakeClock } from '../../../../src/testing/index.js';

const RATES = { perSecond: 20, perSecondOfSender: 10 };

/** Limits on a clock that stands still, and what many reads at once come to. */
function scene() {
  const clock = new FakeClock();
  const reads = new VainReads(clock, RATES);
  const run = (sender: string, outcome: ReadOutcome) =>
    reads.run(
      sender,
      async () => outcome,
      (result) => result,
    );
  const made = async (sender: string, count: number, outcome: ReadOutcome = 'vain'): Promise<number> => {
    const results = await Promise.all(Array.from({ length: count }, () => run(sender, outcome)));
    return results.filter((result) => result !== undefined).length;
  };
  return { clock, reads, made };
}

test('one sender gets half of the reads that find nothing', async () => {
  const { made } = scene();
  expect(await made('one', 100)).toBe(10);
  expect(await made('another', 100)).toBe(10);
  expect(await made('a third', 100)).toBe(0);
});

test('unknown senders have no share of their own', async () => {
  const { made } = scene();
  expect(await made('', 100)).toBe(20);
});

test.each(['one', ''])(
  'any number of reads that find something are made at the same time, by the sender "%s"',
  async (sender) => {
    const { made } = scene();
    expect(await made(sender, 200, 'found')).toBe(200);
    expect(await made(sender, 100)).toBe(sender === '' ? 20 : 10);
  },
);

test('reads that fail count for nothing with their sender, and like others in total', async () => {
  const { made } = scene();
  expect(await made('one', 100, 'failed')).toBe(20);
  expect(await made('one', 100)).toBe(0);
});

test('a read that throws counts as one that has failed, and the next one may begin', async () => {
  const { reads, made } = scene();
  const thrown = Array.from({ length: 20 }, () =>
    reads.run(
      'one',
      () => Promise.reject(new Error('the store')),
      () => 'vain',
    ),
  );
  expect((await Promise.allSettled(thrown)).map(({ status }) => status)).toEqual(Array(20).fill('rejected'));
  expect(await made('one', 1)).toBe(0);
});

test('a read that is refused because of all senders is not one of its sender', async () => {
  const { clock, made } = scene();
  expect(await made('', 20)).toBe(20);
  expect(await made('one', 100)).toBe(0);
  // After half a second there are ten reads again, and the sender has them all.
  await clock.advance(500);
  expect(await made('one', 100)).toBe(10);
});
