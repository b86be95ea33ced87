const SECOND_MS = 1_000;

/**
 * The time of the server, estimated from the `Date` of its answers. A `Date` has whole seconds, and the answer takes time
 * to arrive, so that each answer limits the difference from both sides, and several answers narrow it down.
 */
export interface ServerClock {
  now(): number;
  /**
   * Records the `Date` of an answer.
   *
   * @param date - the `Date`; without one, the clock of this computer is used as it is.
   */
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
