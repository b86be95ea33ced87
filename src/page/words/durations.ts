import type { Words } from './language.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const FAR_MS = 300 * DAY_MS;

const UNITS = [
  ['days', DAY_MS],
  ['hours', HOUR_MS],
  ['minutes', MINUTE_MS],
  ['seconds', SECOND_MS],
] as const;
/** The number of largest units that are shown with the next smaller unit: days with hours, and hours with minutes. */
const WITH_NEXT = 2;

/** Formats a duration as a countdown: `1:59:07`, preceded by days if there are any. */
export function countdown(ms: number, words: Words): string {
  const left = Math.max(0, Math.ceil(ms / SECOND_MS)) * SECOND_MS;
  const days = Math.floor(left / DAY_MS);
  const hours = Math.floor((left % DAY_MS) / HOUR_MS);
  const minutes = Math.floor((left % HOUR_MS) / MINUTE_MS);
  const seconds = (left % MINUTE_MS) / SECOND_MS;
  const time = days + hours > 0 ? `${hours}:${padded(minutes)}:${padded(seconds)}` : `${minutes}:${padded(seconds)}`;
  return days > 0 ? `${words.say('days', { count: days })} ${time}` : time;
}

/** Formats a duration in words, with a suitable precision: `40 s`, `12 min`, `1 h 5 min`, `29 d 4 h`. */
export function inWords(ms: number, { say }: Words): string {
  const length = Math.max(0, ms);
  const found = UNITS.findIndex(([, unitMs]) => length >= unitMs);
  const largest = found === -1 ? UNITS.length - 1 : found;
  const shown = UNITS.slice(largest, largest < WITH_NEXT ? largest + 2 : largest + 1);
  const parts: string[] = [];
  let rest = length;
  for (const [name, unitMs] of shown) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0 || parts.length === 0) parts.push(say(name, { count }));
  }
  return parts.join(' ');
}

/** Formats an instant as the local time, with the date if it is on another day, or as a date with the year if it is far away. */
export function instant(at: number, now: number, { formats }: Words): string {
  if (Math.abs(at - now) > FAR_MS) return formats.dayOfYear.format(at);
  return isSameDay(at, now) ? formats.time.format(at) : formats.dayAndTime.format(at);
}

function isSameDay(at: number, now: number): boolean {
  return new Date(at).toDateString() === new Date(now).toDateString();
}

function padded(count: number): string {
  return String(count).padStart(2, '0');
}
