import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  bytesIn,
  errorsIn,
  hasMethods,
  isAbortSignal,
  isError,
  isPromise,
  isTypeError,
  memberOf,
} from '../../../../src/core/primitives/foreign-objects.js';

const foreign = (expression: string): unknown => runInNewContext(expression);
const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();

const HARD: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['text', 'Error'],
  ['a number', 40_001],
  ['a function', () => {}],
  ['a plain object', { name: 'Error', message: 'no' }],
  ['an object without prototype', Object.create(null)],
  ['a revoked proxy', revoked],
  ['a list', []],
  ['an object whose tag only ends as that of an error', { [Symbol.toStringTag]: 'FetchError' }],
  ['an object whose tag only begins as that of an error', { [Symbol.toStringTag]: 'Errors' }],
];

describe('isError', () => {
  test.each([
    ['an error', new Error('no')],
    ['an error of another realm', foreign("new Error('no')")],
    ['an error of a class of another realm', foreign("new (class Failure extends Error {})('no')")],
    ['a RangeError of another realm', foreign("new RangeError('no')")],
    ['a DOMException', new DOMException('no', 'AbortError')],
  ])('isError accepts %s', (_, value) => {
    expect(isError(value)).toBe(true);
  });

  test.each(HARD)('isError does not accept %s', (_, value) => {
    expect(isError(value)).toBe(false);
  });
});

test.each([
  ['a TypeError', new TypeError('no'), true],
  ['a TypeError of another realm', foreign("new TypeError('no')"), true],
  ['a TypeError with a name of its own', Object.assign(new TypeError('no'), { name: 'InvalidGrant' }), true],
  ['an Error of another realm', foreign("new Error('no')"), false],
  ['an object with the name', { name: 'TypeError' }, false],
])('isTypeError tells %s', (_, value, expected) => {
  expect(isTypeError(value)).toBe(expected);
});

test('errorsIn returns the errors of an AggregateError of any realm, and of nothing else', () => {
  expect(errorsIn(new AggregateError([1]))).toEqual([1]);
  expect([...(errorsIn(foreign('new AggregateError([1])')) ?? [])]).toEqual([1]);
  for (const [, value] of HARD) expect(errorsIn(value)).toBeUndefined();
  expect(errorsIn({ errors: [1] })).toBeUndefined();
});

describe('isAbortSignal', () => {
  const polyfill = { aborted: false, addEventListener() {}, removeEventListener() {} };

  test.each([
    ['a signal', new AbortController().signal],
    ['an aborted signal', AbortSignal.abort()],
    ['the signal of a polyfill', polyfill],
  ])('isAbortSignal accepts %s', (_, value) => {
    expect(isAbortSignal(value)).toBe(true);
  });

  test.each([
    ...HARD,
    ['a controller', new AbortController()],
    ['an event target', new EventTarget()],
    ['one that cannot be taken back', { ...polyfill, removeEventListener: undefined }],
  ])('isAbortSignal does not accept %s', (_, value) => {
    expect(isAbortSignal(value)).toBe(false);
  });
});

test.each([
  ['a promise', Promise.resolve(), true],
  ['a promise of another realm', foreign('Promise.resolve()'), true],
  ['a thenable', Object.fromEntries([['then', () => {}]]), true],
  ['an answer', { status: 200 }, false],
  ['nothing', undefined, false],
])('isPromise tells %s', (_, value, expected) => {
  expect(isPromise(value as unknown)).toBe(expected);
});

describe('bytesIn', () => {
  test.each([
    ['a Buffer', Buffer.from([1, 2])],
    ['a part of a buffer', new Uint8Array([0, 1, 2, 3]).subarray(1, 3)],
    ['an ArrayBuffer', new Uint8Array([1, 2]).buffer],
    ['a Uint8Array of another realm', foreign('Uint8Array.of(1, 2)')],
    ['an ArrayBuffer of another realm', foreign('Uint8Array.of(1, 2).buffer')],
  ])('bytesIn returns the bytes of %s', (_, value) => {
    expect([...(bytesIn(value) ?? [])]).toEqual([1, 2]);
  });

  test.each(HARD)('bytesIn finds no bytes in %s', (_, value) => {
    expect(bytesIn(value)).toBeUndefined();
  });
});

test('memberOf looks for members of objects only', () => {
  expect(memberOf('text', 'length')).toBeUndefined();
  expect(memberOf(function named() {}, 'name')).toBeUndefined();
  expect(memberOf({ length: 4 }, 'length')).toBe(4);
});

test('memberOf and hasMethods answer for values that cannot be read', () => {
  for (const [, value] of HARD) {
    expect([memberOf(value, 'missing'), hasMethods(value, 'missing')]).toEqual([undefined, false]);
  }
  const throwing = {
    get member(): never {
      throw new Error('no');
    },
  };
  expect(memberOf(throwing, 'member')).toBeUndefined();
  expect(hasMethods({ one() {}, two: 2 }, 'one', 'two')).toBe(false);
  expect(hasMethods({ one() {}, two() {} }, 'one', 'two')).toBe(true);
});
