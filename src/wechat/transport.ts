import type { Dispatcher } from 'undici';
import { onAbort } from '../core/concurrency/abort-listeners.js';
import type { Clock } from '../core/concurrency/clock.js';
import { setGraceTimer } from '../core/concurrency/grace-timer.js';
import { closedError } from '../core/model/errors.js';
import type { WeChatRequest } from '../core/model/refresher.js';
import { LazyDispatcher } from './dispatcher.js';

/** An answer over HTTP. `text` is `undefined` if it was longer than 1 MiB. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string | undefined;
  /** The value of the header `Date`. */
  readonly date: string | undefined;
}

export const REQUEST_TIMEOUT_MS = 6_000;

/** Reports that a request was not answered within {@link REQUEST_TIMEOUT_MS}. */
export class RequestTimeout extends Error {
  override readonly name: string = 'RequestTimeout';
}

/** Sends single requests. */
export class Transport {
  readonly #dispatcher: LazyDispatcher;
  readonly #clock: Clock;

  constructor(proxy: string | undefined, clock: Clock) {
    this.#dispatcher = new LazyDispatcher(proxy);
    this.#clock = clock;
  }

  /**
   * Sends a request, and returns the answer.
   *
   * @throws the signal's reason, {@link RequestTimeout}, a `TokenError` with code `CLOSED`, or an error of the network,
   *   which may contain secrets.
   */
  async send(origin: string, request: WeChatRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const dispatcher = await this.#dispatcher.open();
    if (dispatcher === undefined) throw closedError();
    signal.throwIfAborted();
    // The timeout uses the clock, because undici's own timers are late by up to a second.
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal.reason);
    const timeout = (): void => controller.abort(new RequestTimeout());
    const deadline = setGraceTimer(this.#clock, timeout, REQUEST_TIMEOUT_MS);
    const endListening = onAbort(signal, abort);
    try {
      return await exchange(dispatcher, { origin, ...wireRequest(request), signal: controller.signal });
    } catch (error) {
      controller.signal.throwIfAborted();
      throw this.#dispatcher.isClosed ? closedError() : error;
    } finally {
      deadline.cancel();
      endListening();
    }
  }

  /** Closes all connections. Requests in progress are rejected with code `CLOSED`. */
  close(): Promise<void> {
    return this.#dispatcher.close();
  }
}

async function exchange(dispatcher: Dispatcher, options: Dispatcher.RequestOptions): Promise<HttpAnswer> {
  const { statusCode: status, headers, body } = await dispatcher.request(options);
  const date = typeof headers['date'] === 'string' ? headers['date'] : undefined;
  try {
    return { status, text: await body.text(), date };
  } catch (error) {
    if (isTooLong(error)) return { status, text: undefined, date };
    throw error;
  }
}

function isTooLong(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
}

type WireRequest = Pick<Dispatcher.RequestOptions, 'method' | 'path' | 'headers' | 'body'>;

function wireRequest({ method, path, query, body }: WeChatRequest): WireRequest {
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'wechat-token-manager' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const search = query === undefined ? '' : `${path.includes('?') ? '&' : '?'}${new URLSearchParams(query)}`;
  return { method, path: path + search, headers, body: body === undefined ? null : JSON.stringify(body) };
}
