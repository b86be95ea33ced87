import { expect, test } from 'vitest';
import { HeldBodies } from '../../../src/gateway/held-bodies.js';

const MIB = 1_048_576;

test('a body of more than 1 MiB is not held, in one piece or in many', () => {
  const bodies = new HeldBodies();
  expect(bodies.memoryOf('wx1').acquire(MIB)).toBe(true);
  expect(bodies.memoryOf('wx1').acquire(MIB + 1)).toBe(false);
  const growing = bodies.memoryOf('wx1');
  expect([growing.acquire(MIB - 1), growing.acquire(1), growing.acquire(1)]).toEqual([true, true, false]);
});

test('the bodies of one app leave memory for those of others, until 64 MiB are held in all', () => {
  const bodies = new HeldBodies();
  const held = (appid: string): number =>
    Array.from({ length: 64 }, () => bodies.memoryOf(appid).acquire(MIB)).filter((isHeld) => isHeld).length;
  expect(['wx1', 'wx2', 'wx3', 'wx4', 'wx5'].map(held)).toEqual([16, 16, 16, 16, 0]);
});

test('a body that is released makes room once', () => {
  const bodies = new HeldBodies();
  const memories = Array.from({ length: 16 }, () => bodies.memoryOf('wx1'));
  for (const memory of memories) memory.acquire(MIB);
  memories[0]?.release();
  memories[0]?.release();
  expect(bodies.memoryOf('wx1').acquire(MIB)).toBe(true);
  expect(bodies.memoryOf('wx1').acquire(1)).toBe(false);
});

test('a body that goes on to arrive after it was released takes no memory', () => {
  const memory = new HeldBodies().memoryOf('wx1');
  memory.acquire(1);
  memory.release();
  expect(memory.acquire(1)).toBe(false);
});
