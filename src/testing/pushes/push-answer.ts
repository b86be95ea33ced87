import type { FakePushFields } from './push-fields.js';
import type { PushResponse } from './push-sender.js';

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
/** The body with which a server says that it has taken a push. */
export const SUCCESS = 'success';

/** Returns whether a response says that the server has taken a push to a platform. */
export function isSuccess({ status, body }: PushResponse): boolean {
  return status === OK && body === SUCCESS;
}

/** Returns whether a response is one to a message, if it has this reply. */
export function isMessageAnswer(response: PushResponse, reply: FakePushFields | undefined): boolean {
  return response.status === OK && (response.body === SUCCESS || response.body === '' || reply !== undefined);
}
