const SECOND_MS = 1_000;

/**
 * The server's time, from the `Date` of its answers. That has whole seconds only, and the answer has been on its way, so
 * each answer bounds the difference from both sides, and the bounds of several answers narrow it down.
 */
export interface ServerClock {
  now(): number;
  /** @param date - the answer's `Date`; without one the clock of this computer is taken as it is. */
  learn(date: string | null, sentAt: number, receivedAt: number): void;
}

export function serverClock(localNow: () => number): ServerClock {
  let least = Number.NEGATIVE_INFINITY;
  let most = Number.POSITIVE_INFINITY;
  let offset = 0;
  return {
    now: () => localNow() + offset,
    learn(date, sentAt, receivedAt) {
      const second = Date.parse(date ?? '');
      if (Number.isNaN(second)) return;
      const from = second - receivedAt;
      const to = second + SECOND_MS - sentAt;
      const agrees = from <= most && to >= least;
      least = agrees ? Math.max(least, from) : from;
      most = agrees ? Math.min(most, to) : to;
      offset = (least + most) / 2;
    },
  };
}
