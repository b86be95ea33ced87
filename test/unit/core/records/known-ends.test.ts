import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { KnownEnds } from '../../../../src/core/records/known-ends.js';

const LIFE = { obtainedAt: 1_000, expiresAt: 8_000 };

const keyOf = (subject: number): { appid: string; type: string; subject: string } => ({
  appid: 'wx1',
  type: 'user_token',
  subject: String(subject),
});

test('the earliest end of a record counts', () => {
  const ends = new KnownEnds();
  expect(ends.get(keyOf(1), LIFE)).toBeUndefined();
  expect(ends.note(keyOf(1), LIFE, 500)).toBe(500);
  expect(ends.note(keyOf(1), LIFE, 700)).toBe(500);
  expect(ends.note(keyOf(1), LIFE, 300)).toBe(300);
  expect(ends.get(keyOf(1), LIFE)).toBe(300);
});

test('records of one key are distinguished by either of their instants', () => {
  const ends = new KnownEnds();
  ends.note(keyOf(1), LIFE, 500);
  expect(ends.note(keyOf(1), { ...LIFE, obtainedAt: 1_001 }, 700)).toBe(700);
  expect(ends.note(keyOf(1), { ...LIFE, expiresAt: 8_001 }, 800)).toBe(800);
  expect(ends.note(keyOf(2), LIFE, 900)).toBe(900);
  expect(ends.get(keyOf(1), LIFE)).toBe(500);
});

test('ten thousand ends are remembered, and the thousand that were noted first make room', () => {
  const ends = new KnownEnds();
  for (let subject = 0; subject < 10_000; subject++) ends.note(keyOf(subject), LIFE, 500);
  ends.note(keyOf(0), LIFE, 500);
  expect(ends.get(keyOf(1), LIFE)).toBe(500);
  ends.note(keyOf(10_000), LIFE, 500);
  const asked = [0, 1, 1_000, 1_001, 10_000];
  expect(asked.map((subject) => ends.get(keyOf(subject), LIFE))).toEqual([500, undefined, undefined, 500, 500]);
});

test('a remembered end takes no more than about two hundred bytes', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heldBytes = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const ends = new KnownEnds();
  const key = { appid: 'wx0123456789abcdef', type: 'access_token' };
  const obtainedAt = 1_795_982_000_123;
  const before = heldBytes();
  for (let ms = 0; ms < 10_000; ms++) {
    ends.note(key, { obtainedAt: obtainedAt + ms, expiresAt: obtainedAt + ms + 7_200_000 }, ms + 0.5);
  }
  const perEnd = (heldBytes() - before) / 10_000;
  expect(ends.get(key, { obtainedAt, expiresAt: obtainedAt + 7_200_000 })).toBe(0.5);
  expect(perEnd).toBeLessThan(220);
});
