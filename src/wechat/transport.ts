import type { Dispatcher } from 'undici';
import { onAbort } from '../core/concurrency/abort-listeners.js';
import type { Clock } from '../core/concurrency/clock.js';
import { setGraceTimer } from '../core/concurrency/grace-timer.js';
import { closedError } from '../core/model/errors.js';
import type { WeChatRequest } from '../core/model/refresher.js';
import { createDispatcher } from './dispatcher.js';

/** An answer over HTTP. `text` is `undefined` if it was longer than 1 MiB. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string | undefined;
}

export const REQUEST_TIMEOUT_MS = 6_000;

/** Reports that a request was not answered within {@link REQUEST_TIMEOUT_MS}. */
export class RequestTimeout extends Error {
  override readonly name: string = 'RequestTimeout';
}

/** Sends single requests. undici is loaded at the first request, because loading it takes longer than the rest of the start. */
export class Transport {
  readonly #proxy: string | undefined;
  readonly #clock: Clock;
  #dispatcher: Promise<Dispatcher> | undefined;
  #closed = false;

  constructor(proxy: string | undefined, clock: Clock) {
    this.#proxy = proxy;
    this.#clock = clock;
  }

  /**
   * Sends a request, and returns the answer.
   *
   * @throws the signal's reason, {@link RequestTimeout}, a `TokenError` with code `CLOSED`, or an error of the network,
   *   which may contain secrets.
   */
  async send(origin: string, request: WeChatRequest, signal: AbortSignal): Promise<HttpAnswer> {
    this.#assertOpen();
    this.#dispatcher ??= createDispatcher(this.#proxy);
    const dispatcher = await this.#dispatcher;
    this.#assertOpen();
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
      this.#assertOpen();
      throw error;
    } finally {
      deadline.cancel();
      endListening();
    }
  }

  /** Closes all connections. Requests in progress are rejected with code `CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    const dispatcher = await this.#dispatcher;
    await dispatcher?.destroy();
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

async function exchange(dispatcher: Dispatcher, options: Dispatcher.RequestOptions): Promise<HttpAnswer> {
  const { statusCode: status, body } = await dispatcher.request(options);
  try {
    return { status, text: await body.text() };
  } catch (error) {
    if (isTooLong(error)) return { status, text: undefined };
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
