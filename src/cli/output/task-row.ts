import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { shortDuration } from '../args/duration.js';
import type { Colour } from './paint.js';
import { shown } from './shown.js';

/** A row of the task table. */
export interface TaskRow {
  readonly app: string;
  readonly type: string;
  readonly subject: string;
  readonly state: string;
  /** A bar for the remaining share of the token's life, and the remaining time. */
  readonly left: string;
  /** The time of the next refresh. */
  readonly next: string;
  readonly trouble: string;
  readonly colour: Colour;
}

const BAR_LENGTH = 8;
const COLOURS: ReadonlyMap<string, Colour> = new Map([
  ['fresh', 'green'],
  ['due', 'yellow'],
  ['expired', 'red'],
  ['missing', 'red'],
  ['waiting', 'red'],
]);

/** @param task - the task in the server's answer. The server may be of another version. */
export function taskRow(task: JsonObject, now: number): TaskRow {
  const { appid, type, subject, state, dueAt, lastError } = task;
  const isWaiting = state === 'waiting';
  const nextAt = isWaiting ? undefined : isJsonObject(lastError) ? lastError['retryAt'] : dueAt;
  return {
    app: shown(appid),
    type: shown(type),
    subject: shown(subject),
    state: shown(state),
    left: leftOf(task, now),
    next: typeof nextAt !== 'number' ? '-' : nextAt <= now ? 'now' : `in ${shortDuration(nextAt - now)}`,
    trouble: troubleOf(task),
    colour: COLOURS.get(shown(state)) ?? 'dim',
  };
}

function leftOf({ obtainedAt, expiresAt }: JsonObject, now: number): string {
  if (typeof expiresAt !== 'number') return '-';
  const left = Math.max(0, expiresAt - now);
  const life = typeof obtainedAt === 'number' ? expiresAt - obtainedAt : 0;
  const full = life > 0 ? Math.min(BAR_LENGTH, Math.ceil((left / life) * BAR_LENGTH)) : 0;
  return `${'█'.repeat(full)}${'░'.repeat(BAR_LENGTH - full)} ${shortDuration(left)}`;
}

function troubleOf({ waitingFor, reason, remedy, lastError, delivery, functionMissing }: JsonObject): string {
  const parts: string[] = [];
  if (typeof waitingFor === 'string')
    parts.push(`waiting for ${shown(waitingFor)}: ${shown(reason)}. ${shown(remedy)}`);
  if (isJsonObject(lastError)) {
    const { code, message, attempts } = lastError;
    const times = typeof attempts === 'number' && attempts > 1 ? ` (${attempts} times)` : '';
    parts.push(`${shown(code)}: ${shown(message)}${times}`);
  }
  if (isJsonObject(delivery) && typeof delivery['lastError'] === 'string') {
    parts.push(`notify: ${shown(delivery['lastError'])}`);
  }
  if (functionMissing === true && waitingFor === undefined)
    parts.push('its params function is registered in another process');
  return parts.join('; ');
}
