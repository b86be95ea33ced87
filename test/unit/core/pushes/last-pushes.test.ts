import { expect, test } from 'vitest';
import { LastPushes } from '../../../../src/core/pushes/last-pushes.js';

test('the last push to each app is remembered, in whole milliseconds', () => {
  let now = 1_000.4;
  const pushes = new LastPushes({ now: () => now });
  pushes.note('wx1');
  pushes.note('wx2');
  now = 2_000.6;
  pushes.note('wx1');
  expect([pushes.of('wx1'), pushes.of('wx2'), pushes.of('wx3')]).toEqual([2_001, 1_000, undefined]);
});
