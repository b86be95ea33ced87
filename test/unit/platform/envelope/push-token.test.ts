import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { PushToken } from '../../../../src/platform/envelope/push-token.js';
import { anyCodePoint } from '../../../support/any-text.js';
import { PLAIN_SIGNATURES, VECTORS } from './vectors.js';

const TOKEN = 'QDG6eK';
const PARTS = { timestamp: '1409659813', nonce: '1372623149', encrypt: 'RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo' };
const token = new PushToken(TOKEN, 'token');
const signature = token.sign(PARTS);

describe('signatures', () => {
  test.each(Object.entries(VECTORS))('the signature of %s is the published one', (_, vector) => {
    const held = new PushToken(vector.token, 'token');
    expect(held.sign(vector)).toBe(vector.signature);
    expect(held.verify(vector, vector.signature)).toBe(true);
  });

  test.each(PLAIN_SIGNATURES)('the signature $signature covers no message', ({ signature: plain, ...parts }) => {
    const held = new PushToken('AAAAA', 'token');
    expect(held.sign(parts)).toBe(plain);
    expect(held.verify(parts, plain)).toBe(true);
    expect(held.verify({ ...parts, encrypt: 'AAAA' }, plain)).toBe(false);
  });

  it('the parts are signed in the order of their bytes, in which capitals come before small letters', () => {
    const order = new PushToken('Zz', 'token').sign({ timestamp: '9', nonce: 'a', encrypt: 'B' });
    // This is the SHA-1 of "9BZza", as sha1sum prints it.
    expect(order).toBe('ac9ce10615890a577232efcfea827fc94ae3d59c');
  });

  it('a change of any part or of the token is noticed', () => {
    expect(token.verify(PARTS, signature)).toBe(true);
    expect(token.verify({ ...PARTS, timestamp: '1409659814' }, signature)).toBe(false);
    expect(token.verify({ ...PARTS, nonce: '1372623148' }, signature)).toBe(false);
    expect(token.verify({ ...PARTS, encrypt: `${PARTS.encrypt}=` }, signature)).toBe(false);
    expect(token.verify({ timestamp: PARTS.timestamp, nonce: PARTS.nonce }, signature)).toBe(false);
    expect(new PushToken('QDG6eL', 'token').verify(PARTS, signature)).toBe(false);
  });

  it('a change of any character of a message is noticed', () => {
    fc.assert(
      fc.property(fc.nat(PARTS.encrypt.length - 1), fc.base64String({ minLength: 4, maxLength: 4 }), (index, text) => {
        const changed = PARTS.encrypt.slice(0, index) + text[0] + PARTS.encrypt.slice(index + 1);
        expect(token.verify({ ...PARTS, encrypt: changed }, signature)).toBe(changed === PARTS.encrypt);
      }),
    );
  });

  it('digits that are moved from the nonce to the timestamp are refused, although the signed text is the same', () => {
    const moved = { ...PARTS, nonce: '13726231491', timestamp: '409659813' };
    expect(token.sign(moved)).toBe(signature);
    expect(token.verify(moved, signature)).toBe(false);
    expect(token.verify({ ...PARTS, nonce: '', timestamp: '13726231491409659813' }, signature)).toBe(false);
  });

  it('a nonce that is empty, has a space or more than 128 characters is refused, even with its signature', () => {
    for (const nonce of ['', '1 2', 'x'.repeat(129)]) {
      expect(token.verify({ ...PARTS, nonce }, token.sign({ ...PARTS, nonce }))).toBe(false);
    }
    const longest = { ...PARTS, nonce: 'x'.repeat(128) };
    expect(token.verify(longest, token.sign(longest))).toBe(true);
  });

  test.each([
    ['empty', ''],
    ['shorter', signature.slice(1)],
    ['longer', `${signature}0`],
    ['in capitals', signature.toUpperCase()],
    ['another', signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))],
    ['no hexadecimal', 'g'.repeat(40)],
    ['40 characters of more bytes', 'é'.repeat(40)],
  ])('a signature that is %s is wrong', (_, wrong) => {
    expect(token.verify(PARTS, wrong)).toBe(false);
  });

  it('no text makes the verification throw or succeed', () => {
    const text = fc.string({ unit: anyCodePoint });
    fc.assert(
      fc.property(
        text,
        text,
        text,
        fc.oneof(text, fc.stringMatching(/^[0-9a-f]{40}$/)),
        (timestamp, nonce, encrypt, wrong) => {
          expect(token.verify({ timestamp, nonce, encrypt }, wrong)).toBe(false);
          expect(token.verify({ ...PARTS, encrypt }, wrong)).toBe(false);
        },
      ),
    );
  });
});

describe('a push token', () => {
  test.each([
    ['an empty text', '', 'an empty string'],
    ['65 characters', 'x'.repeat(65), 'a string of 65 characters'],
    ['a space', 'secret words', 'a string of 12 characters'],
    ['Chinese', '密语密语', 'a string of 4 characters'],
    ['a number', 7, 'a number'],
    ['no value', undefined, 'undefined'],
  ])('a token that is %s is a TypeError that does not show it', (_, wrong, got) => {
    const message = `token must be 1 to 64 characters of printable ASCII without spaces, got ${got}`;
    expect(() => new PushToken(wrong, 'token')).toThrow(new TypeError(message));
  });

  it('a token that ends with a line feed is a TypeError', () => {
    expect(() => new PushToken('QDG6eK\n', 'token')).toThrow(
      new TypeError('token must not end with white space (U+000A)'),
    );
  });

  it('neither inspect nor JSON shows the token', () => {
    expect(`${inspect(token, { showHidden: true })} ${JSON.stringify({ token })}`).not.toContain(TOKEN);
  });
});
