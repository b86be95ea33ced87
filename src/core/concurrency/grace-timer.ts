import type { Clock, ClockTimer } from './clock.js';

const LATE_MS = 1_000;

/**
 * Ends the wait of a caller for an answer. When it comes late, the process itself was stopped or busy, and the
 * answer may have arrived meanwhile: then it gives a second more in which that can be read.
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
