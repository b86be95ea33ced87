import type { Decrypted } from '../envelope/message-cipher.js';
import { type FakePushFields, type FakePushFormat, fieldsOfText } from './push-fields.js';
import type { PushTarget } from './push-settings.js';

/**
 * The fault of a body that is no reply: it is not of the format of the push (`unreadable`), not encrypted (`in-clear`),
 * signed with another token or another text (`signature`), not encrypted with the key of the settings (`key`), encrypted for
 * another app (`receiver`), or its message has no fields of the format (`content`).
 */
export type ReplyFault = 'unreadable' | 'in-clear' | 'signature' | 'key' | 'receiver' | 'content';

/**
 * Returns the fields of a reply, or what is wrong with it.
 *
 * @param appid - the app whose settings are used, for which the reply has to be encrypted.
 */
export function readReply(
  body: string,
  { token, cipher }: PushTarget,
  appid: string,
  format: FakePushFormat,
): FakePushFields | ReplyFault {
  const envelope = fieldsIn(body, format);
  if (envelope === undefined) return 'unreadable';
  if (cipher === undefined) return envelope;
  const { Encrypt: encrypt, MsgSignature: signature, TimeStamp: timestamp, Nonce: nonce } = envelope;
  if (typeof encrypt !== 'string') return 'in-clear';
  if (token.sign({ timestamp: String(timestamp), nonce: String(nonce), encrypt }) !== signature) return 'signature';
  return contentOf(cipher.decrypt(encrypt), appid, format);
}

function contentOf(
  decrypted: Decrypted | undefined,
  appid: string,
  format: FakePushFormat,
): FakePushFields | ReplyFault {
  if (decrypted === undefined) return 'key';
  if (decrypted.receiverId !== appid) return 'receiver';
  return fieldsIn(decrypted.message.toString(), format) ?? 'content';
}

function fieldsIn(text: string, format: FakePushFormat): FakePushFields | undefined {
  try {
    return fieldsOfText(text, format);
  } catch {
    return undefined;
  }
}
