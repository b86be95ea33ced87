import { expect, it } from 'vitest';
import { durationIn, shortDuration } from '../../../../src/cli/args/duration.js';

it.each([
  [-1, '0s'],
  [0, '0s'],
  [999, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_599_999, '59m'],
  [3_600_000, '1h 0m'],
  [6_720_000, '1h 52m'],
  [86_399_999, '23h 59m'],
  [86_400_000, '1d 0h'],
  [200_000_000, '2d 7h'],
])('%i ms are shown as %s', (ms, text) => {
  expect(shortDuration(ms)).toBe(text);
});

it.each([
  ['1s', 1_000],
  ['30m', 1_800_000],
  ['12h', 43_200_000],
  ['90d', 7_776_000_000],
  ['999999d', 86_399_913_600_000],
  ['0d', undefined],
  ['d', undefined],
  ['90', undefined],
  ['1.5d', undefined],
  ['-1d', undefined],
  ['1w', undefined],
  ['1000000s', undefined],
  ['', undefined],
])('%s means %s ms', (text, ms) => {
  expect(durationIn(text)).toBe(ms);
});
