import { expect, test } from 'vitest';
import { SharedWaits } from '../../../../src/core/concurrency/shared-waits.js';

let begun = 0;
const never = (): Promise<string> => {
  begun += 1;
  return new Promise(() => {});
};

test.each([
  ['joins it', 20, 1],
  ['begins another', 21, 2],
])('a call that comes after a wait has begun %s after %i ms', (_, afterMs, waits) => {
  begun = 0;
  const shared = new SharedWaits<string>();
  void shared.join('a', 1_000, never);
  void shared.join('a', 1_000 + afterMs, never);
  expect(begun).toBe(waits);
});

test('calls for different ids do not share a wait', () => {
  begun = 0;
  const shared = new SharedWaits<string>();
  void shared.join('a', 0, never);
  void shared.join('b', 0, never);
  expect(begun).toBe(2);
});

test.each([
  ['resolved', () => Promise.resolve('token')],
  ['rejected', () => Promise.reject(new Error('no'))],
])('a wait that has %s is not shared with later calls', async (_, outcome) => {
  begun = 0;
  const shared = new SharedWaits<string>();
  await shared.join('a', 0, outcome).catch(() => {});
  void shared.join('a', 0, never);
  expect(begun).toBe(1);
});

test('the end of an earlier wait leaves a later one to be joined', async () => {
  begun = 0;
  const shared = new SharedWaits<string>();
  let end = (_token: string): void => {};
  const earlier = shared.join('a', 0, () => new Promise((resolve) => (end = resolve)));
  void shared.join('a', 21, never);
  end('token');
  await earlier;
  void shared.join('a', 22, never);
  expect(begun).toBe(1);
});
