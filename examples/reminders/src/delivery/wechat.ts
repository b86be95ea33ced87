import { TokenError, type TokenManager } from 'wechat-token-manager';

const SEND_PATH = '/cgi-bin/message/subscribe/send';
const SESSION_PATH = '/sns/jscode2session';
/** More than the 10 s, and the second of tolerance, after which `fetch` gives a connection up: that error says that nothing was sent. */
const ANSWER_WITHIN_MS = 15_000;
/** The codes of errors that a connection fails with before anything was sent over it. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

interface ConnectionError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly errors?: readonly ConnectionError[];
}

export interface WeChatAnswer {
  readonly errcode: number;
  readonly errmsg: string;
}

/** Tells why a message was not answered, and whether WeChat may have taken it all the same. */
export class NotAnswered extends Error {
  readonly mayHaveBeenTaken: boolean;

  constructor(message: string, mayHaveBeenTaken: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NotAnswered';
    this.mayHaveBeenTaken = mayHaveBeenTaken;
  }
}

export interface AppCredentials {
  readonly appid: string;
  readonly secret: string;
  readonly origin: string;
}

/** Makes the two calls to WeChat that the service needs. */
export class WeChat {
  readonly #tokens: TokenManager;
  readonly #app: AppCredentials;

  constructor(tokens: TokenManager, app: AppCredentials) {
    this.#tokens = tokens;
    this.#app = app;
  }

  /**
   * Sends a subscribe message. A token that WeChat does not take is replaced by `call`, once for all who send.
   *
   * @throws NotAnswered when there is no answer, or no token to ask with.
   */
  async send(message: Record<string, unknown>): Promise<WeChatAnswer> {
    try {
      return await this.#tokens.call(this.#app.appid, 'access_token', (token) => this.#post(token, message));
    } catch (error) {
      if (error instanceof NotAnswered) throw error;
      // Without a token nothing was sent; of everything else that is not known.
      const isTokenMissing = error instanceof TokenError;
      const message = isTokenMissing ? `no access token: ${error.message}` : 'the answer could not be read';
      throw new NotAnswered(message, !isTokenMissing, { cause: error });
    }
  }

  /** Returns the openid for a code of `wx.login`, or why there is none: the code, or the user whom WeChat lets not log in. */
  async openidOf(code: string): Promise<{ readonly openid: string } | 'code' | 'blocked'> {
    const { appid, secret, origin } = this.#app;
    const query = new URLSearchParams({ appid, secret, js_code: code, grant_type: 'authorization_code' });
    const answer = await ask(`${origin}${SESSION_PATH}?${query}`, {});
    if (typeof answer['openid'] === 'string') return { openid: answer['openid'] };
    const errcode = Number(answer['errcode']);
    if (errcode === 40_029 || errcode === 40_163 || errcode === 41_008) return 'code';
    if (errcode === 40_226) return 'blocked';
    throw new NotAnswered(`WeChat refuses the login: ${errcode} ${String(answer['errmsg'])}`, false);
  }

  async #post(token: string, message: Record<string, unknown>): Promise<WeChatAnswer> {
    const url = `${this.#app.origin}${SEND_PATH}?${new URLSearchParams({ access_token: token })}`;
    const answer = await ask(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
    });
    const { errcode, errmsg = '' } = answer;
    // Some answers have a code that is a text.
    const isCode = typeof errcode === 'number' || typeof errcode === 'string';
    if (!isCode || !/^-?\d+$/.test(String(errcode))) throw new NotAnswered('the answer has no errcode', true);
    return { errcode: Number(errcode), errmsg: String(errmsg) };
  }
}

async function ask(url: string, init: RequestInit): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_WITHIN_MS), redirect: 'error' });
    const answer: unknown = JSON.parse(await response.text());
    if (typeof answer === 'object' && answer !== null && !Array.isArray(answer))
      return answer as Record<string, unknown>;
    throw new NotAnswered('the answer is no JSON object', true);
  } catch (error) {
    throw error instanceof NotAnswered ? error : notAnswered(error);
  }
}

/** Keeps the URL, which has the secret or the token in it, out of the message. */
function notAnswered(error: unknown): NotAnswered {
  const cause = (error as Error).cause as ConnectionError | undefined;
  if (NOT_CONNECTED.has(cause?.code) || isOfConnecting(cause)) {
    return new NotAnswered(`WeChat cannot be reached: ${String(cause?.code)}`, false);
  }
  if ((error as Error).name === 'TimeoutError') return new NotAnswered('WeChat has not answered in time', true);
  if (error instanceof SyntaxError) return new NotAnswered('the answer is no JSON', true);
  return new NotAnswered('the connection to WeChat broke', true);
}

/** Returns whether no connection was established: a host with several addresses has an error of each attempt, below one for all. */
function isOfConnecting(error: ConnectionError | undefined): boolean {
  return error?.syscall === 'connect' || (error?.errors?.every(({ syscall }) => syscall === 'connect') ?? false);
}
