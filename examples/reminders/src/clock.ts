/** The time of the service: all of its waits and comparisons of instants go by one clock. */
export interface Clock {
  /** The time in epoch milliseconds. */
  now(): number;
  /** Converts a time of this clock, in milliseconds, into what a timer has to wait. */
  toTimer(ms: number): number;
}

export const systemClock: Clock = { now: () => Date.now(), toTimer: (ms) => ms };

/**
 * Returns a clock that runs `factor` times as fast from `startAt` on. It lets a demo or a test see hours within minutes;
 * tokens, locks and connections go on living by the real time.
 *
 * @param startAt - The time on the clock at the real time `realStartAt`, both in epoch milliseconds, so that the clocks of
 *   several processes agree.
 */
export function fastClock(factor: number, startAt: number, realStartAt: number): Clock {
  return {
    now: () => startAt + (Date.now() - realStartAt) * factor,
    toTimer: (ms) => Math.ceil(ms / factor),
  };
}
