import { Temporal } from 'temporal-polyfill';
import type { TimeOfDay } from './reminder.js';

const DAYS_AHEAD = 8;

/** Tells whether this machine knows an IANA zone. Names that have been retired stay known, as links to their successors. */
export function isZone(name: string): boolean {
  // An offset such as +08:00 is no zone: it would not follow the clock changes that its user lives by.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    // `Intl` takes names that the next instant cannot be computed in, such as PST.
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns the first instant after another at which it is that time of day, on one of the weekdays, in the zone. A day has
 * one at most: a time that the day skips is as much later as the clock is put forward, and of a time that comes twice it
 * is the first.
 *
 * @param after - In epoch milliseconds, like the result.
 */
export function nextInstant({ hour, minute, weekdays, zone }: TimeOfDay, after: number): number {
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(after)).toZonedDateTimeISO(zone);
  // Yesterday's time may be still to come: a day may skip more than what is left of it.
  const yesterday = now.toPlainDate().subtract({ days: 1 });
  for (let days = 0; days <= DAYS_AHEAD + 1; days++) {
    const date = yesterday.add({ days });
    if (!weekdays.includes(date.dayOfWeek)) continue;
    const { epochMilliseconds } = date.toZonedDateTime({ timeZone: zone, plainTime: { hour, minute } });
    if (epochMilliseconds > after) return epochMilliseconds;
  }
  throw new RangeError('a reminder without weekdays has no next instant');
}

/** Returns what a clock in the zone shows, as `2026-11-29 08:30`. */
export function showTime(instant: number, zone: string): string {
  const local = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone).toPlainDateTime();
  return local.toString({ smallestUnit: 'minute' }).replace('T', ' ');
}

/** Returns the same as WeChat takes it in the fields `time` and `date` of a message, as `2026年11月29日 08:30`. */
export function messageTime(instant: number, zone: string): string {
  const { year, month, day } = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);
  return `${year}年${month}月${day}日 ${showTime(instant, zone).slice(-5)}`;
}
