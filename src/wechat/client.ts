import pRetry from 'p-retry';
import type { Clock } from '../core/concurrency/clock.js';
import { isTokenError, safeCause, TokenError, type TokenErrorFacts } from '../core/model/errors.js';
import type { Upstream, WeChatRequest } from '../core/model/refresher.js';
import { SharedSlots } from '../core/model/shared-slots.js';
import type { JsonObject } from '../core/primitives/json.js';
import { parseAnswer, readErrcode } from './answer.js';
import { classify } from './classify.js';
import { isConnectFailure } from './connect-failure.js';
import { MAX_IN_FLIGHT } from './dispatcher.js';
import { hideSecrets } from './hide-secrets.js';
import type { Origin, Origins } from './origins.js';
import { REQUEST_TIMEOUT_MS, RequestTimeout, Transport } from './transport.js';

export interface WeChatClientOptions {
  /** The hosts in order of preference. The next one is asked only after one gave no answer or a 5xx. */
  readonly origins: Origins;
  /** The http or https proxy, with credentials if it needs any. */
  readonly proxy?: string | undefined;
  /** The clock. Its `now()` is the time of the store, on which the times in errors are based. */
  readonly clock: Clock;
}

/**
 * Creates the client of WeChat's API, which sends requests and classifies the answers.
 *
 * @throws TypeError for an invalid origin or proxy.
 */
export function createWeChatClient(options: WeChatClientOptions): Upstream {
  return new WeChatClient(options);
}

type RequestOptions = Parameters<Upstream['request']>[1];
const NO_USER = { appid: '', type: '' };

type Hidden = readonly [request: WeChatRequest, secret: string | undefined];

/** An answer other than a 3xx or a failure of the host. */
interface Answer {
  readonly host: string;
  readonly status: number;
  readonly body: JsonObject | undefined;
  readonly date: string | undefined;
}

class WeChatClient implements Upstream {
  readonly #clock: Clock;
  readonly #origins: Origins;
  readonly #transport: Transport;
  readonly #slots = new SharedSlots(MAX_IN_FLIGHT);

  constructor({ origins, proxy, clock }: WeChatClientOptions) {
    this.#clock = clock;
    this.#origins = origins;
    this.#transport = new Transport(proxy, clock);
  }

  async request(
    request: WeChatRequest,
    { signal, withToken, secret, user = NO_USER, dated }: RequestOptions,
  ): Promise<JsonObject> {
    assertPath(request.path);
    const giveBack = await this.#slots.take(user, signal);
    let wasAnswered = false;
    try {
      const answer = await this.#ask(request, `${user.appid}/${user.type}`, signal);
      wasAnswered = true;
      const body = this.#accept(answer, withToken, [request, secret]);
      const at = Date.parse(answer.date ?? '');
      if (!Number.isNaN(at)) dated?.(at);
      return body;
    } finally {
      giveBack(wasAnswered);
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #ask(request: WeChatRequest, token: string, signal: AbortSignal): Promise<Answer> {
    let origin = this.#takeOrigin(token);
    try {
      return await pRetry(() => this.#askOrigin(origin, token, request, signal), {
        retries: this.#origins.size > 1 ? 1 : 0,
        minTimeout: 0,
        shouldRetry: ({ error }) => {
          const next = signal.aborted || !isUnavailable(error) ? undefined : this.#origins.take(token, origin);
          if (next !== undefined) origin = next;
          return next !== undefined;
        },
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  #takeOrigin(token: string): Origin {
    const origin = this.#origins.take(token);
    if (origin !== undefined) return origin;
    throw unavailable('WeChat has been unreachable for some time: requests to it are limited to one per second', {
      hostOnly: this.#origins.hostOnly,
    });
  }

  async #askOrigin(origin: Origin, token: string, request: WeChatRequest, signal: AbortSignal): Promise<Answer> {
    const { host } = new URL(origin.url);
    try {
      const { status, text, date } = await this.#transport.send(origin.url, request, signal);
      this.#origins.answered(origin, token);
      const body = parseAnswer(text);
      if (status >= 500 && body?.['errcode'] === undefined)
        throw unavailable(`${host} answered with HTTP status ${status}`);
      return { host, status, body, date };
    } catch (error) {
      if (signal.aborted || isTokenError(error)) throw error;
      const hostOnly = isConnectFailure(error);
      this.#origins.failed(origin, token, hostOnly);
      if (error instanceof RequestTimeout) throw unavailable(`${host} did not answer within ${REQUEST_TIMEOUT_MS} ms`);
      const failed = hostOnly ? `${host} could not be reached` : `The connection to ${host} broke`;
      const cause = safeCause(error);
      throw unavailable(`${failed} (${cause.message})`, { hostOnly, cause });
    }
  }

  #accept({ host, status, body }: Answer, withToken: boolean, hidden: Hidden): JsonObject {
    if (status >= 300 && status < 400) throw unavailable(`${host} answered with a redirect (HTTP status ${status})`);
    const errcode = readErrcode(body?.['errcode']);
    if (body === undefined || errcode === undefined) {
      throw unavailable(`${host} answered with something that is not a WeChat API response (HTTP status ${status})`);
    }
    if (errcode !== 0) {
      const errmsg = typeof body['errmsg'] === 'string' ? hideSecrets(body['errmsg'], ...hidden) : '';
      const random = this.#clock.random();
      throw classify({ errcode, errmsg, withToken, now: this.#clock.now(), random });
    }
    if (status >= 400 && body['errcode'] === undefined)
      throw unavailable(`${host} answered with HTTP status ${status}`);
    return body;
  }
}

function unavailable(message: string, facts: TokenErrorFacts = {}): TokenError {
  return new TokenError('UPSTREAM_UNAVAILABLE', message, { retryable: true, ...facts });
}

function isUnavailable(error: Error): boolean {
  return isTokenError(error) && error.code === 'UPSTREAM_UNAVAILABLE';
}

function assertPath(path: string): void {
  if (!/^\/[\x21-\x7e]*$/.test(path)) throw new TypeError('path must begin with / and contain no spaces');
}
