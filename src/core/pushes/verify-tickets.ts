import type { Clock } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import type { Events } from '../model/events.js';
import type { TokenKey } from '../model/token-key.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { Registry } from '../registry/registry.js';
import type { StoreClock } from '../store/store-clock.js';
import { isOfPlatform, ticketKey, VERIFY_TICKET } from './platform-tasks.js';
import { SilenceChecks } from './silence-checks.js';
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

/**
 * Reports platforms that have had no new verify ticket for half an hour. It watches the platforms that this process
 * knows: apps with a task that needs a ticket, and apps with settings of pushes once they have a ticket, since such
 * settings alone may be those of an ordinary account.
 */
export class VerifyTickets {
  readonly #parts: VerifyTicketsParts;
  readonly #silences = new Map<string, TicketSilence>();
  readonly #checks: SilenceChecks;
  #listener: SilenceListener | undefined;

  constructor(parts: VerifyTicketsParts) {
    const { events } = parts;
    this.#parts = parts;
    this.#checks = new SilenceChecks({
      ...parts,
      silences: this.#silences,
      appGone: (appid) => this.appRemoved(appid),
      missing: ({ appid, since }) => events.emit('verifyTicketMissing', { component: appid, since }),
    });
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
    this.#checks.start();
  }

  stop(): void {
    this.#checks.stop();
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
    this.#checks.plan(silence);
  }

  #note(appid: string, obtainedAt: number): void {
    const silence = this.#silences.get(appid);
    if (silence === undefined) return;
    const wasTold = silence.isTold;
    silence.note(obtainedAt, this.#read());
    this.#checks.plan(silence);
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

  #read(): Reading {
    const { clock } = this.#parts;
    return { now: clock.now(), monotonic: clock.monotonic() };
  }
}
