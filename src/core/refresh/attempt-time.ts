import type { Clock, ClockTimer } from '../concurrency/clock.js';
import { setGraceTimer } from '../concurrency/grace-timer.js';
import { ATTEMPT_TIMEOUT_MS } from '../concurrency/time-limits.js';
import { TokenError, type TokenErrorFacts } from '../model/errors.js';

/** Ends the wait of one attempt to get an answer from WeChat or another service, by a signal. */
export class AttemptTime {
  readonly #controller = new AbortController();
  readonly #timer: ClockTimer;

  /** @param facts - what the attempt is for, for the error with which the signal is aborted when the time is over. */
  constructor(clock: Clock, facts: TokenErrorFacts) {
    this.#timer = setGraceTimer(clock, () => this.#controller.abort(isOver(facts)), ATTEMPT_TIMEOUT_MS);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the time of an attempt that has its answer. With a reason, work that it has left behind is aborted. */
  end(reason?: TokenError): void {
    this.#timer.cancel();
    if (reason !== undefined) this.#controller.abort(reason);
  }
}

function isOver(facts: TokenErrorFacts): TokenError {
  const message = `no answer within ${ATTEMPT_TIMEOUT_MS} ms`;
  return new TokenError('UPSTREAM_UNAVAILABLE', message, { ...facts, retryable: true });
}
