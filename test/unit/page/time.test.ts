import { describe, expect, test } from 'vitest';
import { serverClock } from '../../../src/page/server/server-clock.js';
import { countdown, instant, inWords } from '../../../src/page/words/durations.js';
import { wordsIn } from '../../../src/page/words/language.js';

const en = wordsIn('en');
const zh = wordsIn('zh');
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

test.each([
  [0, '0:00'],
  [1, '0:01'],
  [SECOND, '0:01'],
  [59 * MINUTE + 59 * SECOND, '59:59'],
  [HOUR, '1:00:00'],
  [HOUR + 61 * SECOND, '1:01:01'],
  [DAY, '1 d 0:00:00'],
  [-5, '0:00'],
])('%d ms count down as %s', (ms, text) => {
  expect(countdown(ms, en)).toBe(text);
});

test.each([
  [-5, '0 s', '0 秒'],
  [59_999, '59 s', '59 秒'],
  [MINUTE, '1 min', '1 分钟'],
  [MINUTE + 59 * SECOND, '1 min', '1 分钟'],
  [HOUR, '1 h', '1 小时'],
  [HOUR + 5 * MINUTE, '1 h 5 min', '1 小时 5 分钟'],
  [DAY + 59 * MINUTE, '1 d', '1 天'],
  [29 * DAY + 4 * HOUR, '29 d 4 h', '29 天 4 小时'],
])('%d ms are %s, or %s', (ms, english, chinese) => {
  expect([inWords(ms, en), inWords(ms, zh)]).toEqual([english, chinese]);
});

test('an instant shows its day unless it is today, and no time of day when it is far away', () => {
  const now = new Date(2026, 0, 15, 12, 0).getTime();
  expect(instant(new Date(2026, 0, 15, 14, 5).getTime(), now, en)).toBe('14:05');
  expect(instant(new Date(2026, 0, 16, 0, 5).getTime(), now, en)).toBe('16 Jan, 00:05');
  expect(instant(new Date(2027, 0, 16, 0, 5).getTime(), now, en)).toBe('16 Jan 2027');
});

describe('the clock of the server', () => {
  const dateAt = (at: number): string => new Date(at).toUTCString();
  const START = Date.UTC(2026, 0, 1);

  test('the clock of the server is that of this computer until an answer with a date has come', () => {
    const clock = serverClock(() => START);
    expect(clock.now()).toBe(START);
    clock.learn(null, START, START);
    clock.learn('yesterday', START, START);
    expect(clock.now()).toBe(START);
  });

  test('the clock of the server is off by half a second at most after one quick answer', () => {
    const clock = serverClock(() => START);
    clock.learn(dateAt(START + HOUR), START, START);
    expect(clock.now()).toBe(START + HOUR + 500);
  });

  test('the clock of the server is narrowed down by every answer', () => {
    let local = START;
    const clock = serverClock(() => local);
    const ahead = 7_900;
    for (const pause of [0, 350, 350, 350]) {
      local += pause;
      clock.learn(dateAt(Math.floor((local + ahead) / SECOND) * SECOND), local, local);
    }
    expect(Math.abs(clock.now() - local - ahead)).toBeLessThan(200);
  });

  test('the clock of the server is not misled by an answer that took long', () => {
    const clock = serverClock(() => START);
    clock.learn(dateAt(START), START, START);
    clock.learn(dateAt(START + 10 * SECOND), START, START + 30 * SECOND);
    expect(Math.abs(clock.now() - START)).toBeLessThanOrEqual(500);
  });

  test('the clock of the server is learnt anew when the clock of this computer is set', () => {
    let local = START;
    const clock = serverClock(() => local);
    clock.learn(dateAt(START), local, local);
    local -= DAY;
    clock.learn(dateAt(START), local, local);
    expect(clock.now()).toBe(START + 500);
  });
});
