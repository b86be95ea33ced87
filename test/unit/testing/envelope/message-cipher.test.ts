import { createCipheriv } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';
import { MessageCipher } from '../../../../src/testing/envelope/message-cipher.js';
import { VECTORS } from '../../platform/envelope/vectors.js';

const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';
const OTHER_KEY = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C';
const RECEIVER = 'wxb11529c136998cb6';

/** Encrypts bytes as they are, so that their frame may be wrong. */
function sealed(clear: Buffer): string {
  const key = Buffer.from(KEY, 'base64');
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(clear), cipher.final()]).toString('base64');
}

function framed(length: number, padding: number, bytes = 64): Buffer {
  const clear = Buffer.alloc(bytes, padding);
  clear.writeUInt32BE(length, 16);
  return clear;
}

describe('the cipher of the fake', () => {
  test.each(Object.entries(VECTORS))('the published message of %s is decrypted', (_, vector) => {
    const decrypted = new MessageCipher(vector.encodingAesKey).decrypt(vector.encrypt);
    expect(decrypted?.message.toString()).toBe(vector.message);
    expect(decrypted?.receiverId).toBe(vector.receiverId);
  });

  test('messages of all lengths around a block are decrypted by the receiver of pushes, and by itself', () => {
    const cipher = new MessageCipher(KEY);
    const receiver = new MessageKeys(KEY, 'key');
    for (let length = 0; length <= 66; length++) {
      const message = Buffer.alloc(length, 'm');
      const encrypt = cipher.encrypt(message, RECEIVER);
      expect(receiver.decrypt(encrypt, RECEIVER).message).toEqual(message);
      expect(cipher.decrypt(encrypt)).toEqual({ message, receiverId: RECEIVER });
    }
    expect(cipher.encrypt(Buffer.from('a'), RECEIVER)).not.toBe(cipher.encrypt(Buffer.from('a'), RECEIVER));
  });

  test.each([
    ['encrypted with another key', () => new MessageCipher(OTHER_KEY).encrypt(Buffer.from('hello'), RECEIVER)],
    ['empty', () => ''],
    ['no base64', () => '*'.repeat(44)],
    ['of half a block', () => Buffer.alloc(48).toString('base64')],
    ['without padding', () => sealed(framed(4, 0))],
    ['padded with more than a block', () => sealed(framed(4, 33))],
    ['padded unevenly', () => sealed(Buffer.concat([framed(4, 9, 62), Buffer.from([8, 9])]))],
    ['longer than its frame', () => sealed(framed(60, 1))],
  ])('a text that is %s is no message', (_, encrypt) => {
    expect(new MessageCipher(KEY).decrypt(encrypt())).toBeUndefined();
  });

  test('neither errors nor inspect show the key', () => {
    const error = (() => {
      try {
        return new MessageCipher(`${KEY}!`);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(TypeError);
    const shown = inspect([error, new MessageCipher(KEY)], { depth: 9, showHidden: true });
    expect(shown).not.toContain('abcdefgh');
    expect(shown).not.toContain(Buffer.from(KEY, 'base64').toString('hex').slice(0, 8));
  });
});
