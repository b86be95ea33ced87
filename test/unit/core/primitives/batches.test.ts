import { expect, test } from 'vitest';
import { batches } from '../../../../src/core/primitives/batches.js';

test.each([
  [0, []],
  [1, [1]],
  [100, [100]],
  [101, [100, 1]],
  [250, [100, 100, 50]],
])('a list of %i items is divided into batches of at most 100, in order', (length, sizes) => {
  const items = Array.from({ length }, (_, index) => index);
  const found = [...batches(items)];
  expect(found.map((batch) => batch.length)).toEqual(sizes);
  expect(found.flat()).toEqual(items);
});
