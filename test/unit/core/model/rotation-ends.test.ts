import { describe, expect, test } from 'vitest';
import {
  afterGrant,
  continuesFrom,
  endsOf,
  isOfNoMoreUse,
  isOfStoredToken,
  type Refused,
  type Rotation,
  type Spent,
  withEndsTold,
  withReserve,
} from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';

const NOW = 1_000_000;
const [A, B, C, X] = ['A', 'B', 'C', 'X'].map(secretHash) as [string, string, string, string];

const refusal = (hash: string): Refused => ({
  hash,
  deadAt: NOW,
  error: { code: 'REAUTHORIZATION_REQUIRED', message: 'm', retryable: false },
});

const spent = (hash: string, base: string | undefined, known: readonly string[] = [], onOffer?: string): Spent => ({
  hash,
  base,
  known,
  onOffer,
});

const put = (value: string, expiresAt?: number) => ({ value, expiresAt });

describe('the ends of refresh tokens', () => {
  test.each<[string, Rotation | undefined, readonly string[]]>([
    ['none without a rotation', undefined, []],
    ['none of a token without an end', { token: 'A' }, []],
    ['none of a token that has not expired', { token: 'A', expiresAt: NOW + 1 }, []],
    ['the token that has expired', { token: 'A', expiresAt: NOW }, [A]],
    ['no end without a token', { expiresAt: NOW }, []],
    ['those that were refused', { token: 'A', refused: [refusal(B), refusal(C)] }, [B, C]],
    ['the expired one after those that were refused', { token: 'A', expiresAt: NOW, refused: [refusal(B)] }, [B, A]],
    ['one that was refused and has expired once', { token: 'A', expiresAt: NOW, refused: [refusal(A)] }, [A]],
  ])('the refresh tokens that are no longer usable are %s', (_, rotation, expected) => {
    expect(endsOf(rotation, NOW)).toEqual(expected);
  });

  test('the ends that the user was told of are noted, and nothing is noted without one', () => {
    const rotation = { token: 'A', told: [C] };
    expect(withEndsTold(rotation, [A, B])).toEqual({ token: 'A', told: [A, B] });
    expect(withEndsTold(undefined, [A])).toEqual({ told: [A] });
    expect(withEndsTold(rotation, [])).toBe(rotation);
    expect(withEndsTold(undefined, [])).toBeUndefined();
  });

  test('a refresh token that is put anew is usable again, and its next end is to be told', () => {
    const refused = [refusal(A), refusal(B)];
    expect(afterGrant({ token: 'A', refused, told: [A, B] }, put('A'), undefined, NOW)).toEqual({
      token: 'A',
      refused: [refusal(B)],
      told: [B],
    });
    expect(afterGrant({ token: 'A', refused }, put('A'), undefined, NOW)).toEqual({
      token: 'A',
      refused: [refusal(B)],
    });
    expect(afterGrant({ token: 'A', told: [A, B] }, put('A'), undefined, NOW)).toEqual({ token: 'A', told: [B] });
    expect(afterGrant({ token: 'A' }, put('A'), undefined, NOW)).toEqual({ token: 'A' });
  });

  test('an answer of WeChat with the same refresh token takes no refusal back', () => {
    const rotation = { token: 'A', refused: [refusal(A)] };
    expect(afterGrant(rotation, put('A'), spent(A, A), NOW)).toEqual(rotation);
  });

  test.each<[Rotation | undefined, boolean]>([
    [undefined, false],
    [{ refused: [refusal(A)] }, false],
    [{ token: 'A' }, false],
    [{ token: 'A', expiresAt: NOW + 1 }, false],
    [{ token: 'A', expiresAt: NOW }, true],
    [{ token: 'A', refused: [refusal(B)] }, false],
    [{ token: 'A', refused: [refusal(B), refusal(A)] }, true],
  ])('whether the refresh token of %j is of no more use: %s', (rotation, expected) => {
    expect(isOfNoMoreUse(rotation, NOW)).toBe(expected);
  });
});

