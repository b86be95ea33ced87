import { randomUUID } from 'node:crypto';
import type { Occurrence, OccurrenceState, Reminder, ReminderChoice, ReminderType } from '../reminder.js';
import { keys } from './keys.js';
import { KEPT_SECONDS, MAX_OUTCOMES } from './retention.js';
import type { Database } from './scripts.js';

/** The most reminders that a user may have. */
export const MAX_REMINDERS = 100;

/** `done while sending`: a worker is sending the occurrence that the reminder waited for until now. */
export type Edited = 'done' | 'done while sending' | 'changed' | 'ended';

/** The reminders of all users. Writes are whole or not there. */
export class Reminders {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Returns `undefined`, and writes nothing, when the user has as many as there may be. */
  async create(user: string, choice: ReminderChoice, nextAt: number, now: number): Promise<Reminder | undefined> {
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
    const answer = await this.#database.createReminder(
      keys.reminder(reminder.id),
      keys.remindersOf(user),
      keys.due,
      MAX_REMINDERS,
      reminder.id,
      nextAt,
      now,
      ...fieldsOf(reminder),
    );
    return answer === 'full' ? undefined : reminder;
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
