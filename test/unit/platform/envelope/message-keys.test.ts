import { createCipheriv, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { EnvelopeRefused } from '../../../../src/platform/envelope/envelope-refused.js';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';
import { PushToken } from '../../../../src/platform/envelope/push-token.js';
import { anyCodePoint } from '../../../support/any-text.js';
import { VECTORS } from './vectors.js';

const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';
const OTHER_KEY = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C';
const RECEIVER = 'wxb11529c136998cb6';
const RANDOM = Buffer.from('aaaabbbbccccdddd');
const keys = new MessageKeys(KEY, 'encodingAesKey');
const newestKey = new EncodingAesKey(KEY, 'encodingAesKey');
const encrypted = newestKey.encrypt('<xml/>', RECEIVER, RANDOM);

/** Returns base64 of bytes encrypted as they are, without the frame of the scheme. */
function encryptedRaw(plain: Uint8Array): string {
  const key = Buffer.from(KEY, 'base64');
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64');
}

interface FrameParts {
  readonly length?: number;
  readonly receiver?: string;
  readonly padding?: number;
  readonly lastByte?: number;
}

/** Returns a frame of 64 bytes, of which the arguments change parts. */
function frame({ length = 6, receiver = RECEIVER, padding = 20, lastByte = padding }: FrameParts): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32BE(length, 16);
  const text = Buffer.from(`<xml/>${receiver}`);
  return Buffer.concat([head, text, Buffer.alloc(63 - 20 - text.length, padding), Buffer.of(lastByte)]);
}

/** Returns what an action throws. */
function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const REFUSAL = errorOf(() => keys.decrypt('', RECEIVER)) as EnvelopeRefused;

describe('known messages', () => {
  test.each(Object.entries(VECTORS))('decrypting %s gives the published text', (_, vector) => {
    const held = new MessageKeys(vector.encodingAesKey, 'encodingAesKey');
    expect(held.decrypt(vector.encrypt, vector.receiverId).message.toString()).toBe(vector.message);
  });

  test.each(Object.entries(VECTORS))('encrypting %s gives the published base64', (_, vector) => {
    const key = new EncodingAesKey(vector.encodingAesKey, 'encodingAesKey');
    expect(key.encrypt(vector.message, vector.receiverId, Buffer.from(vector.random))).toBe(vector.encrypt);
  });

  test.each(Object.entries(VECTORS))('decrypting %s for another receiver is refused', (_, vector) => {
    const held = new MessageKeys(vector.encodingAesKey, 'encodingAesKey');
    const others = [`${vector.receiverId}0`, vector.receiverId.slice(0, -1), vector.receiverId.slice(1), ''];
    for (const other of others) expect(errorOf(() => held.decrypt(vector.encrypt, other))).toEqual(REFUSAL);
  });
});

