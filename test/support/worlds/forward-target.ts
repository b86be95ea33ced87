import { vi } from 'vitest';
import { type GuardedAnswer, type GuardedRequest, GuardedRequests } from '../../../src/callbacks/guarded-request.js';
import type { ForwardedPush } from '../../../src/push-server/index.js';

/** A request that a target was sent. */
export interface ForwardedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly push: ForwardedPush;
}

/** Plays the targets of rules, without a socket. */
export class ForwardTargets {
  readonly asked: ForwardedRequest[] = [];
  /** The answer of every target: a body, an error, or a promise of either. */
  answer: (request: ForwardedRequest) => string | GuardedAnswer | Promise<string | GuardedAnswer> = () => '';

  constructor() {
    vi.spyOn(GuardedRequests.prototype, 'send').mockImplementation((request) => this.#send(request));
  }

  async #send({ url, headers = {}, body, signal }: GuardedRequest): Promise<GuardedAnswer> {
    const text = String(body);
    const request = { url: String(url), headers, text, push: JSON.parse(text) as ForwardedPush };
    this.asked.push(request);
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
    const answer = await Promise.race([this.answer(request), aborted]);
    return typeof answer === 'string' ? { status: 200, body: Buffer.from(answer) } : answer;
  }
}
