import type { ClockTimer } from '../concurrency/clock.js';
import { Places } from '../concurrency/places.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import { exponentialDelayMs } from '../model/backoff.js';
import type { Claim } from '../refresh/claim.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { ClaimDispatcher } from './claim-dispatcher.js';
import type { FleetRateLimit } from './fleet-rate-limit.js';

export interface ClaimLoopParts {
  readonly store: SupervisedStore;
  readonly clock: StoreClock;
  readonly rateLimit: FleetRateLimit;
  /** Returns the lanes that this process can serve. */
  readonly lanes: () => readonly string[];
  readonly dispatcher: Pick<ClaimDispatcher, 'dispatch'>;
}

/**
 * The maximum number of claims in progress. It is lower than the number of leases that may be held at once, so that a
 * waiting caller finds a place.
 */
const MAX_RUNNING = 48;
/** The longest timer. A sleeping machine or a clock that is set delays timers, so they are only hints. */
const MAX_TIMER_MS = 60_000;
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 16_000;

/**
 * Claims due keys from the schedule of the fleet, which is in the store, as far as this process has free places. Of the
 * tasks it remembers only when to poll the store next.
 */
export class ClaimLoop {
  readonly #parts: ClaimLoopParts;
  #timer: ClockTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** The number of leases that a poll asks for; it grows while that many are found. */
  #batch = 1;
  /** Whether the next poll reserves permits before it claims, because none were available for the last claims. */
  #reservesFirst = false;
  /** The instant at which a poll last found less than it asked for, by the monotonic clock. */
  #emptiedAtMonotonic = Number.NEGATIVE_INFINITY;
  /** The number of consecutive store failures. */
  #failures = 0;
  /** The places of claims. A claim that has been in progress for long leaves its place to the next one. */
  readonly #places: Places<Claim>;
  /** The work on claims that have not been released. */
  readonly #works = new Set<Promise<void>>();
  #looking: Promise<void> | undefined;
  #looksAgain = false;
  #stopping: AbortController | undefined;

  constructor(parts: ClaimLoopParts) {
    this.#parts = parts;
    this.#places = new Places(() => parts.clock.monotonic(), { max: MAX_RUNNING, slow: new WeakSet() });
  }

  /** Schedules a poll for a task that is due soon; any other due is only in the store. */
  set(at: number): void {
    const { clock } = this.#parts;
    const inMs = at - clock.now();
    // Other processes know of the same instant, and one poll is enough, so a random delay is added.
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
   * Polls the store now, unless a poll follows soon anyway: a store that fails intermittently must not be polled again
   * each time that it works.
   */
  check(): void {
    const comesSoon = this.#looking !== undefined || (this.#timer !== undefined && this.#failures === 0);
    if (!comesSoon) this.#lookNow();
  }

  /** Returns whether a poll within so many milliseconds has left nothing due in this lane. */
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
    // The poll is deferred by one microtask, so that a `storeAvailable` raised by the claim finds `#looking` set.
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

  /**
   * Polls the store.
   *
   * @returns the milliseconds until the next poll; `undefined` if the end of a claim starts it.
   */
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
        this.#batch = Math.min(this.#parts.rateLimit.batchSize, wanted * 2);
      }
    } catch {
      // Store failures are already reported by the store, and the poll is retried.
      this.#batch = 1;
    }
    this.#failures += 1;
    return (0.5 + clock.random() / 2) * exponentialDelayMs(this.#failures, FIRST_RETRY_MS, MAX_RETRY_MS);
  }

  /**
   * Claims due keys. A poll that finds nothing, as most do, must not use up permits, and unused permits are not kept:
   * in a large fleet they would accumulate, and many refreshes would begin at once. A poll for one key therefore
   * reserves its permit after the claim, unless that takes too long.
   */
  async #claim(wanted: number, signal: AbortSignal): Promise<number> {
    const { store, clock, rateLimit, lanes, dispatcher } = this.#parts;
    const reservesFirst = wanted > 1 || this.#reservesFirst;
    this.#reservesFirst = false;
    if (reservesFirst) await rateLimit.reserve(wanted, signal);
    const askedAtMonotonic = clock.monotonic();
    const leases = await store.claimDue(lanes(), wanted, LEASE_MS);
    let mayBegin = reservesFirst;
    try {
      if (!reservesFirst && leases.length > 0) mayBegin = await rateLimit.tryReserve(signal);
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
      return { lease, askedAtMonotonic, beginsAtMonotonic: claimedAtMonotonic + index * rateLimit.stepMs };
    });
    for (const [index, claimed] of dispatcher.dispatch(claims).entries()) this.#follow(claims[index] as Claim, claimed);
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

  /** Returns how long it is until the claim in a place counts as long; `undefined` if it ends before. */
  #untilPlaceMs(): number | undefined {
    const untilMs = this.#places.untilSlowMs();
    return Number.isFinite(untilMs) ? untilMs : undefined;
  }

  /** Returns the pause between polls in milliseconds, which is longer if tokens live longer. */
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
