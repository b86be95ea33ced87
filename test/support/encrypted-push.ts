import { randomBytes } from 'node:crypto';
import { EncodingAesKey } from '../../src/platform/envelope/encoding-aes-key.js';
import { PushToken } from '../../src/platform/envelope/push-token.js';
import { writeXml, type XmlContent } from '../../src/platform/xml/write-xml.js';

/** The settings of an app in WeChat's console. */
export interface PushedApp {
  readonly appid: string;
  readonly token: string;
  readonly key: string;
}

/**
 * Returns the query and the body with which WeChat pushes these fields to an app.
 *
 * @param now - the time that the signature covers, in epoch milliseconds.
 */
export function encryptedPush(
  { appid, token, key }: PushedApp,
  fields: Readonly<Record<string, XmlContent>>,
  now: number = Date.now(),
): { readonly query: string; readonly body: string } {
  const message = writeXml('xml', Object.entries(fields));
  const encrypt = new EncodingAesKey(key, 'key').encrypt(message, appid, randomBytes(16));
  const parts = { timestamp: String(Math.floor(now / 1_000)), nonce: '1590219412' };
  const signer = new PushToken(token, 'token');
  const signatures = { signature: signer.sign(parts), msg_signature: signer.sign({ ...parts, encrypt }) };
  const query = new URLSearchParams({ ...signatures, ...parts, encrypt_type: 'aes' }).toString();
  const envelope = [
    ['ToUserName', appid],
    ['Encrypt', encrypt],
  ] as const;
  return { query, body: writeXml('xml', envelope) };
}
