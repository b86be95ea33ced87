import type { Clock, ClockTimer } from '../../../core/concurrency/clock.js';

/** The interval at which a process that answers reports that its event loop turns. */
const BEAT_MS = 2_000;
/** A process that has said nothing for so long hangs. */
const HUNG_MS = 12_000;
const LOOK_MS = 1_000;
/** A look that comes later than this says that the process that looks was held up itself. */
const LATE_MS = 2_000;

/**
 * Measures how long a process has been silent. A gap in which this process was held up is left out: what the other one said
 * meanwhile is read after the timers.
 */
export class HeartbeatWatch {
  readonly #clock: Clock;
  readonly #hung: (silentMs: number) => void;
  #silentMs = 0;
  #lookedAt = 0;
  #timer: ClockTimer | undefined;
  #isOver = false;

  /** @param hung - called once, with how long the process has been silent. */
  constructor(clock: Clock, hung: (silentMs: number) => void) {
    this.#clock = clock;
    this.#hung = hung;
  }

  /** Notes a sign of life. A process in a debugger may be stopped for any time: it is watched again from its next sign on. */
  beat(isDebugged: boolean): void {
    this.#timer?.cancel();
    this.#silentMs = 0;
    if (!isDebugged && !this.#isOver) this.#look();
  }

  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #look(): void {
    this.#lookedAt = this.#clock.monotonic();
    this.#timer = this.#clock.setTimer(() => {
      const gapMs = this.#clock.monotonic() - this.#lookedAt;
      if (gapMs - LOOK_MS <= LATE_MS) this.#silentMs += gapMs;
      if (this.#silentMs < HUNG_MS) this.#look();
      else this.#hung(this.#silentMs);
    }, LOOK_MS);
  }
}

/**
 * Says at once, and then every two seconds, that this process is alive.
 *
 * @param isDebugged - tells whether a debugger may stop the process at any time.
 * @returns what ends it.
 */
export function startBeating(clock: Clock, isDebugged: () => boolean, say: (isDebugged: boolean) => void): () => void {
  let timer: ClockTimer;
  const beat = (): void => {
    say(isDebugged());
    timer = clock.setTimer(beat, BEAT_MS);
  };
  beat();
  return () => timer.cancel();
}
