import { expect, test } from 'vitest';
import { HeldBodies } from '../../../src/gateway/held-bodies.js';

const MIB = 1_048_576;

test('a body of more than 1 MiB, or of unknown length, is not held', () => {
  const bodies = new HeldBodies();
  expect(bodies.reserve('wx1', MIB)).toBeDefined();
  expect(bodies.reserve('wx1', MIB + 1)).toBeUndefined();
  expect(bodies.reserve('wx1', undefined)).toBeUndefined();
});

test('the bodies of one app leave memory for those of others, until 64 MiB are held in all', () => {
  const bodies = new HeldBodies();
  const held = (appid: string): number =>
    Array.from({ length: 64 }, () => bodies.reserve(appid, MIB)).filter((release) => release !== undefined).length;
  expect(['wx1', 'wx2', 'wx3', 'wx4', 'wx5'].map(held)).toEqual([16, 16, 16, 16, 0]);
});

test('a body that is released makes room once', () => {
  const bodies = new HeldBodies();
  const [first] = Array.from({ length: 16 }, () => bodies.reserve('wx1', MIB));
  first?.();
  first?.();
  expect(bodies.reserve('wx1', MIB)).toBeDefined();
  expect(bodies.reserve('wx1', 1)).toBeUndefined();
});
