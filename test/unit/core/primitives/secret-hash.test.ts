import { expect, test } from 'vitest';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';

test('the hash of a secret is the published SHA-256 of the text, cut to 128 bits', () => {
  expect(secretHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223');
});
