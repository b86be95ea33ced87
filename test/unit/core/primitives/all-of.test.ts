import { expect, test } from 'vitest';
import { allOf } from '../../../../src/core/primitives/all-of.js';

test('allOf rejects with the first rejection of the list, once all promises have settled', async () => {
  let hasEnded = false;
  const late = Promise.resolve().then(() => {
    hasEnded = true;
    throw new Error('the first of the list');
  });
  const early = Promise.reject(new Error('the first to reject'));
  await expect(allOf([Promise.resolve(1), late, early])).rejects.toThrow('the first of the list');
  expect(hasEnded).toBe(true);
});

test('allOf resolves if no promise rejects', async () => {
  await expect(allOf([Promise.resolve(1), Promise.resolve(2)])).resolves.toBeUndefined();
  await expect(allOf([])).resolves.toBeUndefined();
});
