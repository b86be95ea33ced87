import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { type Claim, type Ending, GRACE_MS, type Occurrences } from '../redis/occurrences.js';
import type { TemplateStops } from '../redis/template-stops.js';
import type { Reminder } from '../reminder.js';
import { messageOf, type Template } from '../template.js';
import { isZone, nextInstant } from '../zone-time.js';
import { backOffMs, type Verdict, verdictOf } from './verdict.js';
import { NotAnswered, type WeChat } from './wechat.js';

/** The message of a reminder at the instant at which it is due. */
export interface Due {
  readonly id: string;
  readonly instant: number;
}

/** The next step of the queue: another attempt at this message, the reminder's next message, or nothing. */
export type NextStep = { readonly retryAt: number } | { readonly due: Due } | undefined;

/** Occurrences missed longer ago than this are not recorded one by one. */
const MAX_CATCH_UP_MS = 7 * 86_400_000;

/** The clocks of two machines differ by less than this. */
const CLOCKS_AGREE_MS = 5_000;

type Claimed = Extract<Claim, { readonly outcome: 'claimed' }>;
type Unsent = Exclude<Claim, { readonly outcome: 'gone' | 'moved' } | Claimed>;

export interface DeliveryParts {
  readonly clock: Clock;
  readonly wechat: WeChat;
  readonly template: Template;
  readonly occurrences: Occurrences;
  readonly stops: TemplateStops;
  readonly log: Log;
}

/** Sends the message of an occurrence at most once, and writes what became of it. */
export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  async deliver(due: Due): Promise<NextStep> {
    const { clock, occurrences } = this.#parts;
    // A job may come before its time: promoted by hand, or by a worker whose clock is ahead.
    if (due.instant - clock.now() > CLOCKS_AGREE_MS) return { retryAt: due.instant };
    const claim = await occurrences.claim(due.id, due.instant, clock.now());
    if (!('reminder' in claim)) return undefined;
    const { reminder } = claim;
    if (claim.outcome !== 'claimed') return this.#finish(due, reminder, endingWithoutSending(claim));
    // The claim may have waited for Redis.
    if (clock.now() - due.instant > GRACE_MS) return this.#finish(due, reminder, skipped('too late'));
    if (!isZone(reminder.zone)) return this.#finish(due, reminder, skipped('its zone is no longer known'));
    const verdict = await this.#send(due, claim);
    if (verdict.kind === 'retry') return this.#retry(due, claim, verdict);
    await this.#stopTemplate(verdict);
    return this.#finish(due, reminder, endingOf(verdict));
  }

  async #send({ instant }: Due, { reminder, attempts }: Claimed): Promise<Verdict> {
    const { template, wechat } = this.#parts;
    try {
      const { errcode, errmsg } = await wechat.send(messageOf(template, reminder, instant));
      return verdictOf(errcode, errmsg, attempts);
    } catch (error) {
      if (!(error instanceof NotAnswered)) throw error;
      if (error.mayHaveBeenTaken) return { kind: 'unknown', reason: error.message };
      return { kind: 'retry', reason: error.message, errcode: undefined, afterMs: backOffMs(attempts) };
    }
  }

  async #retry(due: Due, claim: Claimed, verdict: Extract<Verdict, { kind: 'retry' }>): Promise<NextStep> {
    const { clock, occurrences } = this.#parts;
    const { reason, errcode, afterMs } = verdict;
    const retryAt = clock.now() + afterMs;
    if (retryAt - due.instant > GRACE_MS) return this.#finish(due, claim.reminder, { ...skipped(reason), errcode });
    return (await occurrences.release(claim, due.instant, reason, errcode)) ? { retryAt } : undefined;
  }

  async #stopTemplate(verdict: Verdict): Promise<void> {
    if (verdict.kind !== 'refused' || verdict.because !== 'template') return;
    const { stops, clock, log } = this.#parts;
    const { errcode, reason: errmsg } = verdict;
    await stops.stop({ errcode, errmsg, since: clock.now() });
    log.error({ errcode, errmsg }, 'WeChat refuses the template: no message is sent until it is resumed');
  }

  async #finish(due: Due, reminder: Reminder, ending: Ending): Promise<NextStep> {
    const { occurrences, clock, log } = this.#parts;
    const { instant } = due;
    const next = nextOrEnd(reminder, Math.max(instant, clock.now() - MAX_CATCH_UP_MS));
    const complete = next.nextAt === undefined ? { ...ending, endsReminder: next.because } : ending;
    const finished = await occurrences.finish(reminder, instant, complete, next.nextAt ?? 0);
    if (typeof finished === 'object') return this.#finish(due, finished, ending);
    const { state, reason, errcode } = ending;
    log.info({ reminder: due.id, instant, state, reason, errcode }, `occurrence ${state}`);
    const isWaiting = finished === 'moved on' && next.nextAt !== undefined;
    return isWaiting ? { due: { ...due, instant: next.nextAt } } : undefined;
  }
}

/** Returns the next instant, or why there is none: a zone that this machine has ceased to know ends its reminders. */
function nextOrEnd(
  reminder: Reminder,
  after: number,
): { readonly nextAt: number } | { readonly nextAt: undefined; readonly because: string } {
  try {
    return { nextAt: nextInstant(reminder, after) };
  } catch (error) {
    return { nextAt: undefined, because: `no next instant: ${(error as Error).message}` };
  }
}

function endingWithoutSending({ outcome, errcode }: Unsent): Ending {
  switch (outcome) {
    case 'orphaned':
      return { ...skipped('a worker ended while it was sending'), state: 'unknown', credit: 'used' };
    case 'finished':
      return skipped('recorded already');
    case 'late':
      return skipped('too late');
    case 'stopped':
      return { ...skipped('the template is stopped'), errcode };
    case 'without consent':
      return skipped('no accepted prompt is left');
  }
}

function endingOf(verdict: Exclude<Verdict, { kind: 'retry' }>): Ending {
  switch (verdict.kind) {
    case 'sent':
      return { state: 'sent', reason: '', errcode: 0, credit: 'used', endsReminder: undefined };
    case 'unknown':
      return { state: 'unknown', reason: verdict.reason, errcode: undefined, credit: 'used', endsReminder: undefined };
    case 'refused': {
      const { reason, errcode, because } = verdict;
      return {
        state: 'failed',
        reason,
        errcode,
        credit: because === 'consent' ? 'zero' : 'returned',
        endsReminder: because === 'user' ? reason : undefined,
      };
    }
  }
}

function skipped(reason: string): Ending {
  return { state: 'skipped', reason, errcode: undefined, credit: 'returned', endsReminder: undefined };
}