describe('the refresh token after a grant', () => {
  test('the same refresh token keeps its end unless the grant states another', () => {
    const rotation = { token: 'A', expiresAt: NOW + 5 };
    expect(afterGrant(rotation, put('A'), spent(A, A), NOW)).toEqual(rotation);
    expect(afterGrant(rotation, put('A', NOW + 9), spent(A, A), NOW)).toEqual({ token: 'A', expiresAt: NOW + 9 });
  });

  test('another refresh token has the end of the one that was sent for it', () => {
    const rotation = { token: 'A', expiresAt: NOW + 5, known: [A], reserve: [{ token: 'C', expiresAt: NOW + 7 }] };
    expect(afterGrant(rotation, put('B'), spent(A, A), NOW)?.expiresAt).toBe(NOW + 5);
    expect(afterGrant(rotation, put('B', NOW + 9), spent(A, A), NOW)?.expiresAt).toBe(NOW + 9);
    expect(afterGrant(rotation, put('B'), spent(C, A), NOW)?.expiresAt).toBe(NOW + 7);
    expect(afterGrant(rotation, put('B'), spent(X, A), NOW)).not.toHaveProperty('expiresAt');
  });

  test('a put notes the refresh token of the attempt in progress as known', () => {
    const rotation = { token: 'A', known: [A], intent: { hash: X, at: NOW } };
    expect(afterGrant(rotation, put('B'), undefined, NOW)).toEqual({
      token: 'B',
      known: [B, A, X],
      firsts: [A],
      intent: { hash: X, at: NOW },
    });
    expect(afterGrant({ token: 'A', known: [A] }, put('B'), undefined, NOW)?.known).toEqual([B, A]);
  });

  test('the refusal of the refresh token that is still offered is the last to be forgotten', () => {
    const rotation = { token: 'A', known: [A], refused: [refusal(X), refusal(C)] };
    const refusedAfter = (onOffer?: string) =>
      afterGrant(rotation, put('B'), spent(A, A, [], onOffer), NOW)?.refused?.map(({ hash }) => hash);
    expect(refusedAfter(X)).toEqual([C, X]);
    expect(refusedAfter(C)).toEqual([X, C]);
    expect(refusedAfter()).toEqual([X, C]);
  });

  test('the firsts of earlier chains end with the one that is still offered', () => {
    const rotation = { token: 'A', known: [A], firsts: [X, C] };
    expect(afterGrant(rotation, put('B'), undefined, NOW)?.firsts).toEqual([X, C, A]);
    expect(afterGrant(rotation, put('B'), spent(secretHash('Y'), A, [], X), NOW)?.firsts).toEqual([C, A, X]);
    expect(afterGrant(rotation, put('B'), spent(C, A), NOW)?.firsts).toEqual([X, A]);
    expect(afterGrant({ ...rotation, firsts: [A, X] }, put('B'), undefined, NOW)?.firsts).toEqual([A, X]);
  });

  test('at most 16 firsts of earlier chains are remembered, the latest ones', () => {
    const firsts = Array.from({ length: 16 }, (_, index) => secretHash(`first ${index}`));
    const after = afterGrant({ token: 'A', known: [A], firsts }, put('B'), undefined, NOW);
    expect(after?.firsts).toEqual([...firsts.slice(1), A]);
  });

  test.each<[string, Spent, readonly string[] | undefined]>([
    ['after its answer', spent(A, A, [], X), [C, X]],
    ['once, at the end', spent(A, A, [], C), [C]],
    ['not after the answer for another', spent(X, A, [], B), [C]],
    ['not if nothing was offered', spent(A, A), [C]],
    ['not if it is an old one', spent(A, A, [], B), [C]],
  ])('what the params offered beside a refresh token that was put is sent later: %s', (_, answered, deferred) => {
    const rotation = { token: 'A', known: [B, A], put: { hash: A }, deferred: [C] };
    const after = afterGrant(rotation, undefined, answered, NOW);
    expect([after?.deferred, after?.put]).toEqual([deferred, undefined]);
  });

  test('nothing is sent later if nothing was offered beside a refresh token that was put', () => {
    const after = afterGrant({ token: 'A', put: { hash: A } }, undefined, spent(A, A), NOW);
    expect(after).toStrictEqual({ token: 'A' });
  });
});

