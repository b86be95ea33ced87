import { expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { InputMissing } from '../../../../src/core/model/input-missing.js';

test('a missing input is recognized, and contains the error of the input', () => {
  const error = new TokenError('NOT_REGISTERED', 'no such app', {});
  const missing = new InputMissing(error);
  expect(InputMissing.is(missing)).toBe(true);
  expect([missing.error, missing.message]).toEqual([error, 'no such app']);
});

test.each<[string, unknown]>([
  ['an error', new Error('no')],
  ['an object with the prototype', Object.create(InputMissing.prototype)],
  ['null', null],
  ['undefined', undefined],
  ['text', 'no'],
  ['a function', InputMissing],
])('%s that a refresher throws is not taken for a missing input', (_, thrown) => {
  expect(InputMissing.is(thrown)).toBe(false);
});
