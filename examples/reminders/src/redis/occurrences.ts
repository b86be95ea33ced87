import { randomUUID } from 'node:crypto';
import type { FinalState, Reminder } from '../reminder.js';
import { keys } from './keys.js';
import { readReminder } from './reminders.js';
import { KEPT_SECONDS, MAX_OUTCOMES } from './retention.js';
import type { Database } from './scripts.js';

/** The longest delay with which a message is still sent. */
export const GRACE_MS = 15 * 60_000;

/**
 * - `claimed`: it is this worker's to send.
 * - `gone`, `moved`: its reminder was removed, edited or sent meanwhile; there is nothing to do.
 * - `orphaned`: a worker claimed it and has not told what came of it.
 * - `finished`: its outcome is recorded already; the reminder has to be moved on.
 * - `late`, `stopped`, `without consent`: it must not be sent.
 */
export type Claim =
  | { readonly outcome: 'gone' | 'moved' }
  | {
      readonly outcome: 'claimed';
      readonly reminder: Reminder;
      /** Tells this claim from those of other workers. */
      readonly claimId: string;
      /** The number of attempts at the message, this one included. */
      readonly attempts: number;
    }
  | {
      readonly outcome: 'orphaned' | 'finished' | 'late' | 'stopped' | 'without consent';
      readonly reminder: Reminder;
      /** The code with which WeChat refused the template, when that is stopped. */
      readonly errcode: number | undefined;
    };

export interface Ending {
  readonly state: FinalState;
  readonly reason: string;
  readonly errcode: number | undefined;
  /** The fate of the accepted prompt that the claim has taken, or of all of them. */
  readonly credit: 'used' | 'returned' | 'zero';
  /** Ends the reminder for this reason; `undefined` for a reminder that goes on. */
  readonly endsReminder: string | undefined;
}

/** Claims, releases and finishes occurrences. Each is one step in Redis, whatever other workers do. */
export class Occurrences {
  readonly #database: Database;
  readonly #template: string;

  constructor(database: Database, template: string) {
    this.#database = database;
    this.#template = template;
  }

  async claim(id: string, instant: number, now: number): Promise<Claim> {
    const user = await this.#database.hget(keys.reminder(id), 'user');
    if (user === null) return { outcome: 'gone' };
    const claimId = randomUUID();
    const answer = (await this.#database.claimOccurrence(
      keys.reminder(id),
      keys.occurrence(id, instant),
      keys.credits(user, this.#template),
      keys.stop(this.#template),
      keys.history(id),
      keys.accepted(user, this.#template),
      instant,
      now,
      GRACE_MS,
      KEPT_SECONDS,
      claimId,
    )) as [Claim['outcome'], string[]?, (string | number)?];
    const [outcome, flat = [], number] = answer;
    const reminder = readReminder(hashOf(flat));
    if (reminder === undefined || outcome === 'gone') return { outcome: 'gone' };
    if (outcome === 'moved') return { outcome };
    if (outcome === 'claimed') return { outcome, reminder, claimId, attempts: Number(number) };
    return { outcome, reminder, errcode: number === undefined ? undefined : Number(number) };
  }

  /**
   * Lets the occurrence wait for another attempt.
   *
   * @returns whether it waits: another worker may have presumed this one dead, and has moved the reminder on.
   */
  async release(
    { reminder, claimId }: { readonly reminder: Reminder; readonly claimId: string },
    instant: number,
    reason: string,
    errcode: number | undefined,
  ): Promise<boolean> {
    const answer = await this.#database.releaseOccurrence(
      keys.occurrence(reminder.id, instant),
      keys.credits(reminder.user, this.#template),
      keys.totals,
      reason,
      errcode ?? '',
      claimId,
    );
    return answer === 'waiting';
  }

  /**
   * Writes what became of the occurrence, and sets the reminder to its next instant.
   *
   * @returns `moved on` when the reminder waits for `nextAt` now; the reminder as it is, with nothing written, when it was
   *   edited after it was read and `nextAt` may be wrong.
   */
  async finish(
    reminder: Reminder,
    instant: number,
    ending: Ending,
    nextAt: number,
  ): Promise<'moved on' | 'moved' | 'ended' | Reminder> {
    const { id, user, version } = reminder;
    const answer = (await this.#database.finishOccurrence(
      keys.reminder(id),
      keys.occurrence(id, instant),
      keys.history(id),
      keys.due,
      keys.credits(user, this.#template),
      keys.totals,
      keys.accepted(user, this.#template),
      id,
      instant,
      ending.state,
      ending.reason,
      ending.errcode ?? '',
      nextAt,
      ending.credit,
      ending.endsReminder ?? '',
      KEPT_SECONDS,
      MAX_OUTCOMES,
      version,
    )) as ['moved on' | 'moved' | 'ended' | 'edited', string[]?];
    const [outcome, flat = []] = answer;
    return outcome === 'edited' ? (readReminder(hashOf(flat)) ?? 'moved') : outcome;
  }

  /** Returns how many occurrences ended in each state since the beginning. */
  async totals(): Promise<Readonly<Record<string, number>>> {
    const hash = await this.#database.hgetall(keys.totals);
    return Object.fromEntries(Object.entries(hash).map(([state, count]) => [state, Number(count)]));
  }
}

function hashOf(flat: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, index) => [String(flat[2 * index]), String(flat[2 * index + 1])]),
  );
}
