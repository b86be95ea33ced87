import type { Clock, ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import type { Events } from '../model/events.js';
import { type TokenKey, tokenKey } from '../model/token-key.js';
import { batches } from '../primitives/batches.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { Registry } from '../registry/registry.js';
import type { StoreClock } from '../store/store-clock.js';
import { isOfPlatform, VERIFY_TICKET } from './platform-tasks.js';
import { type Reading, TicketSilence } from './ticket-silence.js';

export interface VerifyTicketsParts {
  readonly clock: Pick<StoreClock, 'sync'> & Clock;
  readonly registry: Registry;
  readonly records: Records;
  readonly recordReader: RecordReader;
  readonly pushed: PushedTokens;
  readonly events: Events;
  /** The closing of the manager. Once it has begun, nothing more is read or reported. */
  readonly closing: Closing;
}

/** The state of the verify tickets of a platform, as this process knows it. */
export interface VerifyTicketState {
  readonly appid: string;
  /** The instant of the last ticket; `undefined` as long as none is known. */
  readonly lastTicketAt: number | undefined;
  /** The instant of the last ticket or, without any, the instant from which this process knew the platform. */
  readonly since: number;
  /** The time since then. */
  readonly silentMs: number;
  readonly isMissing: boolean;
}

/** A listener for the ends of silences that were reported. */
export interface SilenceListener {
  /** @param why - `recovered` with a new ticket, `gone` for a platform that was unregistered. */
  silenceEnded(appid: string, why: 'recovered' | 'gone'): void;
}

/** The time after which a check that the store has failed is repeated. */
const RETRY_MS = 10_000;

/**
 * Reports platforms that have had no new verify ticket for half an hour. It watches the platforms that this process
 * knows: apps with a task that needs a ticket, and apps with settings of pushes once they have a ticket, since such
 * settings alone may be those of an ordinary account.
 */
export class VerifyTickets {
  readonly #parts: VerifyTicketsParts;
  readonly #silences = new Map<string, TicketSilence>();
  #timer: ClockTimer | undefined;
  /** The instant for which the timer is set, by the monotonic clock. */
  #timerAt = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isChecking = false;
  #listener: SilenceListener | undefined;

  constructor(parts: VerifyTicketsParts) {
    this.#parts = parts;
    parts.records.listen(({ key, obtainedAt }) => {
      if (key.type === VERIFY_TICKET) this.#note(key.appid, obtainedAt);
    });
  }

  /** Sets the listener that is notified when a silence has ended. */
  listen(listener: SilenceListener): void {
    this.#listener = listener;
  }

  /** Begins to look at what is known. */
  start(): void {
    if (this.#parts.closing.hasBegun) return;
    this.#isRunning = true;
    this.#arm();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancelTimer();
  }

  /** Returns the state of every platform that this process knows. */
  *states(): Iterable<VerifyTicketState> {
    for (const { appid } of this.#silences.values()) {
      const state = this.stateOf(appid);
      if (state !== undefined) yield state;
    }
  }

  /** Returns the state of an app; `undefined` if it is not known to be a platform. */
  stateOf(appid: string): VerifyTicketState | undefined {
    const silence = this.#silences.get(appid);
    if (silence?.isOfPlatform !== true) return undefined;
    const { lastTicketAt, since, isTold: isMissing } = silence;
    return { appid, lastTicketAt, since, silentMs: silence.lengthMs(this.#parts.clock.monotonic()), isMissing };
  }

  /** Handles a task that was registered. There may be a million of one platform. */
  taskAdded(key: TokenKey): void {
    const { registry, pushed } = this.#parts;
    const silence = this.#silences.get(key.appid);
    if (silence?.hasPlatformTask === true || !registry.hasApp(key.appid) || !isOfPlatform(key, pushed)) return;
    if (silence === undefined) this.#watch(key.appid);
    else silence.hasPlatformTask = true;
  }

  /** Handles a task that was unregistered. */
  taskRemoved(key: TokenKey): void {
    const silence = this.#silences.get(key.appid);
    if (silence === undefined || !isOfPlatform(key, this.#parts.pushed)) return;
    silence.hasPlatformTask = this.#hasPlatformTask(key.appid);
    this.appChanged(key.appid);
  }

  /** Handles an app that was registered, perhaps with other settings. */
  appChanged(appid: string): void {
    if (!this.#isCandidate(appid)) this.appRemoved(appid);
    else if (!this.#silences.has(appid)) this.#watch(appid);
  }

  /** Handles an app that was unregistered. */
  appRemoved(appid: string): void {
    const wasTold = this.#silences.get(appid)?.isTold === true;
    this.#silences.delete(appid);
    if (wasTold) this.#listener?.silenceEnded(appid, 'gone');
  }

  #watch(appid: string): void {
    const silence = new TicketSilence(appid, this.#read());
    silence.hasPlatformTask = this.#hasPlatformTask(appid);
    this.#silences.set(appid, silence);
    const held = this.#parts.records.cache.get(ticketKey(appid));
    if (held !== undefined) this.#note(appid, held.obtainedAt);
    this.#armFor(silence);
  }

  #note(appid: string, obtainedAt: number): void {
    const silence = this.#silences.get(appid);
    if (silence === undefined) return;
    const wasTold = silence.isTold;
    silence.note(obtainedAt, this.#read());
    this.#armFor(silence);
    if (wasTold && !silence.isTold) this.#listener?.silenceEnded(appid, 'recovered');
  }

  /** Returns whether an app may be a platform. */
  #isCandidate(appid: string): boolean {
    const app = this.#parts.registry.known(appid);
    return app !== undefined && (app.push?.mode === 'encrypted' || this.#hasPlatformTask(appid));
  }

  #hasPlatformTask(appid: string): boolean {
    const { registry, pushed } = this.#parts;
    for (const { key } of registry.tasksOf(appid)) if (isOfPlatform(key, pushed)) return true;
    return false;
  }

  /** Checks the silences that have lasted for long enough by what this process knows. */
  async #check(): Promise<void> {
    const { clock, closing, events } = this.#parts;
    const started = clock.monotonic();
    const due = [...this.#silences.values()].filter(({ checkAt }) => checkAt <= started);
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
      const isWatched = this.#silences.get(silence.appid) === silence;
      const isMissing = isWatched && silence.checkAt <= started && silence.judge(this.#read());
      if (!isMissing || silence.isTold || !silence.isOfPlatform) continue;
      silence.isTold = true;
      events.emit('verifyTicketMissing', { component: silence.appid, since: silence.since });
    }
  }

  /** Reads the tickets of apps, and forgets those apps that have been unregistered elsewhere. */
  async #readTickets(silences: readonly TicketSilence[]): Promise<void> {
    const { clock, registry, recordReader, closing } = this.#parts;
    await clock.sync();
    closing.assertOpen();
    for (const batch of batches(silences)) {
      // A process of a fleet may have dropped an app that it has not used for long.
      await Promise.all(batch.map(({ appid }) => registry.loadApp(appid)));
      for (const { appid } of batch) if (!registry.hasApp(appid)) this.appRemoved(appid);
      closing.assertOpen();
      const watched = batch.filter((silence) => this.#silences.get(silence.appid) === silence);
      await recordReader.loadAll(watched.map(({ appid }) => ticketKey(appid)));
    }
  }

  #armFor({ checkAt }: TicketSilence): void {
    if (checkAt < this.#timerAt && !this.#isChecking) this.#arm();
  }

  #arm(): void {
    this.#cancelTimer();
    if (!this.#isRunning) return;
    for (const { checkAt } of this.#silences.values()) this.#timerAt = Math.min(this.#timerAt, checkAt);
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

  #read(): Reading {
    const { clock } = this.#parts;
    return { now: clock.now(), monotonic: clock.monotonic() };
  }
}

function ticketKey(appid: string): TokenKey {
  return tokenKey(appid, VERIFY_TICKET, undefined);
}
