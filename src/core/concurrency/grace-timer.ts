import type { Clock, ClockTimer } from './clock.js';

/** The lateness from which on the process must have been suspended or busy when the wait was to end. */
const STALLED_MS = 100;
/** The time that is added then: packets that were lost while a whole machine stood still are sent again within it. */
const GRACE_MS = 1_000;

/**
 * Sets a timer that ends the wait for an answer. An answer that has arrived meanwhile is always read before: Node runs timers that
 * are due before it reads sockets, so the callback is deferred until it has read them. If the timer fires late, the process was
 * suspended or busy, and the callback is deferred by a second, as often as that happens.
 */
export function setGraceTimer(clock: Clock, callback: () => void, delayMs: number): ClockTimer {
  let timer: ClockTimer;
  const set = (ms: number, lateMs: number, onTime: () => void): void => {
    const dueAt = clock.monotonic() + ms;
    const fired = (): void => {
      if (clock.monotonic() - dueAt < lateMs) onTime();
      else set(GRACE_MS, GRACE_MS, callback);
    };
    timer = clock.setTimer(fired, ms, { ref: true });
  };
  set(delayMs, STALLED_MS, () => set(0, GRACE_MS, callback));
  return { cancel: () => timer.cancel() };
}
