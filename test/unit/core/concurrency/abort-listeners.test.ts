import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort, reasonOf } from '../../../../src/core/concurrency/abort-listeners.js';
import { Deadline } from '../../../../src/core/model/deadline.js';
import { FakeClock } from '../../../../src/testing/index.js';

const count = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

test('a signal has one listener however many calls wait with it, and none after the last', () => {
  const { signal } = new AbortController();
  const ends = Array.from({ length: 20 }, () => onAbort(signal, () => {}));
  expect(count(signal)).toBe(1);
  for (const end of ends.slice(1)) end();
  expect(count(signal)).toBe(1);
  ends[0]?.();
  ends[0]?.();
  expect(count(signal)).toBe(0);
});

test('every waiting call is notified of the abort once', () => {
  const controller = new AbortController();
  const told: string[] = [];
  const same = (): void => void told.push('same');
  onAbort(controller.signal, same);
  onAbort(controller.signal, same)();
  onAbort(controller.signal, () => void told.push('other'));
  controller.abort();
  controller.abort();
  expect(told).toEqual(['same', 'other']);
  expect(count(controller.signal)).toBe(0);
});

test('waits with one signal add one listener to it, and leave none', async () => {
  const { signal } = new AbortController();
  const deadline = new Deadline(new FakeClock(), 1_000, signal);
  let resolve = (): void => {};
  const shared = new Promise<void>((done) => {
    resolve = done;
  });
  const waits = Array.from({ length: 200 }, () => deadline.race(shared));
  expect(count(signal)).toBe(1);
  resolve();
  await Promise.all(waits);
  expect(count(signal)).toBe(0);
});

test('the reason of an aborted signal is the one that was given, and an AbortError where a polyfill has none', () => {
  expect(reasonOf(AbortSignal.abort('enough'))).toBe('enough');
  expect(reasonOf(AbortSignal.abort(null))).toBeNull();
  const { reason } = AbortSignal.abort();
  expect(reasonOf({ aborted: true } as AbortSignal)).toEqual(reason);
  expect(reasonOf({ aborted: true } as AbortSignal)).toMatchObject({ name: 'AbortError', message: reason.message });
});
