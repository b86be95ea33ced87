import { writeXml } from '../xml/write-xml.js';
import type { EncodingAesKey } from './encoding-aes-key.js';
import type { PushToken } from './push-token.js';
import type { EnvelopeFormat } from './read-envelope.js';

/** The things that make the envelope of a reply. */
export interface ReplyParts {
  /** The reply in clear: XML or JSON, as the push was. */
  readonly message: string | Uint8Array;
  readonly format: EnvelopeFormat;
  /** The key that decrypted the push. */
  readonly key: EncodingAesKey;
  readonly token: PushToken;
  /** The id of the app that was pushed to: in a reply for an authorizer it is that of the platform. */
  readonly receiverId: string;
  readonly timestampSeconds: number;
  /** The nonce of the push. */
  readonly nonce: string;
  /** 16 unpredictable bytes. */
  readonly random: Uint8Array;
}

/** Encrypts and signs a reply, and returns the body of the answer to a push. */
export function encryptedReply(parts: ReplyParts): string {
  const { message, format, key, token, receiverId, timestampSeconds, nonce, random } = parts;
  const encrypt = key.encrypt(message, receiverId, random);
  const signature = token.sign({ timestamp: String(timestampSeconds), nonce, encrypt });
  const fields = [
    ['Encrypt', encrypt],
    ['MsgSignature', signature],
    ['TimeStamp', timestampSeconds],
    ['Nonce', nonce],
  ] as const;
  return format === 'json' ? JSON.stringify(Object.fromEntries(fields)) : writeXml('xml', fields);
}
