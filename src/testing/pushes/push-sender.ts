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

/** The time after which WeChat gives up. */
const TIMEOUT_MS = 5_000;

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
   * @throws Error if there is no answer. It shows nothing of the request.
   */
  async send(push: OutgoingPush): Promise<PushResponse> {
    const stop = new AbortController();
    this.#underWay.add(stop);
    const giveUp = (): void => stop.abort(new Error(`the push was not answered within ${TIMEOUT_MS / 1_000} s`));
    const timer = this.#clock.setTimer(giveUp, TIMEOUT_MS, { ref: true });
    try {
      return await exchange(push, stop.signal);
    } catch (error) {
      const { code = 'no response' } = error as NodeJS.ErrnoException;
      throw stop.signal.aborted ? stop.signal.reason : new Error(`the push was not answered: ${code}`);
    } finally {
      timer.cancel();
      this.#underWay.delete(stop);
    }
  }

  /** Ends the requests that have not been answered. */
  close(): void {
    for (const stop of this.#underWay) stop.abort(new Error('the push was not answered before the fake was closed'));
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
