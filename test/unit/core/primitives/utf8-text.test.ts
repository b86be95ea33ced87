import { expect, test } from 'vitest';
import { isLossy, textOfUtf8 } from '../../../../src/core/primitives/utf8-text.js';

test('bytes in UTF-8 are decoded without their byte order mark', () => {
  expect(textOfUtf8(new TextEncoder().encode('\ufeff微信'))).toBe('微信');
  expect(textOfUtf8(new Uint8Array())).toBe('');
});

test('bytes in another encoding are no text', () => {
  const gbk = Uint8Array.of(0xce, 0xa2, 0xd0, 0xc5);
  expect(textOfUtf8(gbk)).toBeUndefined();
});

test.each([
  ['微\ufffd', true],
  ['\ufffd', true],
  ['微信', false],
  ['', false],
])('whether decoding has lost characters of %j: %s', (text, expected) => {
  expect(isLossy(text)).toBe(expected);
});
