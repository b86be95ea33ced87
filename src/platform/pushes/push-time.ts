import type { Clock } from '../../core/concurrency/clock.js';
import { Deadline } from '../../core/model/deadline.js';

/** The time of a push. WeChat waits for five seconds, of which a second is left to the network. */
const TOTAL_MS = 4_000;
/** The time within which the target of a rule has to answer, from the arrival of the push. */
const FORWARDING_MS = 3_500;
/** The time of one command of the store, so that a read and a write together leave time for what is done with them. */
const COMMAND_MS = 1_500;

/** Divides the time of one push, which begins with its arrival. */
export class PushTime {
  readonly #clock: Clock;
  /** The deadline of everything that is done for the push. */
  readonly all: Deadline;
  /** The deadline of the target of a rule. */
  readonly forwarding: Deadline;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.all = new Deadline(clock, TOTAL_MS, undefined, 'the push was not handled within');
    this.forwarding = new Deadline(clock, FORWARDING_MS, undefined, 'the push was not forwarded within');
  }

  /** Returns the deadline of so many commands of the store one after another, which is that of the push at the latest. */
  forStore(commands: number): Deadline {
    const limitMs = Math.floor(Math.min(commands * COMMAND_MS, this.all.leftMs()));
    return new Deadline(this.#clock, limitMs, undefined, 'the store has not answered the push within');
  }
}
