import { describe, expect, test } from 'vitest';
import { isKnown, type Rotation, type Spent, withReserve } from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { isReserved, withSuccessor } from '../../../../src/core/records/reserved-tokens.js';

const NOW = 1_000_000;

/** The refresh token `P` that was put while the stored `A` was being sent, which is in reserve now. */
const PUT: Rotation = withReserve(
  { token: 'P', known: [secretHash('P')], intent: { hash: secretHash('A'), at: NOW } },
  { token: 'A', expiresAt: NOW + 5 },
  NOW,
);

function spent(token: string, base = token): Spent {
  return { hash: secretHash(token), base: secretHash(base), known: [secretHash('A')] };
}

describe('the answer to a refresh token that was moved to the reserve meanwhile', () => {
  test.each([
    ['the one in reserve was sent', PUT, spent('A'), true],
    ['the stored one was sent', PUT, spent('P'), false],
    ['the one in reserve was sent because the stored one was refused', PUT, spent('A', 'P'), false],
    ['another one was sent', PUT, spent('B'), false],
    ['nothing is stored', undefined, spent('A'), false],
    ['nothing is in reserve', { token: 'P' }, spent('A'), false],
  ])('whether it belongs to the reserve, when %s', (_, rotation, what, expected) => {
    expect(isReserved(rotation, what)).toBe(expected);
  });

  test.each([
    ['its own end', NOW + 9, NOW + 9],
    ['the end of the one before', undefined, NOW + 5],
  ])('its refresh token takes the place of the one that was sent, with %s', (_, expiresAt, expected) => {
    const after = withSuccessor(PUT, { value: 'B', expiresAt }, spent('A'));
    expect(after).toMatchObject({ token: 'P', reserve: [{ token: 'B', expiresAt: expected }] });
    expect(['P', 'A', 'B', 'C'].map((token) => isKnown(after, token))).toEqual([true, true, true, false]);
    expect(after).not.toHaveProperty('intent');
  });

  test('without a refresh token it leaves the one that was sent in reserve', () => {
    expect(withSuccessor(PUT, undefined, spent('A'))).toMatchObject({ reserve: [{ token: 'A' }] });
  });

  test('the refresh tokens that are known stay bounded', () => {
    const known = Array.from({ length: 17 }, (_, index) => secretHash(`${index}`));
    const after = withSuccessor({ ...PUT, known }, { value: 'B', expiresAt: undefined }, spent('A'));
    expect(after?.known).toEqual([known[0], ...known.slice(2), secretHash('B')]);
  });

  const RECEIVED = { value: 'B', expiresAt: undefined };
  const TWO: Rotation = { token: 'P', reserve: [{ token: 'C', expiresAt: NOW + 7 }, { token: 'A' }] };

  test('one of several refresh tokens in reserve is replaced, and the others stay', () => {
    expect(isReserved(TWO, spent('A'))).toBe(true);
    expect(withSuccessor(TWO, RECEIVED, spent('A'))).toEqual({
      token: 'P',
      known: [secretHash('B')],
      reserve: [{ token: 'C', expiresAt: NOW + 7 }, { token: 'B' }],
    });
    expect(withSuccessor(TWO, RECEIVED, spent('C'))?.reserve).toEqual([
      { token: 'B', expiresAt: NOW + 7 },
      { token: 'A' },
    ]);
  });

  test('a refresh token that was known before is the latest one that is known', () => {
    const known = ['P', 'B', 'A'].map(secretHash);
    const after = withSuccessor({ ...TWO, known }, RECEIVED, spent('A'));
    expect(after?.known).toEqual(['P', 'A', 'B'].map(secretHash));
  });

  test('what is no longer in reserve is not put there again', () => {
    expect(withSuccessor({ token: 'P' }, RECEIVED, spent('A'))).toEqual({
      token: 'P',
      known: [secretHash('B')],
      reserve: [],
    });
    expect(withSuccessor(undefined, RECEIVED, spent('A'))).toBeUndefined();
  });
});
