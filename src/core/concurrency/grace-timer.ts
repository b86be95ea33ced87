import type { Clock, ClockTimer } from './clock.js';

const LATE_MS = 1_000;

/**
 * Sets a timer that ends the wait for an answer. If the timer fires late, the process itself was suspended or busy, and
 * the answer may have arrived meanwhile. So the callback is deferred by another second, in which the answer can be
 * read.
 */
export function setGraceTimer(clock: Clock, callback: () => void, delayMs: number): ClockTimer {
  const dueAt = clock.monotonic() + delayMs;
  let timer = clock.setTimer(
    () => {
      if (clock.monotonic() - dueAt < LATE_MS) callback();
      else timer = clock.setTimer(callback, LATE_MS, { ref: true });
    },
    delayMs,
    { ref: true },
  );
  return { cancel: () => timer.cancel() };
}
