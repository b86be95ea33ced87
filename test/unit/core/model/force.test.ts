import { expect, test } from 'vitest';
import { isAnswerTo } from '../../../../src/core/model/force.js';

const FORCE = { at: 1_000, version: 3, value: 'old' };

test.each([
  [4, 1_000, 'new', true],
  [5, 1_001, 'new', true],
  [3, 1_000, 'new', false],
  [4, 999, 'new', false],
  [4, 1_000, 'old', false],
])(
  'a record of version %i that was obtained at %i with the value %s answers a forced refresh: %s',
  (version, obtainedAt, value, expected) => {
    expect(isAnswerTo(FORCE, version, { obtainedAt, value })).toBe(expected);
  },
);
