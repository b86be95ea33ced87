import { describe, expect, test } from 'vitest';
import { Counter, Histogram } from '../../../../src/core/primitives/counters.js';

describe('a counter', () => {
  test('a counter counts each combination of labels by itself, in the order in which they came', () => {
    const counter = new Counter();
    counter.add({ a: '1', b: '2' });
    counter.add({ a: '2', b: '1' });
    counter.add({ a: '1', b: '2' });
    expect([...counter.counts()]).toEqual([
      { labels: { a: '1', b: '2' }, value: 2 },
      { labels: { a: '2', b: '1' }, value: 1 },
    ]);
  });

  test('a counter tells an absent label from the rest', () => {
    const counter = new Counter();
    counter.add({ a: 'x', b: undefined });
    counter.add({ a: undefined, b: 'x' });
    expect([...counter.counts()]).toHaveLength(2);
  });

  test('a counter shows labels that are known beforehand as 0', () => {
    const counter = new Counter([{ a: '1' }, { a: '2' }]);
    counter.add({ a: '2' });
    expect([...counter.counts()].map(({ value }) => value)).toEqual([0, 1]);
  });
});

test.each([
  [-1, 0],
  [0, 0],
  [0.001, 1],
  [1, 1],
  [1.001, 2],
  [Number.POSITIVE_INFINITY, 2],
])('a histogram puts %d into the first bucket whose bound it does not exceed, number %i', (value, bucket) => {
  const histogram = new Histogram([0, 1]);
  histogram.observe(value);
  expect(histogram.counts.map((count, index) => (count === 1 ? index : -1)).filter((index) => index >= 0)).toEqual([
    bucket,
  ]);
  expect(histogram.sum).toBe(value);
});

test('a histogram without values counts 0 in every bucket', () => {
  expect(new Histogram([0, 1]).counts).toStrictEqual([0, 0, 0]);
});

test('a histogram counts and adds up the values of a bucket', () => {
  const histogram = new Histogram([0, 1]);
  for (const value of [0.5, 0.25, 2]) histogram.observe(value);
  expect(histogram.counts).toStrictEqual([0, 2, 1]);
  expect(histogram.sum).toBe(2.75);
});
