import type { Clock } from './clock.js';

/** The time for which a look-up waits for its turn, before it is taken for one too many. */
const WAIT_MS = 5_000;

/** The look-ups in progress that have used up a limit together. */
interface Group {
  inProgress: number;
  readonly waiting: Set<() => void>;
}

/**
 * Lets look-ups wait while others are in progress that may give back what they have taken from a limit, because only those that
 * find nothing keep it. After a start, the valid credentials of many callers are looked up at once.
 */
export class LookUpTurns {
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #groups = new Map<string, Group>();

  constructor(clock: Pick<Clock, 'setTimer'>) {
    this.#clock = clock;
  }

  /**
   * Begins a look-up of a group when the limit grants it: at once, or after those in progress. One that has begun must be
   * followed by {@link end}.
   *
   * @param reserve - takes one from the limit, and returns whether there was one.
   * @returns whether the look-up has begun; if not, the limit is used up.
   */
  begin(group: string, reserve: () => boolean): true | Promise<boolean> {
    if (!reserve()) return this.#beginLater(group, reserve);
    this.#note(group);
    return true;
  }

  /** Notes that a look-up has ended, whether or not it has returned what it took. */
  end(group: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) return;
    known.inProgress -= 1;
    if (known.inProgress === 0) this.#groups.delete(group);
    // Without others in progress nothing more is returned, so that all may find out at once that they wait in vain.
    for (const wake of [...known.waiting].slice(0, known.inProgress === 0 ? undefined : 1)) {
      known.waiting.delete(wake);
      wake();
    }
  }

  #note(group: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) this.#groups.set(group, { inProgress: 1, waiting: new Set() });
    else known.inProgress += 1;
  }

  async #beginLater(group: string, reserve: () => boolean): Promise<boolean> {
    let isOver = false;
    let wake = (): void => {};
    const timer = this.#clock.setTimer(() => {
      isOver = true;
      wake();
    }, WAIT_MS);
    try {
      do {
        const waiting = this.#groups.get(group)?.waiting;
        if (waiting === undefined || isOver) return false;
        await new Promise<void>((resolve) => {
          wake = resolve;
          waiting.add(resolve);
        });
        waiting.delete(wake);
      } while (!reserve());
    } finally {
      timer.cancel();
    }
    this.#note(group);
    return true;
  }
}
