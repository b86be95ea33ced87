import { createHash, randomUUID } from 'node:crypto';
import type { Occurrence, OccurrenceState, Reminder, ReminderChoice, ReminderType } from '../reminder.js';
import { keys } from './keys.js';
import { KEPT_SECONDS, MAX_OUTCOMES } from './retention.js';
import type { Database } from './scripts.js';

/** The most reminders that a user may have. */
export const MAX_REMINDERS = 100;
/** The most creations with a nonce that a user may ask for within the time for which they are remembered. */
export const MAX_CREATIONS = 500;
const CREATION_SECONDS = 86_400;

/**
 * - `done`: the reminder was made.
 * - `repeated`: it was made by an earlier request with the same nonce; the reminder is shown as it was then.
 * - `other choice`: the nonce was used for another choice.
 * - `full`, `too often`: the user has as many reminders, or has used as many nonces, as there may be.
 */
export type Created =
  | { readonly outcome: 'done' | 'repeated'; readonly reminder: Reminder }
  | { readonly outcome: 'other choice' | 'full' | 'too often' };

/** `done while sending`: a worker is sending the occurrence that the reminder waited for until now. */
export type Edited = 'done' | 'done while sending' | 'changed' | 'ended';

/** Keeps the reminders of all users. Each write is one step in Redis. */
export class Reminders {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Makes a reminder, one for all requests with the same nonce.
   *
   * @param nonce - Empty for a request that may not be repeated.
   */
  async create(user: string, choice: ReminderChoice, nonce: string, nextAt: number, now: number): Promise<Created> {
    const reminder: Reminder = {
      ...choice,
      id: randomUUID(),
      user,
      state: 'active',
      endedBecause: '',
      nextAt,
      createdAt: now,
      version: 1,
    };
    const digest = digestOf(choice);
    const [outcome, first = ''] = (await this.#database.createReminder(
      keys.reminder(reminder.id),
      keys.remindersOf(user),
      keys.due,
      keys.creations(user),
      MAX_REMINDERS,
      reminder.id,
      nextAt,
      now,
      nonce,
      digest,
      CREATION_SECONDS,
      MAX_CREATIONS,
      ...fieldsOf(reminder),
    )) as ['done' | 'repeated' | 'full' | 'too often', string?];
    if (outcome === 'done') return { outcome, reminder };
    if (outcome !== 'repeated') return { outcome };
    const [, digestThen, id = '', nextThen, createdThen] = first.split(' ');
    if (digestThen !== digest) return { outcome: 'other choice' };
    return { outcome, reminder: { ...reminder, id, nextAt: Number(nextThen), createdAt: Number(createdThen) } };
  }

  /** Returns the reminder when it is this user's. */
  async find(id: string, user: string): Promise<Reminder | undefined> {
    const reminder = readReminder(await this.#database.hgetall(keys.reminder(id)));
    return reminder?.user === user ? reminder : undefined;
  }

  async list(user: string): Promise<readonly Reminder[]> {
    const ids = await this.#database.zrange(keys.remindersOf(user), '0', '-1');
    const found = await Promise.all(ids.map((id) => this.#database.hgetall(keys.reminder(id))));
    return found.map(readReminder).filter((reminder) => reminder !== undefined);
  }

  /** Writes a user's new choice, unless the reminder was changed after it was read or has ended. */
  async edit(before: Reminder, choice: ReminderChoice, nextAt: number, now: number): Promise<Edited> {
    const { id, version } = before;
    const answer = await this.#database.editReminder(
      keys.reminder(id),
      keys.due,
      keys.occurrence(id, before.nextAt),
      keys.history(id),
      keys.totals,
      id,
      version,
      before.nextAt,
      nextAt,
      now,
      KEPT_SECONDS,
      MAX_OUTCOMES,
      ...fieldsOf(choice),
    );
    return answer as Edited;
  }

  /** Returns the instant that the reminder waited for; `undefined` when it is not there or another user's. */
  async remove(id: string, user: string): Promise<number | undefined> {
    const next = await this.#database.removeReminder(
      keys.reminder(id),
      keys.remindersOf(user),
      keys.due,
      keys.history(id),
      id,
      user,
    );
    return next === null ? undefined : Number(next);
  }

  /** Returns the outcomes of a reminder, the newest first. */
  async history(id: string): Promise<readonly Occurrence[]> {
    const instants = await this.#database.lrange(keys.history(id), 0, MAX_OUTCOMES - 1);
    const found = await Promise.all(
      instants.map(async (instant) => readOccurrence(Number(instant), await this.#occurrence(id, Number(instant)))),
    );
    return found.filter((occurrence) => occurrence !== undefined);
  }

  /** Returns up to `count` of what is due until an instant, the earliest first. */
  async dueUntil(instant: number, offset: number, count: number): Promise<readonly { id: string; instant: number }[]> {
    const flat = await this.#database.zrangebyscore(keys.due, '-inf', instant, 'WITHSCORES', 'LIMIT', offset, count);
    return Array.from({ length: flat.length / 2 }, (_, index) => ({
      id: String(flat[2 * index]),
      instant: Number(flat[2 * index + 1]),
    }));
  }

  #occurrence(id: string, instant: number): Promise<Record<string, string>> {
    return this.#database.hgetall(keys.occurrence(id, instant));
  }
}

function fieldsOf(values: object): string[] {
  return Object.entries(values).flatMap(([name, value]) => [name, Array.isArray(value) ? value.join() : String(value)]);
}

/** Returns the same for the same choice, in whatever order its fields come. */
function digestOf(choice: ReminderChoice): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.entries(choice).sort()))
    .digest('base64url');
}

/** Reads a hash; `undefined` for an empty one. */
export function readReminder(hash: Record<string, string>): Reminder | undefined {
  const { id, user, state, endedBecause = '', contentId = '', detail = '', zone = 'UTC', weekdays = '' } = hash;
  if (id === undefined || user === undefined) return undefined;
  return {
    id,
    user,
    state: state === 'ended' ? 'ended' : 'active',
    endedBecause,
    type: Number(hash['type']) as ReminderType,
    contentId,
    detail,
    zone,
    hour: Number(hash['hour']),
    minute: Number(hash['minute']),
    weekdays: weekdays.split(',').map(Number),
    nextAt: Number(hash['nextAt']),
    createdAt: Number(hash['createdAt']),
    version: Number(hash['version']),
  };
}

function readOccurrence(instant: number, hash: Record<string, string>): Occurrence | undefined {
  const { state, reason = '', errcode = '', attempts = '0' } = hash;
  if (state === undefined) return undefined;
  return {
    instant,
    state: state as OccurrenceState,
    reason,
    errcode: errcode === '' ? undefined : Number(errcode),
    attempts: Number(attempts),
  };
}
