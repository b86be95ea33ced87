import { describe, expect, test } from 'vitest';
import type { Refused, Rotation, Spent } from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { type GrantOrigin, mayFollow, rotationAfter, verdictOn } from '../../../../src/core/records/grant-verdict.js';
import type { KeyDocument, StoredGrant } from '../../../../src/core/store/key-document.js';

const NOW = 1_700_000_000_000;
const [A, B, X] = ['A', 'B', 'X'].map(secretHash) as [string, string, string];

const grant = (value: string, obtainedAt = NOW, more: Partial<StoredGrant> = {}): StoredGrant => ({
  value,
  obtainedAt,
  expiresAt: obtainedAt + 7_200_000,
  dueAt: obtainedAt + 6_000_000,
  ...more,
});
const OLD = grant('old', NOW - 60_000);
const NEW = grant('new', NOW - 1_000);

const document = (current: StoredGrant | undefined, rotation?: Rotation, version = 3): KeyDocument =>
  ({
    version,
    recordVersion: version,
    unknown: {},
    ...(current && { grant: current }),
    ...(rotation && { rotation }),
  }) as KeyDocument;
const spent = (hash: string, base: string | undefined, known: readonly string[] = []): Spent => ({ hash, base, known });
const received = (value: string, expiresAt?: number) => ({ value, expiresAt });
const UPSTREAM: GrantOrigin = { source: 'upstream' };
const PUT: GrantOrigin = { source: 'put' };
const refusal = (hash: string): Refused => ({
  hash,
  deadAt: NOW,
  error: { code: 'REAUTHORIZATION_REQUIRED', message: 'm', retryable: false },
});

const verdict = (got: StoredGrant, stored: KeyDocument, origin: GrantOrigin = UPSTREAM) =>
  verdictOn(got, stored, origin, NOW);

describe('the verdict on a grant without refresh tokens', () => {
  test('the first grant and a later one are written', () => {
    const empty = document(undefined, undefined, 0);
    expect(verdict(NEW, empty)).toEqual({
      kind: 'writes',
      next: { ...empty, rotation: undefined },
      inForce: NEW,
      isBeside: false,
    });
    expect(verdict(NEW, document(OLD))).toMatchObject({ kind: 'writes', inForce: NEW, isBeside: false });
  });

  test('an older grant yields to the stored one, unless that is of the future', () => {
    expect(verdict(OLD, document(NEW))).toMatchObject({ kind: 'yields', winner: NEW });
    const future = grant('future', NOW + 5_001);
    expect(verdict(OLD, document(future))).toMatchObject({ kind: 'writes', inForce: OLD, isBeside: false });
    expect(verdict(OLD, document(grant('soon', NOW + 5_000)))).toMatchObject({ kind: 'yields' });
  });

  test('the same grant repeats the stored one, unless that is of the future', () => {
    expect(verdict(NEW, document(NEW))).toMatchObject({ kind: 'repeats', winner: NEW });
    const future = grant('future', NOW + 5_001);
    expect(verdict(future, document(future))).toMatchObject({ kind: 'writes', inForce: future });
  });

  test('a verdict keeps the document but for the announced refresh token', () => {
    const rotation = { refused: [refusal(X)], intent: { hash: A, at: NOW } };
    const kept = { refused: [refusal(X)] };
    expect(verdict(NEW, document(NEW, rotation))).toMatchObject({ kind: 'repeats', document: { rotation: kept } });
    expect(verdict(OLD, document(NEW, rotation))).toMatchObject({ kind: 'yields', document: { rotation: kept } });
  });
});

