import { expect, test } from 'vitest';
import { deleteOldest } from '../../../../src/core/primitives/oldest-entries.js';

test.each([
  [0, ['a', 'b', 'c']],
  [1, ['b', 'c']],
  [2, ['c']],
  [3, []],
  [4, []],
])('deleting the oldest %i of three entries leaves those that were set last', (count, left) => {
  const entries = new Map([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  deleteOldest(entries, count);
  expect([...entries.keys()]).toEqual(left);
});