describe('encrypted messages', () => {
  it('every message comes back as it was, whatever its bytes, its receiver and the random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.stringMatching(/^[A-Za-z0-9_.@-]{1,64}$/),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (message, receiver, random) => {
          const { message: read } = keys.decrypt(newestKey.encrypt(message, receiver, random), receiver);
          expect(read).toEqual(Buffer.from(message));
        },
      ),
    );
  });

  it('each length of a message up to two blocks of padding is encrypted to whole blocks, and decrypted', () => {
    for (let length = 0; length <= 64; length++) {
      const message = randomBytes(length);
      const encrypt = newestKey.encrypt(message, RECEIVER, RANDOM);
      expect(Buffer.from(encrypt, 'base64').length % 32).toBe(0);
      expect(keys.decrypt(encrypt, RECEIVER).message).toEqual(message);
    }
  });

  it('the frame that the refused ones are made from is accepted', () => {
    expect(keys.decrypt(encryptedRaw(frame({})), RECEIVER).message.toString()).toBe('<xml/>');
  });

  test.each([
    ['no padding', encryptedRaw(frame({ padding: 0 }))],
    ['more padding than a block', encryptedRaw(Buffer.concat([frame({}), Buffer.alloc(33, 33), Buffer.alloc(31)]))],
    [
      'right padding of more than a block',
      encryptedRaw(Buffer.concat([frame({}).subarray(0, 44), Buffer.alloc(52, 52)])),
    ],
    ['255 bytes of padding', encryptedRaw(Buffer.alloc(64, 255))],
    ['padding of different bytes', encryptedRaw(frame({ padding: 19, lastByte: 20 }))],
    ['a length that is too small by one', encryptedRaw(frame({ length: 5 }))],
    ['a length that is too large by one', encryptedRaw(frame({ length: 7 }))],
    ['a length beyond the message', encryptedRaw(frame({ length: 0xffff_ffff }))],
    ['another receiver of the same length', encryptedRaw(frame({ receiver: RECEIVER.replace('6', '7') }))],
    ['a receiver in other letters', encryptedRaw(frame({ receiver: RECEIVER.toUpperCase() }))],
    ['a receiver that is longer', encryptedRaw(frame({ receiver: `${RECEIVER}1`, padding: 19 }))],
    ['less than the frame needs', encryptedRaw(Buffer.alloc(32, 20))],
    [
      'right padding to a block of AES alone',
      encryptedRaw(Buffer.concat([frame({}).subarray(0, 44), Buffer.alloc(4, 4)])),
    ],
    ['16 bytes', encryptedRaw(Buffer.alloc(16, 16))],
    ['nothing', ''],
    ['another key', new EncodingAesKey(OTHER_KEY, 'encodingAesKey').encrypt('<xml/>', RECEIVER, RANDOM)],
    ['a byte less than whole blocks', Buffer.from(encrypted, 'base64').subarray(1).toString('base64')],
    ['base64 with a line feed', `${encrypted.slice(0, 40)}\n${encrypted.slice(40)}`],
    ['base64 with a space before it', ` ${encrypted}`],
    ['base64 without its padding', encrypted.replace(/=+$/, '')],
    ['base64 with more padding', `${encrypted}=`],
    ['base64 of URLs', encrypted.replaceAll('+', '-').replaceAll('/', '_')],
    ['base64 with other unused bits', encrypted.replace(/.==$/, (end) => `${nextCharacter(end)}==`)],
    ['a character that is not base64', encrypted.replace(/^./, '*')],
    ['text', '我是中文'],
  ])('a message with %s is refused by the one error that all have', (_, encrypt) => {
    expect(encrypt).not.toBe(encrypted);
    expect(errorOf(() => keys.decrypt(encrypt, RECEIVER))).toEqual(REFUSAL);
  });

  it('a changed byte is refused by that error, but for some of the first block, which the signature alone covers', () => {
    const token = new PushToken('QDG6eK', 'token');
    const parts = { timestamp: '1409659813', nonce: '1372623149', encrypt: encrypted };
    const signature = token.sign(parts);
    const bytes = Buffer.from(encrypted, 'base64');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const changed = Buffer.from(bytes);
        changed[index] = (changed[index] as number) ^ mask;
        const encrypt = changed.toString('base64');
        const error = errorOf(() => keys.decrypt(encrypt, RECEIVER));
        // A change of the first block garbles the random bytes, and changes the same bits of the block after it, which
        // holds the beginning of the message.
        if (error !== undefined) expect(error).toEqual(REFUSAL);
        else expect(index).toBeLessThan(16);
        expect(token.verify({ ...parts, encrypt }, signature)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('any text and any receiver is refused by that error', () => {
    const base64 = fc.base64String({ maxLength: 300 });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: anyCodePoint }), base64), fc.string(), (encrypt, receiver) => {
        expect(errorOf(() => keys.decrypt(encrypt, receiver))).toEqual(REFUSAL);
      }),
    );
  });

  it('any blocks are refused by that error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 320 }), (bytes) => {
        const blocks = bytes.subarray(0, bytes.length - (bytes.length % 32));
        expect(errorOf(() => keys.decrypt(Buffer.from(blocks).toString('base64'), RECEIVER))).toEqual(REFUSAL);
        expect(errorOf(() => keys.decrypt(encryptedRaw(blocks), RECEIVER))).toEqual(REFUSAL);
      }),
    );
  });

  it('the error shows neither a message nor a key', () => {
    const shown = inspect(REFUSAL, { showHidden: true }) + JSON.stringify(REFUSAL);
    expect(REFUSAL).toBeInstanceOf(EnvelopeRefused);
    expect(REFUSAL.cause).toBeUndefined();
    for (const secret of [KEY, encrypted, '<xml/>', RECEIVER]) expect(shown).not.toContain(secret);
  });

  it('random bytes of another length than 16 are a TypeError', () => {
    for (const length of [0, 15, 17]) {
      expect(() => newestKey.encrypt('', RECEIVER, Buffer.alloc(length))).toThrow(
        new TypeError(`random must be 16 bytes, got ${length}`),
      );
    }
  });
});

describe('several keys', () => {
  const both = new MessageKeys([OTHER_KEY, KEY], 'encodingAesKey');

  it('a message of the newest key is decrypted', () => {
    const encrypt = new EncodingAesKey(OTHER_KEY, 'encodingAesKey').encrypt('new', RECEIVER, RANDOM);
    expect(both.decrypt(encrypt, RECEIVER).message.toString()).toBe('new');
  });

  it('a message of an older key is decrypted, and its reply can be encrypted with that key', () => {
    const { message, key } = both.decrypt(encrypted, RECEIVER);
    expect(message.toString()).toBe('<xml/>');
    expect(key.encrypt('<xml/>', RECEIVER, RANDOM)).toBe(encrypted);
  });

  it('a message of neither key is refused by the one error', () => {
    const encrypt = new EncodingAesKey('A'.repeat(43), 'encodingAesKey').encrypt('', RECEIVER, RANDOM);
    expect(errorOf(() => both.decrypt(encrypt, RECEIVER))).toEqual(REFUSAL);
  });

  it('without a key no message is decrypted', () => {
    expect(errorOf(() => new MessageKeys([], 'encodingAesKey').decrypt(encrypted, RECEIVER))).toEqual(REFUSAL);
  });

  it('the same key twice is a TypeError, in another spelling of its unused bits too', () => {
    const twice = 'encodingAesKey[1] must be another key, got that of encodingAesKey[0]';
    for (const key of [KEY, KEY.replace(/G$/, 'H')]) {
      expect(() => new MessageKeys([KEY, key], 'encodingAesKey')).toThrow(new TypeError(twice));
    }
  });

  test.each([
    ['five keys', Array.from('ABCDE', (letter) => letter.repeat(43)), 'must have at most 4 members, got 5'],
    ['a member that is no key', [KEY, 1], 'encodingAesKey[1] must be 43 characters of A-Z a-z 0-9 + /, got a number'],
  ])('%s is a TypeError', (_, list, message) => {
    expect(() => new MessageKeys(list, 'encodingAesKey')).toThrow(TypeError);
    expect(() => new MessageKeys(list, 'encodingAesKey')).toThrow(message);
  });
});

function nextCharacter(end: string): string {
  return String.fromCharCode(end.charCodeAt(0) + 1);
}
