import type { ClockTimer } from '../concurrency/clock.js';
import { Places } from '../concurrency/places.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import type { Claim } from '../refresh/claim.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { ClaimDesk } from './claim-desk.js';
import type { FleetRateLimit } from './fleet-rate-limit.js';

export interface ClaimLoopParts {
  readonly store: SupervisedStore;
  readonly clock: StoreClock;
  readonly pace: FleetRateLimit;
  /** Returns the lanes that this process can serve. */
  readonly lanes: () => readonly string[];
  readonly desk: Pick<ClaimDesk, 'take'>;
}

/** Fewer than may hold a lease at once, so that a waiting caller finds a place. */
const MAX_RUNNING = 48;
/** Timers are hints. */
const MAX_TIMER_MS = 60_000;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 16_000;

/**
 * Takes from the schedule of the fleet, which is in the store, what this process has free hands for. It holds nothing of a
 * task: only when to look next.
 */
export class ClaimLoop {
  readonly #parts: ClaimLoopParts;
  #timer: ClockTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** The number of leases that a look asks for; it grows while as many are found. */
  #batch = 1;
  /**
   * Whether there was no room in the pace for what was claimed, so that the next look asks for that before it claims.
   */
  #reservesFirst = false;
  /** The instant at which a look last found less than it asked for, by the monotonic clock. */
  #emptiedAtMonotonic = Number.NEGATIVE_INFINITY;
  /** The number of times in a row that the store has failed. */
  #failures = 0;
  /** The places of claims: one that has been under way for long leaves its place to what is claimed next. */
  readonly #places: Places<Claim>;
  /** The work on what has been claimed and not been given back. */
  readonly #works = new Set<Promise<void>>();
  #looking: Promise<void> | undefined;
  #looksAgain = false;
  #stopping: AbortController | undefined;

  constructor(parts: ClaimLoopParts) {
    this.#parts = parts;
    this.#places = new Places(() => parts.clock.monotonic(), { max: MAX_RUNNING, slow: new WeakSet() });
  }

  /** Looks for a task when it is due, if that is soon; everything else is in the store. */
  set(at: number): void {
    const { clock } = this.#parts;
    const inMs = at - clock.now();
    // Others know of the same instant; one of them is enough.
    if (at < this.#timerAt) this.#arm(inMs > 0 ? inMs + clock.random() * this.#pauseMs() * 0.25 : 0);
  }

  start(): void {
    this.#stopping ??= new AbortController();
    this.#lookNow();
  }

  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    this.#cancelTimer();
    await this.#looking;
    await Promise.all(this.#works);
  }

  /**
   * Looks at the store now, unless a look comes soon anyway: a store that fails and works by turns must not be asked
   * again each time that it works.
   */
  check(): void {
    const comesSoon = this.#looking !== undefined || (this.#timer !== undefined && this.#failures === 0);
    if (!comesSoon) this.#lookNow();
  }

  /** Returns whether a look has found nothing more that is due in this lane, within so many milliseconds. */
  isHandedOut(lane: string, withinMs: number): boolean {
    const { clock, lanes } = this.#parts;
    return clock.monotonic() - this.#emptiedAtMonotonic < withinMs && lanes().includes(lane);
  }

  #lookNow(): void {
    if (this.#stopping === undefined) return;
    if (this.#looking !== undefined) {
      this.#looksAgain = true;
      return;
    }
    this.#cancelTimer();
    // Not at once: what the store says as it is asked must find that it is.
    const begins = Promise.resolve(this.#stopping.signal);
    this.#looking = begins
      .then((signal) => this.#look(signal))
      .then((lookInMs) => {
        this.#looking = undefined;
        if (this.#looksAgain) {
          this.#looksAgain = false;
          this.#lookNow();
        } else if (lookInMs !== undefined) this.#arm(lookInMs);
      });
  }

  /** Returns in how many milliseconds to look again; `undefined` when a claim that ends starts the next look. */
  async #look(signal: AbortSignal): Promise<number | undefined> {
    const { clock } = this.#parts;
    try {
      while (!signal.aborted) {
        this.#places.settle();
        const wanted = Math.min(this.#batch, this.#places.free);
        if (wanted <= 0) return this.#untilPlaceMs();
        const claimed = await this.#claim(wanted, signal);
        this.#failures = 0;
        if (claimed < wanted) {
          this.#batch = Math.max(1, claimed);
          this.#emptiedAtMonotonic = clock.monotonic();
          return this.#pauseMs() * (0.75 + clock.random() * 0.5);
        }
        this.#batch = Math.min(this.#parts.pace.batchSize, wanted * 2);
      }
    } catch {
      // The store tells of its failures itself; it may be asked again.
      this.#batch = 1;
    }
    this.#failures += 1;
    return (0.5 + clock.random() / 2) * Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#failures);
  }

  /**
   * Claims what is due. Nothing is reserved for a look that finds nothing, as most do, and what is not used is not kept: in a
   * large fleet it would add up, and begin all at once. So a look for one reserves when it has found it, unless that takes too
   * long.
   */
  async #claim(wanted: number, signal: AbortSignal): Promise<number> {
    const { store, clock, pace, lanes, desk } = this.#parts;
    const reservesFirst = wanted > 1 || this.#reservesFirst;
    this.#reservesFirst = false;
    if (reservesFirst) await pace.reserve(wanted, signal);
    const askedAtMonotonic = clock.monotonic();
    const leases = await store.claimDue(lanes(), wanted, LEASE_MS);
    let mayBegin = reservesFirst;
    try {
      if (!reservesFirst && leases.length > 0) mayBegin = await pace.tryReserve(signal);
    } finally {
      if (!mayBegin || signal.aborted) await Promise.all(leases.map((lease) => store.release(lease)));
    }
    signal.throwIfAborted();
    if (!mayBegin) {
      this.#reservesFirst = leases.length > 0;
      return leases.length;
    }
    const claimedAtMonotonic = clock.monotonic();
    const claims = leases.map((lease, index) => {
      return { lease, askedAtMonotonic, beginsAtMonotonic: claimedAtMonotonic + index * pace.stepMs };
    });
    for (const [index, claimed] of desk.take(claims).entries()) this.#follow(claims[index] as Claim, claimed);
    return leases.length;
  }

  #follow(claim: Claim, claimed: Promise<void>): void {
    const place = this.#places.begin(claim, 'steady');
    const work = claimed.then(() => {
      this.#works.delete(work);
      const wasFull = this.#places.free <= 0;
      this.#places.end(place);
      if (wasFull && this.#places.free > 0) this.#lookNow();
    });
    this.#works.add(work);
  }

  /** Returns how long it is until what holds a place has held it for long; `undefined` when it is to end first. */
  #untilPlaceMs(): number | undefined {
    const untilMs = this.#places.untilSlowMs();
    return Number.isFinite(untilMs) ? untilMs : undefined;
  }

  /** Returns the pause between looks, in milliseconds: long lives leave time; short ones do not. */
  #pauseMs(): number {
    return this.#parts.clock.pollIntervalMs;
  }

  #arm(delayMs: number): void {
    if (this.#stopping === undefined) return;
    const ms = Math.max(0, Math.ceil(Math.min(delayMs, MAX_TIMER_MS)));
    const at = this.#parts.clock.now() + ms;
    if (this.#timer !== undefined && this.#timerAt <= at) return;
    this.#cancelTimer();
    this.#timerAt = at;
    this.#timer = this.#parts.clock.setTimer(() => this.#lookNow(), ms);
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}
