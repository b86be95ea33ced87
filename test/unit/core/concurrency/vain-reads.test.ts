import { expect, test } from 'vitest';
import { VainReads } from '../../../../src/core/concurrency/vain-reads.js';

const reserved = (reads: VainReads, sender: string, count: number): number =>
  Array.from({ length: count }, () => reads.reserve(sender, 0)).filter((refund) => refund !== undefined).length;

test('one sender gets half of the reads', () => {
  const reads = new VainReads();
  expect(reserved(reads, 'one', 100)).toBe(10);
  expect(reserved(reads, 'another', 100)).toBe(10);
  expect(reserved(reads, 'a third', 100)).toBe(0);
});

test('unknown senders have no share of their own', () => {
  const reads = new VainReads();
  expect(reserved(reads, '', 100)).toBe(20);
});

test('a read that is refunded may be made again by the same sender', () => {
  const reads = new VainReads();
  for (let count = 0; count < 200; count++) reads.reserve('one', 0)?.();
  expect(reserved(reads, 'one', 100)).toBe(10);
});

test('a read that is refused because of all senders is not one of its sender', () => {
  const reads = new VainReads();
  expect(reserved(reads, '', 20)).toBe(20);
  expect(reserved(reads, 'one', 100)).toBe(0);
  // After half a second there are ten reads again, and the sender has them all.
  expect(Array.from({ length: 100 }, () => reads.reserve('one', 500)).filter(Boolean)).toHaveLength(10);
});
