import type { Clock, ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { batches } from '../primitives/batches.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Registry } from '../registry/registry.js';
import type { StoreClock } from '../store/store-clock.js';
import { ticketKey } from './platform-tasks.js';
import type { TicketSilence } from './ticket-silence.js';

export interface SilenceChecksParts {
  readonly clock: Pick<StoreClock, 'sync'> & Clock;
  readonly registry: Registry;
  readonly recordReader: RecordReader;
  /** The closing of the manager. Once it has begun, nothing more is read or reported. */
  readonly closing: Closing;
  /** The silences that are watched, by app. */
  readonly silences: ReadonlyMap<string, TicketSilence>;
  /** Handles an app that was unregistered elsewhere. */
  appGone(appid: string): void;
  /** Reports a silence that has lasted for long enough, once. */
  missing(silence: TicketSilence): void;
}

/** The time after which a check that the store has failed is repeated. */
const RETRY_MS = 10_000;

/** Checks silences when they may have lasted for long enough: another process may have received a ticket meanwhile. */
export class SilenceChecks {
  readonly #parts: SilenceChecksParts;
  #timer: ClockTimer | undefined;
  /** The instant for which the timer is set, by the monotonic clock. */
  #timerAt = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isChecking = false;

  constructor(parts: SilenceChecksParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.closing.hasBegun) return;
    this.#isRunning = true;
    this.#arm();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancelTimer();
  }

  /** Makes sure that a silence is checked in time. */
  plan({ checkAt }: TicketSilence): void {
    if (checkAt < this.#timerAt && !this.#isChecking) this.#arm();
  }

  /** Checks the silences that have lasted for long enough by what this process knows. */
  async #check(): Promise<void> {
    const { clock, closing, silences, missing } = this.#parts;
    const started = clock.monotonic();
    const due = [...silences.values()].filter(({ checkAt }) => checkAt <= started);
    // Timers may fire a little early.
    if (due.length === 0) return;
    try {
      await this.#readTickets(due);
    } catch {
      // The store reports its own failures. Without it nothing is known about what other processes have received.
      for (const silence of due) silence.checkAt = clock.monotonic() + RETRY_MS;
      return;
    }
    for (const silence of due) {
      if (closing.hasBegun) return;
      const isWatched = silences.get(silence.appid) === silence;
      const isMissing =
        isWatched && silence.checkAt <= started && silence.judge({ now: clock.now(), monotonic: clock.monotonic() });
      if (!isMissing || silence.isTold || !silence.isOfPlatform) continue;
      silence.isTold = true;
      missing(silence);
    }
  }

  /** Reads the tickets of apps, and forgets those apps that have been unregistered elsewhere. */
  async #readTickets(due: readonly TicketSilence[]): Promise<void> {
    const { clock, registry, recordReader, closing, silences, appGone } = this.#parts;
    await clock.sync();
    closing.assertOpen();
    for (const batch of batches(due)) {
      // A process of a fleet may have dropped an app that it has not used for long.
      await Promise.all(batch.map(({ appid }) => registry.loadApp(appid)));
      for (const { appid } of batch) if (!registry.hasApp(appid)) appGone(appid);
      closing.assertOpen();
      const watched = batch.filter((silence) => silences.get(silence.appid) === silence);
      await recordReader.loadAll(watched.map(({ appid }) => ticketKey(appid)));
    }
  }

  #arm(): void {
    this.#cancelTimer();
    if (!this.#isRunning) return;
    for (const { checkAt } of this.#parts.silences.values()) this.#timerAt = Math.min(this.#timerAt, checkAt);
    if (this.#timerAt === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#parts;
    const delayMs = Math.ceil(Math.max(0, this.#timerAt - clock.monotonic()));
    this.#timer = clock.setTimer(() => this.#due(), delayMs);
  }

  #due(): void {
    this.#cancelTimer();
    this.#isChecking = true;
    void this.#check().finally(() => {
      this.#isChecking = false;
      this.#arm();
    });
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}
