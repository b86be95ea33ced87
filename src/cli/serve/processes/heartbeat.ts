import type { Clock, ClockTimer } from '../../../core/concurrency/clock.js';

/** The interval at which a worker reports that its event loop runs. */
const BEAT_MS = 2_000;
/** The silence after which a worker counts as hung. */
const HUNG_MS = 12_000;
const LOOK_MS = 1_000;
/** The delay of a check that shows that the checking process was blocked itself. */
const LATE_MS = 2_000;

/**
 * Measures how long a process has been silent. Time in which this process was blocked is not counted, because messages of
 * the other process that arrived in the meantime are read only after the timers.
 */
export class HeartbeatWatch {
  readonly #clock: Clock;
  readonly #hung: (silentMs: number) => void;
  #silentMs = 0;
  #lookedAt = 0;
  #timer: ClockTimer | undefined;
  #isOver = false;

  /** @param hung - is called once, with the duration of the silence. */
  constructor(clock: Clock, hung: (silentMs: number) => void) {
    this.#clock = clock;
    this.#hung = hung;
  }

  /**
   * Records a heartbeat. A process in a debugger may pause for any time, so that it is watched again only from its next
   * heartbeat on.
   */
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
 * Sends a heartbeat at once, and then every two seconds.
 *
 * @param isDebugged - returns whether a debugger may pause the process.
 *
 * @returns a function that stops the heartbeats.
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
