import { readEnvelope } from '../../platform/envelope/read-envelope.js';
import { type FakePushFields, type FakePushFormat, fieldsOfText } from './push-fields.js';
import type { PushResponse } from './push-sender.js';
import type { PushTarget } from './push-settings.js';

/**
 * The answer of an app's server to a push.
 *
 * @public
 */
export interface FakePushAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** The header `Content-Type`; empty if there is none. */
  readonly contentType: string;
  /** The body, as it came. */
  readonly body: string;
  /** The fields of the reply, decrypted if the push was encrypted; `undefined` if the body is no reply. */
  readonly reply: FakePushFields | undefined;
  /**
   * Whether WeChat accepts it. The status must be 200, and the body `success`, or for a message empty or a reply, or for a
   * check of the URL the text that WeChat sent.
   */
  readonly isAccepted: boolean;
  /** The fields that were pushed, including those that were filled in. */
  readonly pushed: FakePushFields;
  /** Sends exactly the same request again. */
  repeat(): Promise<FakePushAnswer>;
}

const OK = 200;
const SUCCESS = 'success';

export function isSuccess({ status, body }: PushResponse): boolean {
  return status === OK && body === SUCCESS;
}

/** Returns whether a response is one to a message, if it has this reply. */
export function isMessageAnswer(response: PushResponse, reply: FakePushFields | undefined): boolean {
  return response.status === OK && (response.body === SUCCESS || response.body === '' || reply !== undefined);
}

/**
 * Returns the fields of a reply; `undefined` for a body that is none, or is not signed and encrypted properly.
 *
 * @param appid - the app whose settings are used, for which the reply has to be encrypted.
 */
export function replyIn(
  { body }: PushResponse,
  target: PushTarget,
  appid: string,
  format: FakePushFormat,
): FakePushFields | undefined {
  if (body === SUCCESS || body === '') return undefined;
  try {
    const text = target.key === undefined ? body : decrypted(body, target, appid, format);
    return text === undefined ? undefined : fieldsOfText(text, format);
  } catch {
    return undefined;
  }
}

function decrypted(
  body: string,
  { token, key }: PushTarget,
  appid: string,
  format: FakePushFormat,
): string | undefined {
  const { encrypt, format: received } = readEnvelope(Buffer.from(body));
  const { MsgSignature: signature, TimeStamp: timestamp, Nonce: nonce } = fieldsOfText(body, received);
  const parts = { timestamp: String(timestamp), nonce: String(nonce), encrypt };
  if (received !== format || !token.verify(parts, String(signature))) return undefined;
  return key?.decrypt(Buffer.from(encrypt, 'base64'), appid)?.toString();
}
