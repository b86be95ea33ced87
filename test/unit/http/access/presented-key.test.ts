import fc from 'fast-check';
import { expect, test } from 'vitest';
import { presentedKey } from '../../../../src/http/access/presented-key.js';
import { anyCodePoint } from '../../../support/any-text.js';

const basic = (pair: string): string => Buffer.from(pair).toString('base64');

test.each([
  [undefined, undefined],
  ['', undefined],
  ['   ', undefined],
  ['Bearer key', 'key'],
  ['bEARER   key  ', 'key'],
  ['Bearer', ''],
  ['Bearer two words', ''],
  ['Bearer one, Bearer two', ''],
  [`Basic ${basic('user:key')}`, 'key'],
  [`BASIC ${basic(':key')}`, 'key'],
  [`Basic ${basic('user:key').replaceAll('=', '')}`, 'key'],
  [`Basic ${basic('user:a:b')}`, 'a:b'],
  [`Basic ${basic('user')}`, ''],
  ['Basic user:key', ''],
  ['Basic', ''],
  ['Digest key', ''],
  ['key', ''],
])('the Authorization header %j presents the key %j', (header, key) => {
  expect(presentedKey(header)).toBe(key);
});

test('no Authorization header throws', () => {
  const scheme = fc.constantFrom('', 'Bearer ', 'Basic ', 'basic', 'BEARER\t', 'Negotiate ');
  const rest = fc.oneof(fc.string({ unit: anyCodePoint }), fc.base64String(), fc.string().map(basic));
  fc.assert(
    fc.property(scheme, rest, (start, end) => {
      expect(['string', 'undefined']).toContain(typeof presentedKey(start + end));
    }),
  );
});
