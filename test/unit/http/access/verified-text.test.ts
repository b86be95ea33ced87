import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VerifiedText } from '../../../../src/http/access/verified-text.js';
import { anyCodePoint } from '../../../support/any-text.js';

test('a text equals itself and no other, whatever was compared before', () => {
  const near = fc.string({ unit: anyCodePoint, maxLength: 4 });
  fc.assert(
    fc.property(fc.string({ maxLength: 4 }), fc.array(near), (text, others) => {
      const verified = new VerifiedText(text);
      for (const other of others) {
        expect(verified.equals(text)).toBe(true);
        expect(verified.equals(other)).toBe(other === text);
      }
    }),
  );
});

test.each([
  ['whose last character takes more bytes than there is room for', 'secre\u0174'],
  ['whose last character has the same low byte', 'secre\u0474'],
  ['that is shorter', 'secre'],
  ['that is longer', 'secret '],
  ['in other letters', 'secreT'],
  ['that is empty', ''],
])('a text %s is not equal', (_, other) => {
  const verified = new VerifiedText('secret');
  expect([verified.equals('secret'), verified.equals(other)]).toEqual([true, false]);
});
