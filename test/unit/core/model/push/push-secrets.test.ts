import { describe, expect, test } from 'vitest';
import {
  checkedMessageKey,
  checkedMessageKeys,
  checkedPushToken,
} from '../../../../../src/core/model/push/push-secrets.js';

const KEY = 'CANARY0123456789+/'.padEnd(43, 'k');
const other = (number: number): string => `${KEY.slice(0, 40)}${number}kk`;

describe('a push token', () => {
  test.each(['!', '~', 'CANARY-push-token', 'x'.repeat(64)])('%j is accepted as a push token', (token) => {
    expect(checkedPushToken(token, 'push.token')).toBe(token);
  });

  test.each<[unknown, string]>([
    ['', 'an empty string'],
    ['x'.repeat(65), 'a string of 65 characters'],
    ['with space', 'a string of 10 characters'],
    ['微信微', 'a string of 3 characters'],
    [undefined, 'undefined'],
    [['token'], 'an array'],
  ])('%j is refused as a push token', (token, got) => {
    expect(() => checkedPushToken(token, 'push.token')).toThrow(
      new TypeError(`push.token must be 1 to 64 characters of printable ASCII without spaces, got ${got}`),
    );
  });

  test('a push token with a stray character is refused for that', () => {
    expect(() => checkedPushToken('CANARY\n', 'push.token')).toThrow(
      new TypeError('push.token must not end with white space (U+000A)'),
    );
  });
});

describe('message keys', () => {
  test('a message key has 43 characters of base64, of which the last may be any', () => {
    expect(checkedMessageKey(KEY, 'key')).toBe(KEY);
    expect(checkedMessageKey(`${KEY.slice(0, 42)}/`, 'key')).toBe(`${KEY.slice(0, 42)}/`);
  });

  test.each<[unknown, string]>([
    [KEY.slice(1), 'a string of 42 characters'],
    [`${KEY}k`, 'a string of 44 characters'],
    [`${KEY.slice(0, 42)}=`, 'a string of 43 characters'],
    ['', 'an empty string'],
    [null, 'null'],
  ])('%j is refused as a message key', (key, got) => {
    expect(() => checkedMessageKey(key, 'key')).toThrow(
      new TypeError(`key must be 43 characters of A-Z a-z 0-9 + /, got ${got}`),
    );
  });

  test('a message key with a stray character is refused for that', () => {
    expect(() => checkedMessageKey(` ${KEY}`, 'key')).toThrow(
      new TypeError('key must not begin with white space (U+0020)'),
    );
  });

  test('one message key counts as a list of it, and a list may have four', () => {
    expect(checkedMessageKeys(KEY, 'keys')).toEqual([KEY]);
    const four = [1, 2, 3, 4].map(other);
    expect(checkedMessageKeys(four, 'keys')).toEqual(four);
    expect(() => checkedMessageKeys([...four, KEY], 'keys')).toThrow(
      new TypeError('keys must have at most 4 members, got 5'),
    );
  });

  test('of message keys the one that is wrong is named by its place', () => {
    expect(() => checkedMessageKeys('CANARY', 'keys')).toThrow(/^keys must be 43 characters/);
    expect(() => checkedMessageKeys([KEY, 'CANARY'], 'keys')).toThrow(/^keys\[1\] must be 43 characters/);
  });

  test('the same message key in two spellings is refused', () => {
    const spellings = ['A', 'B', 'C', 'D'].map((last) => `${KEY.slice(0, 42)}${last}`);
    expect(() => checkedMessageKeys([other(1), spellings[0], spellings[3]], 'keys')).toThrow(
      new TypeError('keys[2] must be another key, got that of keys[1]'),
    );
  });
});
