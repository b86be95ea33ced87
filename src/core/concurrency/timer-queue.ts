import type { Clock, ClockTimer } from './clock.js';
import { DueQueue, type Queued } from './due-queue.js';
import { type Place, Places, type Room } from './places.js';
import type { LocalRateLimit } from './rate-limit.js';
import { CLOCK_JUMP_MS } from './time-limits.js';
import { WaitingGroups } from './waiting-groups.js';

/**
 * The maximum delay of a timer. Timers fire late after the machine has slept, and cannot be set for more than 24 days.
 */
const MAX_TIMER_MS = 60_000;
const MAX_RUNNING = 64;
/**
 * The maximum number of items that begin in one turn of the event loop. Items that end at once free their places
 * immediately, and so would never let other work run.
 */
const MAX_IN_ONE_TURN = 500;
/** The maximum number of due items that wait for a place outside the queue, so that their groups take turns. */
const MAX_LOOKED_AT = 10_000;

const STEADY_FIRST: readonly Room[] = ['steady', 'fresh', 'slow'];
/**
 * The orders in which rooms are considered, one for each item that begins. Steady work comes first three times out of
 * four, so that fresh and slow work begins as well when the rate limit is reached.
 */
const ORDERS: readonly (readonly Room[])[] = [
  ['slow', 'fresh', 'steady'],
  STEADY_FIRST,
  STEADY_FIRST,
  STEADY_FIRST,
  ['fresh', 'slow', 'steady'],
  STEADY_FIRST,
  STEADY_FIRST,
  STEADY_FIRST,
];

export interface TimerQueueOptions<Item> {
  /** The maximum number of items in progress at once, not counting those that have become slow. */
  readonly maxRunning?: number;
  /** The rate limit at which a permit is reserved before each call. By default, the rate is not limited. */
  readonly rateLimit?: Pick<LocalRateLimit, 'reserve' | 'refund'>;
  /**
   * Returns the group of an item. Groups take turns while places are scarce. By default, all items are in one group.
   */
  readonly groupOf?: (item: Item) => string;
  /** Returns whether an item has not succeeded yet. By default, no item is fresh. */
  readonly isFresh?: (item: Item) => boolean;
}

/**
 * Calls `onDue` for each item when it is due, with a single timer and a bound on the items in progress. It deals with
 * items and instants, not with tokens. {@link Places} prevents items that hang from blocking the others.
 */
export class TimerQueue<Item extends Queued> {
  readonly #queue = new DueQueue<Item>();
  readonly #places: Places<Item>;
  /** The due items that were taken out of the queue because there was no place for them. */
  readonly #waiting: Readonly<Record<Room, WaitingGroups<Item>>>;
  readonly #clock: Clock;
  readonly #onDue: (item: Item, place: Place<Item>) => Promise<void>;
  readonly #rateLimit: TimerQueueOptions<Item>['rateLimit'];
  #timer: ClockTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Whether the timer was set while no place was free, in order to check whether one has become free. */
  #looksForPlace = false;
  /**
   * The number of items that have begun, or have been moved from the queue to those waiting, since the timer last
   * fired.
   */
  #begun = 0;
  /** The number of items that have begun, which determines the order of rooms for the next one. */
  #turn = 0;
  #stopped = true;
  /**
   * The milliseconds by which the wall clock was ahead of the monotonic clock when the instants in the queue were last
   * adjusted to it.
   */
  #aheadMs: number;

