import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { SigningToken } from '../../../../src/testing/envelope/signing-token.js';
import { PLAIN_SIGNATURES, VECTORS } from '../../platform/envelope/vectors.js';

test.each(Object.entries(VECTORS))('the fake signs the message of %s as published', (_, vector) => {
  expect(new SigningToken(vector.token).sign(vector)).toBe(vector.signature);
});

test.each(PLAIN_SIGNATURES)('the fake signs a push in clear as published: %j', ({ signature, ...parts }) => {
  expect(new SigningToken('AAAAA').sign(parts)).toBe(signature);
});

test('a token is replaced wherever a text contains it, and inspect does not show it', () => {
  const token = new SigningToken('canary.token');
  expect(token.withoutToken('canary.token, canary.token: canaryXtoken')).toBe('<token>, <token>: canaryXtoken');
  expect(inspect(token, { depth: 9, showHidden: true })).not.toContain('canary');
});
