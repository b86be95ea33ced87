import type { Dispatcher } from 'undici';
import type { Clock } from '../core/concurrency/clock.js';
import { isConnectFailure } from '../wechat/connect-failure.js';
import { LazyDispatcher } from '../wechat/dispatcher.js';
import type { WeChatHosts } from '../wechat/hosts-of.js';
import type { Origin } from '../wechat/origins.js';
import { AnswerReceiver, type UpstreamAnswer } from './answer-receiver.js';
import { bodyTooSlow, callerGone, GatewayFailure } from './gateway-failure.js';
import { type ArrivingBody, BrokenBody, type CallBody, isHeld, watched } from './request-body.js';
import { BETWEEN_BYTES_MS, StallGuard } from './stall-guard.js';

const MAX_CONNECTIONS = 256;
const FIRST_BYTE_MS = 30_000;

/**
 * Calls the listener when the caller has gone before it was answered: at once if it has already.
 *
 * @returns a function that ends the listening.
 */
export type WhenGone = (listener: () => void) => () => void;

/** A request that is to be sent to WeChat. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  /** The path with its query. It begins with one `/`, so that it can name no host. */
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly body: CallBody;
}

/**
 * Sends calls to WeChat over connections of its own, so that calls that hang keep no connection from the refreshes. The
 * health of the hosts is shared with the refreshes.
 */
export class Upstream {
  readonly #hosts: WeChatHosts;
  readonly #clock: Clock;
  readonly #inFlight = new Map<Origin, number>();
  readonly #dispatcher: LazyDispatcher;

  constructor(hosts: WeChatHosts, clock: Clock) {
    this.#hosts = hosts;
    this.#dispatcher = new LazyDispatcher(hosts.proxy, { connections: MAX_CONNECTIONS });
    this.#clock = clock;
  }

  /**
   * Sends a request once. The next host is asked only if there was no connection to the first one, because a request may
   * otherwise have taken effect.
   *
   * @param user - the app and type of the token, by which the health of the hosts is told apart.
   * @throws GatewayFailure.
   */
  async send(request: UpstreamRequest, user: string, whenGone: WhenGone): Promise<UpstreamAnswer> {
    const dispatcher = this.#dispatcher.opened ?? (await this.#dispatcher.open());
    if (dispatcher === undefined) throw closing();
    const { origins } = this.#hosts;
    let origin = origins.take(user);
    for (;;) {
      if (origin === undefined) throw new GatewayFailure('unreachable', 'WeChat has not been reachable for long');
      try {
        const answer = await this.#sendTo(origin, dispatcher, request, whenGone);
        origins.answered(origin, user);
        return answer;
      } catch (error) {
        if (this.#dispatcher.isClosed) throw closing();
        if (!isConnectFailure(error)) throw failureOf(error);
        origins.failed(origin, user, true);
        const next = origins.take(user, origin);
        if (next === undefined) throw new GatewayFailure('unreachable', 'WeChat could not be reached');
        origin = next;
      }
    }
  }

  /** Closes all connections. Calls in progress fail. */
  close(): Promise<void> {
    return this.#dispatcher.close();
  }

  #sendTo(
    origin: Origin,
    dispatcher: Dispatcher,
    { method, target, headers, body }: UpstreamRequest,
    whenGone: WhenGone,
  ): Promise<UpstreamAnswer> {
    const inFlight = this.#inFlight.get(origin) ?? 0;
    if (inFlight >= MAX_CONNECTIONS) {
      throw new GatewayFailure(
        'limit',
        `this server has ${MAX_CONNECTIONS} calls to WeChat in progress: try again in a second`,
      );
    }
    this.#inFlight.set(origin, inFlight + 1);
    return new Promise((resolve, reject) => {
      const upload: Upload = { awaitsCaller: false };
      const guard = new StallGuard(this.#clock, () => receiver.abort(stalled(upload)));
      const receiver = new AnswerReceiver({
        sent: () => guard.touch(isHeld(body) ? FIRST_BYTE_MS : BETWEEN_BYTES_MS),
        moved: () => guard.touch(BETWEEN_BYTES_MS),
        answered: resolve,
        failed: reject,
        over: () => {
          guard.end();
          endListening();
          this.#inFlight.set(origin, (this.#inFlight.get(origin) ?? 1) - 1);
        },
      });
      const endListening = whenGone(() => receiver.abort(callerGone()));
      const options = { origin: origin.url, method, path: target, headers, body: wireBody(body, guard, upload) };
      dispatcher.dispatch(options as Dispatcher.DispatchOptions, receiver);
    });
  }
}

/** The state of a body that is streamed. */
interface Upload {
  /** Whether its next piece has not arrived yet. */
  awaitsCaller: boolean;
}

/** Returns the body for undici. Each piece of a streamed one allows more time for the next, and its end for the answer. */
function wireBody(body: CallBody, guard: StallGuard, upload: Upload): Uint8Array | AsyncIterable<Uint8Array> | null {
  if (body === undefined) return null;
  return isHeld(body) ? body : uploaded(body, guard, upload);
}

async function* uploaded(body: ArrivingBody, guard: StallGuard, upload: Upload): AsyncGenerator<Uint8Array> {
  upload.awaitsCaller = true;
  for await (const piece of watched(body, () => guard.touch(BETWEEN_BYTES_MS))) {
    upload.awaitsCaller = false;
    yield piece;
    upload.awaitsCaller = true;
  }
  upload.awaitsCaller = false;
  guard.touch(FIRST_BYTE_MS);
}

function stalled({ awaitsCaller }: Upload): GatewayFailure {
  return awaitsCaller ? bodyTooSlow() : new GatewayFailure('timeout', 'WeChat did not answer in time');
}

function closing(): GatewayFailure {
  return new GatewayFailure('closed', 'the server is closing');
}

function failureOf(error: unknown): GatewayFailure {
  if (error instanceof GatewayFailure) return error;
  if (error instanceof BrokenBody) return new GatewayFailure('body', error.message);
  return new GatewayFailure('answer', 'the connection to WeChat broke before it had answered');
}
