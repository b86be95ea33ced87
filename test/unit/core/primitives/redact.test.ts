import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeKind,
  describeName,
  describeNumber,
  describeOption,
  describeValue,
  describeWord,
  INSPECT,
  onOneLine,
  redact,
} from '../../../../src/core/primitives/redact.js';
import { anyCodePoint } from '../../../support/any-text.js';

test('redact shows how long a secret is', () => {
  expect(redact('CANARY')).toBe('[redacted, 6 characters]');
});

test('util.inspect shows what the method with the key INSPECT returns', () => {
  expect(inspect({ secret: 'CANARY', [INSPECT]: () => '[redacted]' })).toBe('[redacted]');
});

describe('describeValue', () => {
  test.each([
    ['abc', '"abc"'],
    ['a"b', '"a\\"b"'],
    ['a\nb', '"a\\nb"'],
    ['', '""'],
    ['\x7f\u0085\u2028', '"\\u007f\\u0085\\u2028"'],
    ['x'.repeat(40), `"${'x'.repeat(40)}"`],
    ['x'.repeat(41), `"${'x'.repeat(40)}"... (41 characters)`],
    [5, '5'],
    [Number.NaN, 'NaN'],
    [5n, '5'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{ a: 1 }, 'an object'],
    [[1], 'an array'],
    [() => {}, 'a function'],
    [Symbol('x'), 'a symbol'],
  ])('describeValue of %s is %s', (value, expected) => {
    expect(describeValue(value)).toBe(expected);
  });

  test('describeValue is printable ASCII on one line, whatever the value', () => {
    fc.assert(fc.property(fc.string({ unit: anyCodePoint }), (text) => /^[\x20-\x7e]*$/.test(describeValue(text))));
  });
});

test.each([
  ['x'.repeat(40), `"${'x'.repeat(40)}"`],
  ['x'.repeat(41), 'a string (41 characters)'],
  [5, '5'],
])('describeName of %s is %s', (value, expected) => {
  expect(describeName(value)).toBe(expected);
});

test.each([
  ['CANARY', 'a string'],
  ['', 'an empty string'],
  [Number.NaN, 'NaN'],
  [false, 'false'],
  [undefined, 'undefined'],
])('describeNumber of %s is %s', (value, expected) => {
  expect(describeNumber(value)).toBe(expected);
});

test.each([
  ['x'.repeat(16), `"${'x'.repeat(16)}"`],
  ['x'.repeat(17), 'a string'],
  ['', '""'],
  [5, '5'],
  [['x'.repeat(17)], 'an array'],
  [Array.from({ length: 17 }), 'an array'],
])('describeWord of %j is %s', (value, expected) => {
  expect(describeWord(value)).toBe(expected);
});

test.each([
  ['prefx', 'name "prefx"'],
  ['x'.repeat(40), `name "${'x'.repeat(40)}"`],
  ['x'.repeat(41), 'name of 41 characters'],
  [undefined, 'name undefined'],
  [Array.from({ length: 41 }), 'name an array'],
])('describeOption of %j is %s', (name, expected) => {
  expect(describeOption(name)).toBe(expected);
});

test('a proxy that was revoked is described without a look at it', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const describeIt of [describeKind, describeValue, describeName, describeNumber]) {
    expect(describeIt(proxy)).toBe('a proxy that cannot be read');
  }
});

describe('describeKind', () => {
  test.each([
    ['', 'an empty string'],
    ['CANARY', 'a string'],
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'an array'],
    [{}, 'an object'],
    [5, 'a number'],
    [() => {}, 'a function'],
  ])('describeKind of %j is %s', (value, expected) => {
    expect(describeKind(value)).toBe(expected);
  });
});

test.each([
  ['a\r\nb', 'a b'],
  ['\x00a\x1f\x7f\x9fb\u2028\u2029', 'a b'],
  [' a  b ', 'a  b'],
  ['~\u00a0!', '~\u00a0!'],
])('the text %j on one line is %j', (text, expected) => {
  expect(onOneLine(text)).toBe(expected);
});
