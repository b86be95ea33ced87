import { reasonOf } from '../../core/concurrency/abort-listeners.js';
import { hasMethods } from '../../core/primitives/foreign-objects.js';
import { noop } from '../../core/primitives/noop.js';
import { withToken } from './api-url.js';
import { fetchFailure } from './fetch-failure.js';
import type { FetchRequest } from './fetch-request.js';
import { showWithoutToken } from './shown-response.js';

/** Sends a request, as `fetch` does. */
export type Send = (url: string, init: RequestInit) => Promise<Response>;

type Outcome = { readonly response: Response } | { readonly error: unknown };

/** The one or two requests of a call. */
export class Attempts {
  readonly #request: FetchRequest;
  readonly #type: string;
  readonly #send: Send;
  /** The tokens that were sent. */
  readonly #sent: string[] = [];
  #last: Outcome | undefined;

  constructor(request: FetchRequest, type: string, send: Send) {
    this.#request = request;
    this.#type = type;
    this.#send = send;
  }

  /** Sends the request with the token. A request that cannot be sent again has the outcome of the first time. */
  async run(token: string): Promise<Response> {
    const outcome = await this.#outcome(token);
    if ('error' in outcome) throw outcome.error;
    return outcome.response;
  }

  /** Returns the error to be thrown: what a request failed with is shown without the token. */
  shown(error: unknown): unknown {
    const last = this.#last;
    if (last === undefined || !('error' in last) || last.error !== error) return error;
    const { signal } = this.#request;
    if (signal?.aborted === true) return reasonOf(signal);
    return fetchFailure(error, this.#sent);
  }

  async #outcome(token: string): Promise<Outcome> {
    const last = this.#last;
    if (last !== undefined && this.#request.isOnce) return last;
    if (last !== undefined && 'response' in last) discardBody(last.response.body);
    this.#last = await this.#attempt(token);
    return this.#last;
  }

  async #attempt(token: string): Promise<Outcome> {
    const { url } = this.#request;
    this.#sent.push(token);
    try {
      const response = await this.#send(withToken(url, this.#type, token), await this.#request.init());
      return { response: showWithoutToken(response, url.shown) };
    } catch (error) {
      return { error };
    }
  }
}

/**
 * Ends a body that is not read, which would keep its connection. With node-fetch it is a Node.js stream, which has no
 * `cancel`.
 */
function discardBody(body: unknown): void {
  if (hasMethods(body, 'cancel')) (body as ReadableStream).cancel().catch(noop);
  else if (hasMethods(body, 'destroy')) (body as { destroy(): void }).destroy();
}
