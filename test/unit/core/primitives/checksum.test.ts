import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import type { JsonObject, JsonValue } from '../../../../src/core/primitives/json.js';
import { anyCodePoint } from '../../../support/any-text.js';

describe('checksum', () => {
  test.each([
    ['123456789', 'cbf43926'],
    ['', '00000000'],
    ['a', 'e8b7be43'],
    ['The quick brown fox jumps over the lazy dog', '414fa339'],
  ])('the checksum of %j is the published %s', (text, expected) => {
    expect(checksum(text)).toBe(expected);
  });

  test('a checksum is the CRC-32 of the UTF-8 form, in eight digits', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCodePoint }), (text) => {
        expect(checksum(text)).toBe(crc32(text).toString(16).padStart(8, '0'));
      }),
    );
  });
});

test.each([1, 1_365, 1_366, 4_096, 50_000])(
  'the checksum of %i characters of three bytes is the same before and after that of another text',
  (length) => {
    const text = '微'.repeat(length);
    const expected = crc32(text).toString(16).padStart(8, '0');
    expect([checksum(text), checksum('a'), checksum(text)]).toEqual([expected, 'e8b7be43', expected]);
  },
);

describe('canonicalJson', () => {
  test('canonicalJson is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value as JsonValue))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('canonicalJson does not depend on the order of names, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(backwards(value as JsonValue))).toBe(canonicalJson(value as JsonValue));
      }),
    );
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  });

  test('canonicalJson depends on the order of a list', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  test('canonicalJson tells nested values from flat ones', () => {
    expect(canonicalJson({ a: '{"b":1}' })).not.toBe(canonicalJson({ a: { b: 1 } }));
  });

  test('canonicalJson omits what is undefined, as JSON does', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(canonicalJson(undefined)).toBe('null');
    expect(canonicalJson([Number.NaN, Number.POSITIVE_INFINITY])).toBe('[null,null]');
  });
});

function backwards(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(backwards);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as JsonObject).reverse();
  return Object.fromEntries(entries.map(([name, item]) => [name, backwards(item as JsonValue)]));
}
