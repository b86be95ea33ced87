import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { encryptedReply } from '../../../../src/platform/envelope/encrypted-reply.js';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';
import { PushToken } from '../../../../src/platform/envelope/push-token.js';
import { readEnvelope } from '../../../../src/platform/envelope/read-envelope.js';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import { anyCodePoint } from '../../../support/any-text.js';
import { type MessageVector, VECTORS } from './vectors.js';

function replyOf(vector: MessageVector, format: 'xml' | 'json'): string {
  return encryptedReply({
    message: vector.message,
    format,
    key: new EncodingAesKey(vector.encodingAesKey, 'encodingAesKey'),
    token: new PushToken(vector.token, 'token'),
    receiverId: vector.receiverId,
    timestampSeconds: Number(vector.timestamp),
    nonce: vector.nonce,
    random: Buffer.from(vector.random),
  });
}

describe('an encrypted reply', () => {
  test.each(Object.entries(VECTORS))('a reply of %s has the published message and signature as XML', (_, vector) => {
    expect(replyOf(vector, 'xml')).toBe(
      `<xml><Encrypt><![CDATA[${vector.encrypt}]]></Encrypt><MsgSignature><![CDATA[${vector.signature}]]></MsgSignature><TimeStamp>${vector.timestamp}</TimeStamp><Nonce><![CDATA[${vector.nonce}]]></Nonce></xml>`,
    );
  });

  test.each(Object.entries(VECTORS))('a reply of %s has the published message and signature as JSON', (_, vector) => {
    expect(replyOf(vector, 'json')).toBe(
      `{"Encrypt":"${vector.encrypt}","MsgSignature":"${vector.signature}","TimeStamp":${vector.timestamp},"Nonce":"${vector.nonce}"}`,
    );
  });

  it('any reply is verified and decrypted by a receiver as it was', () => {
    const held = { encodingAesKey: 'A'.repeat(43), token: 'AAAAA', receiverId: 'wx134c8103faa5a59e' };
    const nonces = fc.stringMatching(/^[\x21-\x7e]{1,32}$/);
    fc.assert(
      fc.property(
        fc.string({ unit: anyCodePoint }),
        fc.integer({ min: 1e9, max: 9_999_999_999 }),
        nonces,
        (text, at, nonce) => {
          const vector = {
            ...held,
            message: text,
            random: '0'.repeat(16),
            timestamp: String(at),
            nonce,
            encrypt: '',
            signature: '',
          };
          const body = Buffer.from(replyOf(vector, 'xml'));
          const { encrypt, format } = readEnvelope(body);
          const signature = readXml(body).requiredTextOf('MsgSignature');
          const token = new PushToken(held.token, 'token');
          expect(format).toBe('xml');
          expect(
            token.verify({ timestamp: String(at), nonce: readXml(body).requiredTextOf('Nonce'), encrypt }, signature),
          ).toBe(true);
          const { message } = new MessageKeys(held.encodingAesKey, 'encodingAesKey').decrypt(encrypt, held.receiverId);
          expect(message).toEqual(Buffer.from(text));
        },
      ),
    );
  });
});
