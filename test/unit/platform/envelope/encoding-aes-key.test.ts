import { inspect } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';

const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';
const RANDOM = Buffer.from('aaaabbbbccccdddd');

function refusalOf(key: unknown): TypeError {
  try {
    new EncodingAesKey(key, 'encodingAesKey');
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return error as TypeError;
  }
  throw new Error('the key was accepted');
}

describe('an EncodingAESKey', () => {
  it('a key whose unused bits are not zero is accepted, and they mean nothing', () => {
    const spellings = ['E', 'F', 'G', 'H'].map((last) => new EncodingAesKey(KEY.slice(0, -1) + last, 'encodingAesKey'));
    const texts = spellings.map((key) => key.encrypt('', 'wx', RANDOM));
    expect(new Set(texts).size).toBe(1);
  });

  it('a key that differs in a used bit is another key', () => {
    const texts = ['E', 'I'].map((last) => {
      return new EncodingAesKey(KEY.slice(0, -1) + last, 'encodingAesKey').encrypt('', 'wx', RANDOM);
    });
    expect(new Set(texts).size).toBe(2);
  });

  test.each([
    ['42 characters', KEY.slice(1), 'must be 43 characters of A-Z a-z 0-9 + /, got a string of 42 characters'],
    ['44 characters', `${KEY}=`, 'must be 43 characters of A-Z a-z 0-9 + /, got a string of 44 characters'],
    ['a hyphen', `-${KEY.slice(1)}`, 'must be 43 characters of A-Z a-z 0-9 + /, got a string of 43 characters'],
    ['an underscore', `_${KEY.slice(1)}`, 'must be 43 characters of A-Z a-z 0-9 + /, got a string of 43 characters'],
    ['an equals sign', `${KEY.slice(1)}=`, 'must be 43 characters of A-Z a-z 0-9 + /, got a string of 43 characters'],
    ['a space inside', `${KEY.slice(0, 20)} ${KEY.slice(21)}`, 'must be 43 characters of A-Z a-z 0-9 + /'],
    ['a line feed at the end', `${KEY}\n`, 'must not end with white space (U+000A)'],
    ['nothing', '', 'must be 43 characters of A-Z a-z 0-9 + /, got an empty string'],
    ['bytes', Buffer.alloc(32), 'must be 43 characters of A-Z a-z 0-9 + /, got an object'],
    ['no value', undefined, 'must be 43 characters of A-Z a-z 0-9 + /, got undefined'],
  ])('a key of %s is a TypeError that shows nothing of it', (_, key, message) => {
    const refusal = refusalOf(key);
    expect(refusal.message).toContain(`encodingAesKey ${message}`);
    expect(inspect(refusal)).not.toContain('defghijk');
  });

  it('neither inspect nor JSON shows a key or its bytes', () => {
    const key = new EncodingAesKey(KEY, 'encodingAesKey');
    const keys = new MessageKeys([KEY], 'encodingAesKey');
    const bytes = Buffer.from(KEY, 'base64');
    for (const held of [key, keys, keys.decrypt(key.encrypt('', 'wx', RANDOM), 'wx')]) {
      const shown = `${inspect(held, { depth: 9, showHidden: true })} ${JSON.stringify(held)}`;
      for (const form of [
        KEY,
        bytes.toString('hex'),
        [...bytes].join(','),
        inspect(bytes.subarray(0, 8)).slice(8, -1),
      ]) {
        expect(shown).not.toContain(form);
      }
    }
  });
});