describe('the verdict on a grant with a refresh token', () => {
  test('the answer to the stored refresh token is written with its successor', () => {
    const origin = { ...UPSTREAM, received: received('B'), spent: spent(A, A, [A]) };
    const written = verdict(NEW, document(OLD, { token: 'A', known: [A] }), origin);
    expect(written).toMatchObject({ kind: 'writes', inForce: NEW, isBeside: false });
    expect(written).toMatchObject({ next: { rotation: { token: 'B' } } });
  });

  test('the answer to a refresh token that was replaced stands back', () => {
    const origin = { ...UPSTREAM, received: received('C'), spent: spent(A, A, [A]) };
    expect(verdict(NEW, document(OLD, { token: 'X', known: [X] }), origin)).toEqual({ kind: 'standBack' });
    expect(verdict(NEW, document(undefined, { token: 'X', known: [X] }, 0), origin)).toMatchObject({ kind: 'writes' });
  });

  test('a refresh token that an older answer brings is stored beside the newer grant', () => {
    const origin = { ...UPSTREAM, received: received('B'), spent: spent(A, A, [A]) };
    expect(verdict(OLD, document(NEW, { token: 'A', known: [A] }), origin)).toMatchObject({
      kind: 'writes',
      inForce: NEW,
      isBeside: true,
      next: { rotation: { token: 'B' } },
    });
  });

  test('the answer to a refresh token in reserve takes its place there', () => {
    const rotation = { token: 'X', known: [X, A], reserve: [{ token: 'A' }] };
    const origin = { ...UPSTREAM, received: received('B'), spent: spent(A, A, []) };
    expect(verdict(NEW, document(OLD, rotation), origin)).toMatchObject({
      kind: 'writes',
      next: { rotation: { token: 'X', reserve: [{ token: 'B' }] } },
    });
  });

  test('an older put of another refresh token keeps the stored one in reserve', () => {
    const stored = document(NEW, { token: 'A', known: [A] });
    expect(verdict(OLD, stored, { ...PUT, received: received('B') })).toMatchObject({
      kind: 'writes',
      inForce: NEW,
      isBeside: true,
      next: { rotation: { token: 'B', reserve: [{ token: 'A' }] } },
    });
    const later = verdict(NEW, document(OLD, { token: 'A', known: [A] }), { ...PUT, received: received('B') });
    expect(later).toMatchObject({ kind: 'writes', inForce: NEW, isBeside: false });
    expect(later).not.toHaveProperty('next.rotation.reserve');
  });

  test('a put that makes the refresh token usable again is written, even if its grant is older', () => {
    const stored = document(NEW, { token: 'A', known: [A], refused: [refusal(A)] });
    expect(verdict(OLD, stored, { ...PUT, received: received('A') })).toMatchObject({ kind: 'writes', isBeside: true });
    const usable = document(NEW, { token: 'A', known: [A] });
    expect(verdict(OLD, usable, { ...PUT, received: received('A') })).toMatchObject({ kind: 'yields' });
  });

  test.each<[string, StoredGrant, StoredGrant, GrantOrigin, string]>([
    [
      'of the answer to a refresh',
      OLD,
      NEW,
      { ...UPSTREAM, received: received('A', NOW + 9), spent: spent(A, A, [A]) },
      'writes',
    ],
    ['of a later put', NEW, OLD, { ...PUT, received: received('A', NOW + 9) }, 'writes'],
    ['not of an older put', OLD, NEW, { ...PUT, received: received('A', NOW + 9) }, 'yields'],
    ['not the same one', OLD, NEW, { ...PUT, received: received('A', NOW + 5) }, 'yields'],
  ])('another end of the same refresh token is written: %s', (_, got, current, origin, kind) => {
    const stored = document(current, { token: 'A', known: [A], expiresAt: NOW + 5 });
    expect(verdict(got, stored, origin).kind).toBe(kind);
  });
});

