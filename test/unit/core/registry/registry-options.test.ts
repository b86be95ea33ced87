import { expect, test } from 'vitest';
import { maxHeldDocuments } from '../../../../src/core/registry/registry-options.js';

test.each([
  [1, 1_000],
  [500, 1_000],
  [501, 1_002],
  [100_000, 200_000],
])('a process that caches %i records caches %i documents of apps and tasks', (records, documents) => {
  expect(maxHeldDocuments(records)).toBe(documents);
});
