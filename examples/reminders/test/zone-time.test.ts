import { describe, expect, test } from 'vitest';
import { isZone, messageTime, nextInstant, showTime } from '../src/zone-time.js';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];

function next(zone: string, time: string, after: string, weekdays: readonly number[] = EVERY_DAY): string {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return new Date(nextInstant({ hour, minute, weekdays, zone }, Date.parse(after))).toISOString();
}

describe('the next instant', () => {
  test.each([
    ['a millisecond before it', '2026-11-29T00:29:59.999Z', '2026-11-29T00:30:00.000Z'],
    ['at it', '2026-11-29T00:30:00.000Z', '2026-11-30T00:30:00.000Z'],
    ['a millisecond after it', '2026-11-29T00:30:00.001Z', '2026-11-30T00:30:00.000Z'],
  ])('the next 8:30 in Shanghai is strictly later when asked for %s', (_when, after, expected) => {
    expect(next('Asia/Shanghai', '08:30', after)).toBe(expected);
  });

  test.each([
    ['Asia/Kolkata', '08:30', '2026-06-01T00:00:00Z', '2026-06-01T03:00:00.000Z'],
    ['Asia/Kathmandu', '08:30', '2026-06-01T00:00:00Z', '2026-06-01T02:45:00.000Z'],
    ['Australia/Lord_Howe', '08:30', '2026-06-01T00:00:00Z', '2026-06-01T22:00:00.000Z'],
    ['Pacific/Kiritimati', '00:05', '2026-06-01T09:00:00Z', '2026-06-01T10:05:00.000Z'],
  ])('the next instant is right in %s, whose offset is fractional or far from UTC', (zone, time, after, expected) => {
    expect(next(zone, time, after)).toBe(expected);
  });

  // The clock of Berlin goes from 2:00 to 3:00 on 29 March 2026, and from 3:00 to 2:00 on 25 October 2026.
  test.each([
    ['Europe/Berlin', '02:30', '2026-03-28T12:00:00Z', ['2026-03-29T01:30:00.000Z', '2026-03-30T00:30:00.000Z']],
    ['America/New_York', '02:30', '2026-03-07T12:00:00Z', ['2026-03-08T07:30:00.000Z', '2026-03-09T06:30:00.000Z']],
    ['Australia/Lord_Howe', '02:15', '2026-10-03T10:00:00Z', ['2026-10-03T15:45:00.000Z', '2026-10-04T15:15:00.000Z']],
  ])('a time that %s skips is later by the gap, once', (zone, time, after, [first = '', second = '']) => {
    expect(next(zone, time, after)).toBe(first);
    expect(next(zone, time, first)).toBe(second);
  });

  test.each([
    ['Europe/Berlin', '02:30', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']],
    ['America/New_York', '01:30', '2026-10-31T12:00:00Z', ['2026-11-01T05:30:00.000Z', '2026-11-02T06:30:00.000Z']],
  ])('a time that comes twice in %s counts once, at the first', (zone, time, after, [first = '', second = '']) => {
    expect(next(zone, time, after)).toBe(first);
    expect(next(zone, time, first)).toBe(second);
  });

  test.each([
    [-1, '2026-10-25T00:30:00.000Z'],
    [0, '2026-10-26T01:30:00.000Z'],
    [1, '2026-10-26T01:30:00.000Z'],
  ])('the next instant is right when asked for %i ms from the first of two equal times', (offset, expected) => {
    const after = new Date(Date.parse('2026-10-25T00:30:00.000Z') + offset).toISOString();
    expect(next('Europe/Berlin', '02:30', after)).toBe(expected);
  });

  // An edit comes in the minutes around the change: before and after the instant, and around the second of two equal times.
  test.each([
    ['2026-03-29T01:29:00Z', '2026-03-29T01:30:00.000Z'],
    ['2026-03-29T01:31:00Z', '2026-03-30T00:30:00.000Z'],
    ['2026-10-25T00:29:00Z', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T00:31:00Z', '2026-10-26T01:30:00.000Z'],
    ['2026-10-25T01:29:00Z', '2026-10-26T01:30:00.000Z'],
    ['2026-10-25T01:31:00Z', '2026-10-26T01:30:00.000Z'],
  ])('the next 2:30 in Berlin is right when asked for at %s', (after, expected) => {
    expect(next('Europe/Berlin', '02:30', after)).toBe(expected);
  });

  test.each([
    [[1], '2026-11-30'],
    [[7], '2026-12-06'],
    [[2, 4], '2026-12-01'],
  ])('the next instant is on one of the weekdays %j', (weekdays, day) => {
    // It is a Sunday, after the time of the day.
    expect(next('Asia/Shanghai', '08:00', '2026-11-29T12:00:00Z', weekdays)).toBe(`${day}T00:00:00.000Z`);
  });

  test('the next instant goes by the day of the zone and not by that of UTC', () => {
    // It is Monday in Shanghai and Sunday in UTC.
    expect(next('Asia/Shanghai', '06:30', '2026-11-29T20:00:00Z', [1])).toBe('2026-11-29T22:30:00.000Z');
  });

  test('the next instant skips a date that the zone never had', () => {
    // Samoa went from 29 December to 31 December 2011.
    expect(next('Pacific/Apia', '08:00', '2011-12-29T20:00:00Z')).toBe('2011-12-30T18:00:00.000Z');
    expect(next('Pacific/Apia', '08:00', '2011-12-30T18:00:00Z')).toBe('2011-12-31T18:00:00.000Z');
  });

  test('a daily time comes once on each day of a year', () => {
    for (const zone of [
      'Europe/Berlin',
      'America/New_York',
      'Asia/Shanghai',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
    ]) {
      const days = new Set<string>();
      let at = Date.parse('2026-01-01T00:00:00Z');
      for (let count = 0; count < 365; count++) {
        at = nextInstant({ hour: 2, minute: 30, weekdays: EVERY_DAY, zone }, at);
        days.add(showTime(at, zone).slice(0, 10));
      }
      expect([zone, days.size]).toEqual([zone, 365]);
    }
  });

  test('a time without weekdays has no next instant', () => {
    expect(() => next('UTC', '08:00', '2026-01-01T00:00:00Z', [])).toThrow(RangeError);
  });
});

describe('a zone', () => {
  test.each(['Asia/Shanghai', 'Europe/Berlin', 'UTC', 'US/Pacific', 'Asia/Calcutta'])('%s is a zone', (zone) => {
    expect(isZone(zone)).toBe(true);
  });

  test.each(['Mars/Base', '+08:00', '', 'Asia/Shanghai ', 'GMT+8x', '__proto__', 'PST', 'IST', 'JST'])(
    '%j is not a zone',
    (zone) => {
      expect(isZone(zone)).toBe(false);
    },
  );
});

test('a time is shown as a clock in the zone shows it', () => {
  expect(showTime(Date.parse('2026-11-29T00:30:00Z'), 'Asia/Shanghai')).toBe('2026-11-29 08:30');
  expect(showTime(Date.parse('2026-07-01T00:30:00Z'), 'America/New_York')).toBe('2026-06-30 20:30');
});

test('a message shows a time in the form that WeChat documents', () => {
  expect(messageTime(Date.parse('2026-11-29T00:30:00Z'), 'Asia/Shanghai')).toBe('2026年11月29日 08:30');
  expect(messageTime(Date.parse('2027-01-02T23:05:00Z'), 'America/New_York')).toBe('2027年1月2日 18:05');
});
