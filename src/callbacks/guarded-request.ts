import type { Dispatcher } from 'undici';
import { type Clock, systemClock } from '../core/concurrency/clock.js';
import { setGraceTimer } from '../core/concurrency/grace-timer.js';
import { closedError, safeCause, TokenError, type TokenErrorFacts } from '../core/model/errors.js';
import { assertNumber } from '../core/primitives/assert-options.js';
import { loadUndici } from '../wechat/load-undici.js';
import { assertCallbackRules, type CallbackRules, parseCallbackUrl } from './callback-url.js';
import { AddressRefused, createGuardedConnector } from './guarded-connector.js';
import { type Lookup, systemLookup } from './host-lookups.js';

export interface GuardedRequestsOptions extends CallbackRules {
  /** The milliseconds that a request may take from the first look-up to the end of the answer. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  readonly lookup?: Lookup | undefined;
  readonly clock?: Clock | undefined;
}

export interface GuardedRequest {
  readonly url: string | URL;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether the status alone is the answer, so that a body that is too long, late or cut short is no failure. */
  readonly statusOnly?: boolean | undefined;
}

/** The answer, whatever its status: redirects are not followed. */
export interface GuardedAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * The header that tells another token server that a third party chose the URL, so that the server does not trust the
 * request because of its address.
 */
export const CALLBACK_HEADER = 'x-wechat-token-manager-callback';

const MAX_BODY_BYTES = 65_536;
const noBytes = (): ArrayBuffer => new ArrayBuffer(0);
const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 60_000;

/**
 * Sends requests to URLs that third parties have chosen. Each request has its own connection, whose addresses are checked
 * when it is opened.
 */
export class GuardedRequests {
  readonly #rules: CallbackRules;
  readonly #timeoutMs: number;
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  readonly #underWay = new Map<AbortController, Promise<GuardedAnswer>>();
  #isClosed = false;

  /** @throws TypeError when an option is invalid. */
  constructor(options: GuardedRequestsOptions = {}) {
    const { publicOnly, allowHosts, timeoutMs = DEFAULT_TIMEOUT_MS, lookup, clock } = options;
    assertCallbackRules({ publicOnly, allowHosts });
    assertNumber('timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS);
    this.#rules = { publicOnly, allowHosts };
    this.#timeoutMs = timeoutMs;
    this.#lookup = lookup ?? systemLookup;
    this.#clock = clock ?? systemClock;
  }

  /**
   * Sends a request, and returns the answer.
   *
   * @throws the signal's reason, or a `TokenError`: `UPSTREAM_REJECTED` when the URL or an address of its host may not be
   *   called, `UPSTREAM_UNAVAILABLE` when there was no answer of at most 64 KiB in time, `CLOSED`.
   */
  async send(call: GuardedRequest): Promise<GuardedAnswer> {
    if (this.#isClosed) throw closedError();
    call.signal?.throwIfAborted();
    const url = this.#accept(call.url);
    const controller = new AbortController();
    const abort = (): void => controller.abort(call.signal?.reason);
    call.signal?.addEventListener('abort', abort, { once: true });
    const answer = this.#send(url, call, controller);
    this.#underWay.set(controller, answer);
    try {
      return await answer;
    } finally {
      this.#underWay.delete(controller);
      call.signal?.removeEventListener('abort', abort);
    }
  }

  /** Aborts the requests in progress and those that wait for a slot, with code `CLOSED`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const answers = [...this.#underWay.values()];
    for (const controller of this.#underWay.keys()) controller.abort(closedError());
    await Promise.allSettled(answers);
  }

  #accept(text: string | URL): URL {
    try {
      return parseCallbackUrl(String(text), this.#rules);
    } catch (error) {
      throw new TokenError('UPSTREAM_REJECTED', (error as TypeError).message);
    }
  }

  async #send(url: URL, call: GuardedRequest, controller: AbortController): Promise<GuardedAnswer> {
    const { signal } = controller;
    const late = (): void => controller.abort(unavailable(`${url.host} did not answer within ${this.#timeoutMs} ms`));
    const deadline = setGraceTimer(this.#clock, late, this.#timeoutMs);
    try {
      return await this.#exchange(url, call, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw failureOf(url, error);
    } finally {
      deadline.cancel();
    }
  }

  async #exchange(url: URL, call: GuardedRequest, signal: AbortSignal): Promise<GuardedAnswer> {
    const { Client, buildConnector } = await loadUndici();
    signal.throwIfAborted();
    const { publicOnly = false } = this.#rules;
    const client = new Client(url.origin, {
      connect: createGuardedConnector({ build: buildConnector, lookup: this.#lookup, publicOnly, signal }),
      maxResponseSize: MAX_BODY_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 0,
    });
    try {
      const { statusCode: status, body } = await client.request({ ...wireRequest(url, call), signal });
      const whole = body.arrayBuffer();
      // The body is awaited all the same, since frameworks stop the work of a request whose caller goes.
      return { status, body: Buffer.from(await (call.statusOnly === true ? whole.catch(noBytes) : whole)) };
    } finally {
      await client.destroy();
    }
  }
}

function wireRequest(url: URL, { method, headers, body }: GuardedRequest): Dispatcher.RequestOptions {
  return {
    method,
    path: url.pathname + url.search,
    headers: { 'user-agent': 'wechat-token-manager', ...headers, [CALLBACK_HEADER]: '1' },
    body: body ?? null,
  };
}

function failureOf({ host }: URL, error: unknown): TokenError {
  if (error instanceof AddressRefused) {
    return new TokenError('UPSTREAM_REJECTED', `A callback URL must not lead to ${host}: ${error.message}`);
  }
  if ((error as { code?: unknown }).code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return unavailable(`${host} answered with more than ${MAX_BODY_BYTES} bytes`);
  }
  const cause = safeCause(error);
  return unavailable(`The request to ${host} failed (${cause.message})`, { cause });
}

function unavailable(message: string, facts: TokenErrorFacts = {}): TokenError {
  return new TokenError('UPSTREAM_UNAVAILABLE', message, { retryable: true, ...facts });
}