  /**
   * @param onDue - must not reject, and reports in the place whether the work has succeeded. An item is due again only
   *   after it has been set again.
   */
  constructor(
    clock: Clock,
    onDue: (item: Item, place: Place<Item>) => Promise<void>,
    { maxRunning = MAX_RUNNING, rateLimit, groupOf = () => '', isFresh }: TimerQueueOptions<Item> = {},
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#rateLimit = rateLimit;
    this.#places = new Places<Item>(() => clock.monotonic(), {
      max: maxRunning,
      slow: new WeakSet<Item>(),
      ...(isFresh === undefined ? {} : { isFresh }),
    });
    const waiting = (): WaitingGroups<Item> => new WaitingGroups(groupOf);
    this.#waiting = { steady: waiting(), fresh: waiting(), slow: waiting() };
    this.#aheadMs = this.#measureAhead();
  }

  set(item: Item, at: number): void {
    this.#followClock();
    if (this.#isWaiting(item)) {
      if (at <= this.#clock.now()) return;
      this.#endWaiting(item);
    }
    this.#queue.set(item, at);
    if (at < this.#timerAt) this.#arm();
  }

  delete(item: Item): void {
    this.#endWaiting(item);
    this.#queue.delete(item);
  }

  start(): void {
    this.#stopped = false;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  /**
   * Begins what is due according to the clock. It does not rely on the timer, because the wall clock may have been set.
   */
  check(): void {
    this.#followClock();
    this.#places.settle();
    let pauseMs = 0;
    while (!this.#stopped) {
      const now = this.#clock.now();
      const room = this.#nextRoom(now);
      if (room === undefined) break;
      pauseMs = this.#begun >= MAX_IN_ONE_TURN ? 1 : (this.#rateLimit?.reserve() ?? 0);
      if (pauseMs > 0) break;
      const item = this.#waiting[room].take() ?? (this.#queue.pop(now) as Item);
      this.#begin(item, room);
    }
    // The timer that waits for a place is kept, since a burst that fills the places again and again would otherwise set
    // a new one each time.
    const isTimerSet = this.#looksForPlace && this.#places.free === 0 && this.#countWaiting() === 0;
    if (!isTimerSet) this.#arm(pauseMs);
  }

  #begin(item: Item, room: Room): void {
    this.#begun++;
    this.#turn++;
    const place = this.#places.begin(item, room);
    void this.#onDue(item, place).finally(() => {
      const wasFull = this.#places.free === 0;
      this.#places.end(place);
      if (!place.hasAsked) this.#rateLimit?.refund();
      if ((wasFull && this.#places.free > 0) || this.#countWaiting() > 0) this.check();
    });
  }

  /**
   * Returns the room from which the next item begins: the first item that waits there or, if none waits, the first in
   * the queue. Returns `undefined` if no item may begin.
   */
  #nextRoom(now: number): Room | undefined {
    const queued = this.#roomOfFirst(now);
    if (this.#countWaiting() === 0) return queued;
    for (const room of ORDERS[this.#turn % ORDERS.length] as readonly Room[]) {
      // The first item in the queue is known to have a place, and so have those that wait in its room.
      if (room === queued || (this.#waiting[room].size > 0 && this.#places.hasPlace(room))) return room;
    }
    return undefined;
  }

  /**
   * Returns the room of the first due item in the queue for which there is a place. The items before it are moved to
   * those waiting.
   */
  #roomOfFirst(now: number): Room | undefined {
    for (;;) {
      const item = this.#queue.first(now);
      if (item === undefined) return undefined;
      const room = this.#places.roomOf(item);
      if (this.#places.hasPlace(room)) return room;
      const waiting = this.#waiting[room];
      if (this.#begun >= MAX_IN_ONE_TURN || (room === 'steady' && !this.#looksFarther())) return undefined;
      this.#begun++;
      this.#queue.pop(now);
      waiting.add(item);
    }
  }

  /**
   * Returns whether further steady items are taken out of the queue while no place is free, so that their groups take
   * turns.
   */
  #looksFarther(): boolean {
    return this.#waiting.steady.size < MAX_LOOKED_AT && this.#places.untilCrowdedMs() === 0;
  }

  #countWaiting(): number {
    const { steady, fresh, slow } = this.#waiting;
    return steady.size + fresh.size + slow.size;
  }

  #isWaiting(item: Item): boolean {
    const { steady, fresh, slow } = this.#waiting;
    return steady.has(item) || fresh.has(item) || slow.has(item);
  }

  #endWaiting(item: Item): void {
    const { steady, fresh, slow } = this.#waiting;
    if (!steady.delete(item) && !fresh.delete(item)) slow.delete(item);
  }

  /** Moves every instant back if the wall clock was set back, so that no item waits for the clock to catch up. */
  #followClock(): void {
    const aheadMs = this.#measureAhead();
    const driftMs = aheadMs - this.#aheadMs;
    if (Math.abs(driftMs) <= CLOCK_JUMP_MS) return;
    this.#aheadMs = aheadMs;
    if (driftMs < 0) this.#queue.shift(driftMs);
  }

  #measureAhead(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }

  #arm(pauseMs = 0): void {
    this.#cancelTimer();
    if (this.#stopped) return;
    const now = this.#clock.now();
    const delayMs = Math.max(pauseMs, this.#untilNextMs(now));
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#timerAt = Math.min(this.#queue.nextAt() ?? Number.POSITIVE_INFINITY, now + delayMs);
    this.#looksForPlace = this.#places.free === 0;
    this.#timer = this.#clock.setTimer(
      () => {
        this.#begun = 0;
        this.#looksForPlace = false;
        this.check();
      },
      Math.ceil(Math.min(MAX_TIMER_MS, Math.max(0, delayMs))),
    );
  }

  /** Returns the time until there is something to do, unless work ends earlier and frees its place. */
  #untilNextMs(now: number): number {
    const queuedMs = (this.#queue.nextAt() ?? Number.POSITIVE_INFINITY) - now;
    const isFull = this.#places.free <= 0;
    const dueMs = isFull ? Math.max(queuedMs, this.#untilRoomMs()) : queuedMs;
    if (this.#countWaiting() === 0) return dueMs;
    const isReady = STEADY_FIRST.some((room) => this.#waiting[room].size > 0 && this.#places.hasPlace(room));
    return isReady ? 0 : Math.min(dueMs, this.#places.untilSlowMs());
  }

  /**
   * Returns the time until there is a place for a due item, or until due items are taken out of the queue to wait for
   * one.
   */
  #untilRoomMs(): number {
    const crowdedMs = this.#places.untilCrowdedMs();
    const hasLooked = crowdedMs === 0 && !this.#looksFarther();
    return hasLooked || crowdedMs === Number.POSITIVE_INFINITY ? this.#places.untilSlowMs() : crowdedMs;
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#looksForPlace = false;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}
