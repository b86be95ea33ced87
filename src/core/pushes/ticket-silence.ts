/** The silence after which the ticket of a platform counts as missing. WeChat pushes one every ten minutes. */
export const TICKET_MISSING_AFTER_MS: number = 30 * 60_000;

/** The instant of a reading of both clocks. */
export interface Reading {
  /** The store's time, in epoch milliseconds. */
  readonly now: number;
  readonly monotonic: number;
}

/**
 * Measures the time since the last verify ticket of an app. The time that passes is measured by the monotonic clock, so
 * that no step of the wall clock makes a silence longer. Only the age that a ticket has when it is first seen comes from
 * the store's time.
 */
export class TicketSilence {
  readonly appid: string;
  /** The instant of the next check, by the monotonic clock. */
  checkAt: number;
  /** Whether the app has a task that needs a ticket. */
  hasPlatformTask = false;
  /** Whether the silence was reported. */
  isTold = false;
  #lastTicketAt: number | undefined;
  #since: number;
  #ageThen = 0;
  #measuredAt: number;
  /** The instant at which the ticket was first seen, by the monotonic clock. */
  #seenAt: number;

  /** @param reading - the time from which the app was known. */
  constructor(appid: string, { now, monotonic }: Reading) {
    this.appid = appid;
    this.#since = now;
    this.#measuredAt = monotonic;
    this.#seenAt = monotonic;
    this.checkAt = monotonic;
  }

  /** Returns whether the app is known to be a third-party platform. */
  get isOfPlatform(): boolean {
    return this.hasPlatformTask || this.#lastTicketAt !== undefined;
  }

  /** Returns the instant of the last ticket; `undefined` as long as none is known. */
  get lastTicketAt(): number | undefined {
    return this.#lastTicketAt;
  }

  /** Returns the instant of the last ticket or, without any, the instant from which the app was known. */
  get since(): number {
    return this.#since;
  }

  /** Returns the length of the silence. */
  lengthMs(monotonic: number): number {
    return this.#ageThen + (monotonic - this.#measuredAt);
  }

  /** Begins anew with a ticket, unless it is none that came after the last one. */
  note(obtainedAt: number, { now, monotonic }: Reading): void {
    const last = this.#lastTicketAt;
    // A last ticket that claims to come from the future shows nothing about the order.
    if (last !== undefined && last <= now && obtainedAt <= last) return;
    this.#lastTicketAt = obtainedAt;
    this.#since = obtainedAt;
    this.isTold = false;
    this.#seenAt = monotonic;
    this.#measure(now - obtainedAt, monotonic);
  }

  /**
   * Judges the silence by a reading of the store's time that was just checked, and plans the next check.
   *
   * @returns whether the ticket has been missing for long enough.
   */
  judge({ now, monotonic }: Reading): boolean {
    const passedMs = monotonic - this.#seenAt;
    const ageMs = now - this.#since;
    // The wall clock may have been wrong when the ticket was first seen, and have been set right since.
    const isUnclear = passedMs < TICKET_MISSING_AFTER_MS && ageMs < this.lengthMs(monotonic);
    if (isUnclear) this.#measure(Math.max(passedMs, ageMs), monotonic);
    const leftMs = TICKET_MISSING_AFTER_MS - this.lengthMs(monotonic);
    this.checkAt = monotonic + (leftMs > 0 ? leftMs : TICKET_MISSING_AFTER_MS);
    return leftMs <= 0;
  }

  #measure(ageMs: number, monotonic: number): void {
    this.#ageThen = Math.max(0, ageMs);
    this.#measuredAt = monotonic;
    this.checkAt = monotonic + Math.max(0, TICKET_MISSING_AFTER_MS - this.#ageThen);
  }
}