describe('the verdict on a grant with scopes', () => {
  const base = grant('base', NOW - 1_000, { scope: 'snsapi_base' });
  const wide = grant('wide', NOW - 60_000, { scope: 'snsapi_userinfo' });

  test('a login with fewer scopes yields to the consent that is stored', () => {
    const stored = document(wide, { token: 'A', known: [A] });
    expect(verdict(base, stored, { ...PUT, received: received('B') })).toEqual({
      kind: 'yields',
      document: stored,
      winner: wide,
    });
    const hidden = { ...document(undefined, { token: 'A', known: [A] }), hidden: wide } as KeyDocument;
    expect(verdict(base, hidden, PUT)).toEqual({ kind: 'yields', document: hidden, winner: wide });
  });

  test.each<[string, Rotation | undefined, StoredGrant, StoredGrant]>([
    ['a consent whose refresh token was refused', { token: 'A', known: [A], refused: [refusal(A)] }, wide, base],
    ['a consent that has expired, without a refresh token', undefined, { ...wide, expiresAt: NOW }, base],
    ['a consent of the future, without a refresh token', undefined, { ...wide, obtainedAt: NOW + 5_001 }, base],
    ['a consent to the same scopes', { token: 'A', known: [A] }, wide, { ...base, scope: 'snsapi_userinfo' }],
  ])('a login replaces %s', (_, rotation, current, got) => {
    expect(verdict(got, document(current, rotation), { ...PUT, received: received('B') })).toMatchObject({
      kind: 'writes',
    });
  });

  test('a login with fewer scopes yields to a consent without a refresh token that lives', () => {
    expect(verdict(base, document(wide), PUT)).toMatchObject({ kind: 'yields', winner: wide });
  });

  test('the answer of WeChat with fewer scopes is no login', () => {
    expect(verdict(base, document(wide), UPSTREAM)).toMatchObject({ kind: 'writes', inForce: base });
  });

  test('a login with more scopes than the stored grant is in force, even if it is older', () => {
    const stored = document(base, { token: 'A', known: [A] });
    expect(verdict(wide, stored, { ...PUT, received: received('B') })).toMatchObject({
      kind: 'writes',
      inForce: wide,
      isBeside: false,
    });
    const same = document({ ...base, scope: 'snsapi_userinfo' }, { token: 'A', known: [A] });
    expect(verdict(wide, same, { ...PUT, received: received('B') })).toMatchObject({ isBeside: true });
  });

  test('a grant has the scopes of the stored one whose refresh token was sent for it', () => {
    const origin = { ...UPSTREAM, received: received('B'), spent: spent(A, A, [A]) };
    const stored = document(wide, { token: 'A', known: [A] });
    expect(verdict(NEW, stored, origin)).toMatchObject({ inForce: { value: 'new', scope: 'snsapi_userinfo' } });
    const offered = { ...origin, spent: spent(X, A, [A]) };
    expect(verdict(NEW, stored, offered)).toMatchObject({ inForce: NEW });
  });
});

test.each<[KeyDocument, Spent | undefined, boolean]>([
  [document(OLD, { token: 'X', known: [X] }), undefined, true],
  [document(OLD, { token: 'X', known: [X] }), spent(A, A), false],
  [document(OLD, { token: 'X', known: [X] }, 0), spent(A, A), true],
  [document(OLD, { token: 'A', known: [A] }), spent(B, A), true],
  [document(OLD, { token: 'X', known: [X], reserve: [{ token: 'A' }] }), spent(A, A), true],
])('whether a result may follow a document: %#', (stored, sent, expected) => {
  expect(mayFollow(stored, { spent: sent })).toBe(expected);
});

test('the rotation after a grant is that of the reserve only for what was sent from there', () => {
  const rotation = { token: 'X', known: [X, A], reserve: [{ token: 'A' }] };
  expect(rotationAfter(rotation, { received: received('B'), spent: spent(A, A) }, NOW)?.token).toBe('X');
  expect(rotationAfter(rotation, { received: received('B'), spent: spent(X, X) }, NOW)?.token).toBe('B');
  expect(rotationAfter(rotation, { received: received('B'), spent: undefined }, NOW)?.token).toBe('B');
});