describe('the outcome of a refresh token that was sent', () => {
  test.each<[Rotation | undefined, Spent, boolean]>([
    [undefined, spent(A, B), true],
    [{ refused: [] }, spent(A, B), true],
    [{ token: 'A' }, spent(X, A), true],
    [{ token: 'A' }, spent(A, B), true],
    [{ token: 'A' }, spent(X, B, [A]), true],
    [{ token: 'A' }, spent(X, B, [C]), false],
  ])('whether, with %j stored, the outcome of %j may be stored: %s', (rotation, sent, expected) => {
    expect(continuesFrom(rotation, sent)).toBe(expected);
  });

  test.each<[Rotation | undefined, Spent, boolean]>([
    [undefined, spent(A, A), true],
    [undefined, spent(A, undefined), false],
    [{ token: 'A' }, spent(A, B), true],
    [{ token: 'A' }, spent(X, B), false],
    [{ token: 'A' }, spent(B, B), true],
  ])('whether, with %j stored, %j is the stored refresh token: %s', (rotation, sent, expected) => {
    expect(isOfStoredToken(rotation, sent)).toBe(expected);
  });
});

describe('refresh tokens in reserve', () => {
  test('the refresh token of another authorization is kept in reserve, with its end, and counts as known', () => {
    const rotation = { token: 'A', known: [A] };
    expect(withReserve(rotation, { token: 'B', expiresAt: NOW + 5 }, NOW)).toEqual({
      ...rotation,
      known: [A, B],
      reserve: [{ token: 'B', expiresAt: NOW + 5 }],
    });
    expect(withReserve(rotation, { token: 'B' }, NOW).reserve).toStrictEqual([{ token: 'B' }]);
  });

  test('the reserve of the other rotation is kept before its own refresh token', () => {
    const other = { token: 'B', reserve: [{ token: 'C' }] };
    expect(withReserve({ token: 'A', known: [A] }, other, NOW)).toEqual({
      token: 'A',
      known: [A, C, B],
      reserve: [{ token: 'C' }, { token: 'B' }],
    });
  });

  test.each<[string, Rotation | undefined, Rotation | undefined]>([
    ['nothing', undefined, undefined],
    ['no token', { refused: [] }, undefined],
    ['the same token', { token: 'A' }, undefined],
    ['an expired token', { token: 'B', expiresAt: NOW }, undefined],
    ['a token that it saw refused', { token: 'B', refused: [refusal(B)] }, undefined],
    ['a token that was refused', { token: 'B' }, { token: 'A', refused: [refusal(B)] }],
  ])('a rotation stays what it is if the other one has %s', (_, other, given) => {
    const rotation = given ?? { token: 'A' };
    expect(withReserve(rotation, other, NOW)).toBe(rotation);
  });

  test('a refresh token is in reserve once, the latest last, and at most four are', () => {
    const reserve = ['C', 'D', 'E', 'F'].map((token) => ({ token }));
    const after = withReserve({ token: 'A', known: [A], reserve }, { token: 'C' }, NOW);
    expect(after.reserve?.map(({ token }) => token)).toEqual(['D', 'E', 'F', 'C']);
    const more = withReserve({ token: 'A', known: [A], reserve }, { token: 'G' }, NOW);
    expect(more.reserve?.map(({ token }) => token)).toEqual(['D', 'E', 'F', 'G']);
  });

  test('a rotation without hashes knows its own token first, and then those in reserve', () => {
    expect(withReserve({ token: 'A' }, { token: 'B' }, NOW).known).toEqual([A, B]);
    expect(withReserve({}, { token: 'B' }, NOW).known).toEqual([B]);
    expect(withReserve({ token: 'A', known: [X, B, A] }, { token: 'B' }, NOW).known).toEqual([X, A, B]);
  });

  test('the first hash and the latest 16 are known beside a reserve', () => {
    const known = Array.from({ length: 20 }, (_, index) => secretHash(`known ${index}`));
    const after = withReserve({ token: 'A', known }, { token: 'B' }, NOW);
    expect(after.known).toEqual([known[0], ...known.slice(5), B]);
  });
});
