import { describe, expect, test } from 'vitest';
import { assertNoStrayCharacter } from '../../../../src/core/primitives/stray-characters.js';

const SECRET = 'CANARY0123456789abcdef';

describe('secrets that are refused', () => {
  test.each([
    [`${SECRET}\n`, 'end with white space (U+000A)'],
    [`${SECRET}\r`, 'end with white space (U+000D)'],
    [` ${SECRET}`, 'begin with white space (U+0020)'],
    [`${SECRET}\u3000`, 'end with white space (U+3000)'],
    [`${SECRET}\u00a0`, 'end with white space (U+00A0)'],
    [`\ufeff${SECRET}`, 'begin with an invisible character (U+FEFF)'],
    [`${SECRET}\u200b`, 'end with an invisible character (U+200B)'],
    [`\u202a${SECRET}`, 'begin with an invisible character (U+202A)'],
    [`${SECRET}\u00ad`, 'end with an invisible character (U+00AD)'],
    [`${SECRET}\ufe0f`, 'end with an invisible character (U+FE0F)'],
    [`${SECRET}\ufe00`, 'end with an invisible character (U+FE00)'],
    [`${SECRET}\u{e0101}`, 'end with an invisible character (U+E0101)'],
    [`\ufe0f${SECRET}`, 'begin with an invisible character (U+FE0F)'],
    [`${SECRET}\u034f`, 'end with an invisible character (U+034F)'],
    [`${SECRET}\u3164`, 'end with an invisible character (U+3164)'],
    [`\u0000${SECRET}`, 'begin with a control character (U+0000)'],
    [`${SECRET}\u007f`, 'end with a control character (U+007F)'],
    [`"${SECRET}"`, 'be in quotation marks'],
    [`'${SECRET}'`, 'be in quotation marks'],
    [`"${SECRET} ${SECRET}"`, 'be in quotation marks'],
    [`${SECRET}\ud800`, 'end with half a surrogate pair (U+D800)'],
    [`\u201c${SECRET}\u201d`, 'be in quotation marks'],
    [`\u300c${SECRET}\u300d`, 'be in quotation marks'],
    [`${SECRET}\u200b${SECRET}`, `contain an invisible character (U+200B) as character ${SECRET.length + 1}`],
  ])('the secret %j is refused without being shown', (secret, words) => {
    expect(() => assertNoStrayCharacter('secret', secret)).toThrow(new TypeError(`secret must not ${words}`));
    expect(words).not.toContain('CANARY');
  });
});

describe('secrets that are accepted', () => {
  test.each([
    SECRET,
    `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`,
    `"${SECRET}`,
    `${SECRET}'`,
    'with a space inside',
    `\u2764\ufe0f${SECRET}`,
    '\u5bc6\u7801',
    '"',
    '',
    '\u5bc6"\u7801"',
    '"\u5bc6"\u7801',
  ])('the secret %j is accepted', (secret) => {
    expect(() => assertNoStrayCharacter('secret', secret)).not.toThrow();
  });
});

test('a pair of ASCII characters is accepted if both are printable, no space and not in quotes', () => {
  const characters = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
  const isPrintable = (character: string): boolean => character > ' ' && character < '\u007f';
  const isAccepted = (text: string): boolean => {
    try {
      assertNoStrayCharacter('secret', text);
      return true;
    } catch {
      return false;
    }
  };
  for (const first of characters) {
    for (const last of characters) {
      const isQuoted = first === last && '"\'`'.includes(first);
      expect([first, last, isAccepted(first + last)]).toEqual([
        first,
        last,
        isPrintable(first) && isPrintable(last) && !isQuoted,
      ]);
    }
  }
});
