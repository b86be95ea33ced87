import { describe, expect, test } from 'vitest';
import { backOffMs, verdictOf } from '../src/delivery/verdict.js';

describe('an answer of WeChat', () => {
  test('code 0 means that the message was sent', () => {
    expect(verdictOf(0, 'ok', 1)).toEqual({ kind: 'sent' });
  });

  test.each([
    [-1, 1, 1_000],
    [-1, 4, 8_000],
    [40_001, 2, 2_000],
    [42_001, 1, 1_000],
    [45_009, 1, 60_000],
    [45_011, 7, 60_000],
  ])('error %i at attempt %i is retried after %i ms', (errcode, attempts, afterMs) => {
    expect(verdictOf(errcode, 'x', attempts)).toMatchObject({ kind: 'retry', errcode, afterMs });
  });

  test.each([
    [43_101, 'consent'],
    [47_003, 'template'],
    [40_037, 'template'],
    [41_030, 'template'],
    [48_001, 'template'],
    [61_007, 'template'],
    [40_003, 'user'],
    [50_002, 'other'],
    [99_999, 'other'],
  ])('error %i is a refusal because of the %s', (errcode, because) => {
    expect(verdictOf(errcode, 'words', 1)).toMatchObject({ kind: 'refused', errcode, because });
  });
});

test.each([
  [1, 1_000],
  [2, 2_000],
  [7, 64_000],
  [8, 120_000],
  [60, 120_000],
])('attempt %i is followed by another after %i ms', (attempts, ms) => {
  expect(backOffMs(attempts)).toBe(ms);
});
