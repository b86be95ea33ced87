import { expect, test } from 'vitest';
import { StoreFailure } from '../../../../src/core/primitives/store-failure.js';

test('a failure of a store is recognized, with its name, its message and its code', () => {
  const failure = new StoreFailure('the disk is full', 'ENOSPC');
  expect(StoreFailure.is(failure)).toBe(true);
  expect([failure.name, failure.message, failure.code]).toEqual(['StoreFailure', 'the disk is full', 'ENOSPC']);
  expect(new StoreFailure('no answer').code).toBeUndefined();
});

test.each<[string, unknown]>([
  ['another error', new Error('no')],
  ['an object that claims the name', { name: 'StoreFailure', message: 'no' }],
  ['an object that inherits from one', Object.create(new StoreFailure('no'))],
  ['null', null],
  ['undefined', undefined],
  ['text', 'StoreFailure'],
  ['a function', StoreFailure],
])('%s is not taken for a failure of a store', (_, value) => {
  expect(StoreFailure.is(value)).toBe(false);
});
