import type { GuardedAnswer, GuardedRequests } from '../../callbacks/guarded-request.js';
import { HostTurns } from '../../callbacks/host-turns.js';
import { appSecretOf, signWebhook } from '../../callbacks/webhook-signature.js';
import { onAbort, reasonOf } from '../../core/concurrency/abort-listeners.js';
import type { Clock } from '../../core/concurrency/clock.js';
import type { Closing } from '../../core/model/closing.js';
import type { Deadline } from '../../core/model/deadline.js';
import { TokenError } from '../../core/model/errors.js';
import { DampedReports } from '../failures/damped-reports.js';
import { failureReason } from '../failures/failure-reason.js';
import { replyIn } from './forward-answer.js';
import { type CheckedRule, matches } from './forward-rule.js';
import type { ForwardedPush } from './forwarded-push.js';
import type { Forwarding } from './forwarding-options.js';

export interface ForwarderParts {
  readonly forwarding: Pick<Forwarding, 'rules' | 'secrets'>;
  readonly requests: Pick<GuardedRequests, 'send'>;
  readonly clock: Clock;
  readonly closing: Closing;
  /** Receives failures of targets, the first of each rule and app, and then one each ten minutes. */
  report(error: Error): void;
}

/**
 * Forwards a push, and returns what `write` makes of the reply; an empty text if there is none.
 *
 * @param replyBy - ends the wait for the reply.
 * @throws a `TokenError`: `TIMEOUT` if no time was left to forward the push, `CLOSED`. WeChat repeats the push after both.
 */
export type ForwardTarget = (replyBy: Deadline, write: (reply: object) => string) => Promise<string>;

const MAX_AT_ONCE = 128;
/** The limit for all apps and targets together, beyond the two calls that each may have in any case. */
const MAX_FURTHER = 256;
/** A target that takes longer gets two calls at once, so that it does not hold those of all others. */
const PROMPT_MS = 3_000;
const SECOND_MS = 1_000;

/**
 * Forwards pushes to the targets of rules, and returns their replies. A target that fails costs a reply and nothing else:
 * what it was sent is answered with `success`, because WeChat tells the user of an account that does not answer.
 */
export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #turns: HostTurns;
  readonly #reports: DampedReports;

  constructor(parts: ForwarderParts) {
    const { clock } = parts;
    this.#parts = parts;
    const bounds = { promptMs: PROMPT_MS, maxFurther: MAX_FURTHER, newestFirst: true };
    this.#turns = new HostTurns(MAX_AT_ONCE, clock, bounds);
    this.#reports = new DampedReports(clock, (error) => parts.report(error));
  }

  /** Returns what forwards a push by the first rule that matches it; `undefined` without such a rule. */
  targetFor(push: ForwardedPush): ForwardTarget | undefined {
    const rule = this.#parts.forwarding.rules.find((one) => matches(one, push));
    return rule && ((replyBy, write) => this.#forward(rule, push, replyBy, write));
  }

  async #forward(
    rule: CheckedRule,
    push: ForwardedPush,
    replyBy: Deadline,
    write: (reply: object) => string,
  ): Promise<string> {
    const { closing } = this.#parts;
    closing.assertOpen();
    const leftMs = replyBy.leftMs();
    if (leftMs === 0) throw new TokenError('TIMEOUT', 'there was no time left to forward a push', { retryable: true });
    try {
      const reply = replyIn(await this.#ask(rule, push, leftMs));
      return reply === undefined ? '' : write(reply);
    } catch (error) {
      closing.assertOpen();
      this.#note(rule, push, error);
      return '';
    }
  }

  /** Sends a push within the time that is left, of which the wait for a turn is a part. */
  async #ask(rule: CheckedRule, push: ForwardedPush, leftMs: number): Promise<GuardedAnswer> {
    const { requests, clock, closing } = this.#parts;
    const controller = new AbortController();
    const { signal } = controller;
    const late = (): void => controller.abort(new Error('it did not answer in time'));
    const timer = clock.setTimer(late, leftMs, { ref: true });
    const endListening = onAbort(closing.signal, () => controller.abort(reasonOf(closing.signal)));
    try {
      // Apps and targets have turns of their own, also on one host, so that none waits for another.
      const group = signerOf(push);
      const turn = { host: `${group} ${rule.url.href}`, group };
      return await this.#turns.run(turn, signal, () => requests.send({ ...this.#request(rule, push), signal }));
    } finally {
      timer.cancel();
      endListening();
    }
  }

  #request({ url }: CheckedRule, push: ForwardedPush): Parameters<GuardedRequests['send']>[0] {
    const { forwarding, clock } = this.#parts;
    const body = JSON.stringify(push);
    const secrets = forwarding.secrets.map((secret) => appSecretOf(secret, signerOf(push)));
    const timestampSeconds = Math.floor(clock.now() / SECOND_MS);
    const signed = secrets.length === 0 ? {} : signWebhook({ id: push.id, timestampSeconds, body, secrets });
    return { url, method: 'POST', headers: { 'content-type': 'application/json', ...signed }, body };
  }

  #note({ number, url }: CheckedRule, push: ForwardedPush, error: unknown): void {
    const describe = (): string =>
      `rule ${number} of forward could not forward a push of ${push.appid} to ${url.host}, and it was answered with success: ${failureReason(error)}`;
    this.#reports.note(`${number} ${signerOf(push)}`, describe, 'pushes');
  }
}

/** Returns the app whose secret signs a push: the one that is registered. */
function signerOf({ appid, component }: ForwardedPush): string {
  return component ?? appid;
}
