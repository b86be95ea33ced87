import { expect, test } from 'vitest';
import { TICKET_MISSING_AFTER_MS as LIMIT, TicketSilence } from '../../../../src/core/pushes/ticket-silence.js';

const MINUTE = 60_000;
const NOW = 1_700_000_000_000;

test('a silence is 30 minutes long only from that millisecond on', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  for (const [ms, isMissing] of [
    [LIMIT - 1, false],
    [LIMIT, true],
    [LIMIT + 1, true],
  ] as const) {
    expect(silence.judge({ now: NOW + ms, monotonic: ms })).toBe(isMissing);
  }
});

test('a ticket that seemed old because the wall clock was wrong is judged anew when that has been set right', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  silence.note(NOW, { now: NOW + LIMIT, monotonic: 0 });
  expect(silence.checkAt).toBe(0);
  expect(silence.judge({ now: NOW + 1_000, monotonic: 1_000 })).toBe(false);
  expect(silence.checkAt).toBe(LIMIT);
  expect(silence.judge({ now: NOW + LIMIT, monotonic: LIMIT })).toBe(true);
});

test('a ticket that seemed old counts from when it was seen where the wall clock says that it is of the future', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  silence.note(NOW - 20 * MINUTE, { now: NOW, monotonic: 0 });
  expect(silence.judge({ now: NOW - 60 * MINUTE, monotonic: 10 * MINUTE })).toBe(false);
  expect(silence.judge({ now: NOW - 40 * MINUTE, monotonic: LIMIT })).toBe(true);
});

test('a silence that was judged long enough is checked again half an hour later', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  silence.judge({ now: NOW + LIMIT, monotonic: LIMIT });
  expect(silence.checkAt).toBe(2 * LIMIT);
});

test('an older ticket, and the same one, do not end a silence, unless the last one is of the future', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  silence.note(NOW, { now: NOW, monotonic: 0 });
  silence.isTold = true;
  const reading = { now: NOW + LIMIT, monotonic: LIMIT };
  for (const obtainedAt of [NOW - 1, NOW]) silence.note(obtainedAt, reading);
  expect(silence).toMatchObject({ isTold: true, since: NOW });
  silence.note(NOW - MINUTE, { now: NOW - MINUTE, monotonic: LIMIT });
  expect(silence).toMatchObject({ isTold: false, since: NOW - MINUTE, lastTicketAt: NOW - MINUTE });
});

test('an app is known to be a platform by a task that needs a ticket, or by a ticket', () => {
  const reading = { now: NOW, monotonic: 0 };
  const silence = new TicketSilence('wx', reading);
  expect(silence).toMatchObject({ isOfPlatform: false, isTold: false, since: NOW, lastTicketAt: undefined });
  silence.hasPlatformTask = true;
  expect(silence.isOfPlatform).toBe(true);
  silence.hasPlatformTask = false;
  silence.note(NOW, reading);
  expect(silence.isOfPlatform).toBe(true);
});

test('a silence begins anew with a newer ticket, and is as long as that ticket is old', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 1_000 });
  silence.note(NOW, { now: NOW, monotonic: 1_000 });
  silence.note(NOW + 5 * MINUTE, { now: NOW + 15 * MINUTE, monotonic: 15 * MINUTE });
  expect(silence.lastTicketAt).toBe(NOW + 5 * MINUTE);
  expect(silence.lengthMs(15 * MINUTE)).toBe(10 * MINUTE);
  expect(silence.lengthMs(16 * MINUTE)).toBe(11 * MINUTE);
  expect(silence.checkAt).toBe(35 * MINUTE);
});

test('an older ticket does not begin a silence anew at the instant of the last one', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  silence.note(NOW, { now: NOW, monotonic: 0 });
  silence.note(NOW - MINUTE, { now: NOW, monotonic: 0 });
  expect(silence.since).toBe(NOW);
});

test('a silence does not become longer when the wall clock is set ahead', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: MINUTE });
  expect(silence.judge({ now: NOW + 2 * LIMIT, monotonic: 2 * MINUTE })).toBe(false);
  expect(silence.lengthMs(2 * MINUTE)).toBe(MINUTE);
  expect(silence.checkAt).toBe(MINUTE + LIMIT);
});

test('a ticket that seemed old counts from when it was seen, however long the process had run by then', () => {
  const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
  silence.note(NOW - 20 * MINUTE, { now: NOW, monotonic: LIMIT });
  expect(silence.judge({ now: NOW - 40 * MINUTE, monotonic: LIMIT + 10 * MINUTE })).toBe(false);
  expect(silence.lengthMs(LIMIT + 10 * MINUTE)).toBe(10 * MINUTE);
});

test.each([LIMIT, LIMIT + 1])(
  'a silence that was watched for %i ms keeps its length when the wall clock is set back',
  (watchedMs) => {
    const silence = new TicketSilence('wx', { now: NOW, monotonic: 0 });
    silence.note(NOW - 10 * MINUTE, { now: NOW, monotonic: 0 });
    expect(silence.judge({ now: NOW - MINUTE, monotonic: watchedMs })).toBe(true);
    expect(silence.lengthMs(watchedMs)).toBe(watchedMs + 10 * MINUTE);
  },
);
