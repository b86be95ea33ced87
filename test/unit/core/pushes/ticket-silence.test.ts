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
