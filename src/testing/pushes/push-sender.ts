import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../core/concurrency/clock.js';

/** A request to the server of an app. */
export interface OutgoingPush {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The response of the server. */
export interface PushResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** The time after which WeChat gives up, in seconds. */
export const ANSWERED_WITHIN_S = 5;

/** Reports that a server has not answered a push. The message shows nothing of the push. */
export class PushUnanswered extends Error {
  /** Why not: the time was up (`late`), the fake was `closed`, or the code of the failure of the connection. */
  readonly why: string;

  constructor(why: string, message: string) {
    super(message);
    this.why = why;
  }
}

/** Sends pushes, each over a connection of its own. */
export class PushSender {
  readonly #clock: Clock;
  readonly #underWay = new Set<AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Sends a request.
   *
   * @throws PushUnanswered if there is no answer.
   */
  async send(push: OutgoingPush): Promise<PushResponse> {
    const stop = new AbortController();
    this.#underWay.add(stop);
    const late = new PushUnanswered('late', `the push was not answered within ${ANSWERED_WITHIN_S} s`);
    const timer = this.#clock.setTimer(() => stop.abort(late), ANSWERED_WITHIN_S * 1_000, { ref: true });
    try {
      return await exchange(push, stop.signal);
    } catch (error) {
      const { code = 'no response' } = error as NodeJS.ErrnoException;
      throw stop.signal.aborted ? stop.signal.reason : new PushUnanswered(code, `the push was not answered: ${code}`);
    } finally {
      timer.cancel();
      this.#underWay.delete(stop);
    }
  }

  /** Ends the requests that have not been answered. */
  close(): void {
    const closed = new PushUnanswered('closed', 'the push was not answered before the fake was closed');
    for (const stop of this.#underWay) stop.abort(closed);
  }
}

function exchange({ method, url, headers, body }: OutgoingPush, signal: AbortSignal): Promise<PushResponse> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, signal }, (response) => {
      const { statusCode: status = 0 } = response;
      const { 'content-type': contentType = '' } = response.headers;
      text(response).then((received) => resolve({ status, contentType, body: received }), reject);
    });
    sent.on('error', reject).end(body);
  });
}
