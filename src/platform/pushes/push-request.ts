/**
 * A push as it arrived over HTTP.
 *
 * @public
 */
export interface PushRequest {
  /** The method: `GET` is WeChat's check of the URL, `POST` a push. */
  readonly method: 'GET' | 'POST';
  /** The app that the path names. */
  readonly appid: string;
  /** The platform that the path names before the app, for messages of an account that has authorized it. */
  readonly component?: string | undefined;
  /** The query of the URL, without the `?`. */
  readonly query: string;
  /** The body, as it came. */
  readonly body: Uint8Array;
}

/**
 * The answer to a push.
 *
 * @public
 */
export interface PushAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** The value of the header `Content-Type`. */
  readonly contentType: string;
  /** The body. */
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';

/** The answer that ends WeChat's repetitions of a push. */
export const SUCCESS: PushAnswer = { status: 200, contentType: TEXT, body: 'success' };

/** The answer that WeChat's check expects to a code. */
export const EMPTY: PushAnswer = { status: 200, contentType: TEXT, body: '' };

/** Returns an answer with status 200 and a bare text. */
export function textAnswer(body: string): PushAnswer {
  return { status: 200, contentType: TEXT, body };
}

/** The receiver that answers pushes. */
export interface PushReceiving {
  /**
   * Answers a push.
   *
   * @param sender - the network of the sender, whose look-ups of apps are limited; absent if it is unknown.
   */
  receive(push: PushRequest, sender?: string): Promise<PushAnswer>;
}
