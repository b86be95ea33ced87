import type { Clock, ClockTimer } from './clock.js';
import { DueQueue, type Queued } from './due-queue.js';
import { type Place, Places, type Room } from './places.js';
import type { LocalRateLimit } from './rate-limit.js';
import { CLOCK_JUMP_MS } from './time-limits.js';
import { WaitingGroups } from './waiting-groups.js';

/** Timers run late after the machine slept and cannot be set beyond 24 days, so none is longer than this. */
const MAX_TIMER_MS = 60_000;
const MAX_RUNNING = 64;
/** After so many others have their turn: what takes no time ends before the event loop goes on, and frees its place. */
const MAX_IN_ONE_TURN = 500;
/** The maximum number of due items without a place that are looked at, so that all of their groups have a turn. */
const MAX_LOOKED_AT = 10_000;

const STEADY_FIRST: readonly Room[] = ['steady', 'fresh', 'slow'];
/**
 * The orders of rooms, turn by turn: work that has done well comes first three times out of four, so that other work
 * comes too where the pace is short.
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
  /** The maximum number of items under way at once, not counting those that have become slow. */
  readonly maxRunning?: number;
  /** Asked before each call. Without it there is none. */
  readonly pace?: Pick<LocalRateLimit, 'reserve' | 'refund'>;
  /** Items of different groups take turns where there are not enough places. Default: all are one group. */
  readonly groupOf?: (item: Item) => string;
  /** Returns whether nothing good has come of an item so far. Default: never. */
  readonly isFresh?: (item: Item) => boolean;
}

/**
 * Calls `onDue` for each item when it is due, so many at a time, with one timer. It knows items and instants, not tokens.
 * Items that hang keep no places from the others, which {@link Places} sees to.
 */
export class TimerQueue<Item extends Queued> {
  readonly #queue = new DueQueue<Item>();
  readonly #places: Places<Item>;
  /** Due, and taken out of the queue because there was no place. */
  readonly #waiting: Readonly<Record<Room, WaitingGroups<Item>>>;
  readonly #clock: Clock;
  readonly #onDue: (item: Item, place: Place<Item>) => Promise<void>;
  readonly #pace: TimerQueueOptions<Item>['pace'];
  #timer: ClockTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Whether the timer was set while there was no place, and looks whether there is one. */
  #looksForPlace = false;
  /** The number of items that have begun, or been looked at, since a timer last fired. */
  #begun = 0;
  /** Counts what begins, to tell which room comes first. */
  #turn = 0;
  #stopped = true;
  /**
   * The milliseconds by which the wall clock was ahead of the monotonic one when the instants in the queue were last in
   * step with it.
   */
  #aheadMs: number;

  /**
   * @param onDue - must not reject, and says in the place what came of it. An item is due again when it is set again.
   */
  constructor(
    clock: Clock,
    onDue: (item: Item, place: Place<Item>) => Promise<void>,
    { maxRunning = MAX_RUNNING, pace, groupOf = () => '', isFresh }: TimerQueueOptions<Item> = {},
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#pace = pace;
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

  /** Looks at the clock now: timers are hints, and the wall clock may have moved. */
  check(): void {
    this.#followClock();
    this.#places.settle();
    let pauseMs = 0;
    while (!this.#stopped) {
      const now = this.#clock.now();
      const room = this.#nextRoom(now);
      if (room === undefined) break;
      pauseMs = this.#begun >= MAX_IN_ONE_TURN ? 1 : (this.#pace?.reserve() ?? 0);
      if (pauseMs > 0) break;
      const item = this.#waiting[room].take() ?? (this.#queue.pop(now) as Item);
      this.#begin(item, room);
    }
    // A burst that fills the places again and again needs no new timer each time.
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
      if (!place.hasAsked) this.#pace?.refund();
      if ((wasFull && this.#places.free > 0) || this.#countWaiting() > 0) this.check();
    });
  }

  /** Returns the room of what is to begin next: the first that waits there or, where none does, the first in the queue. */
  #nextRoom(now: number): Room | undefined {
    const queued = this.#roomOfFirst(now);
    if (this.#countWaiting() === 0) return queued;
    for (const room of ORDERS[this.#turn % ORDERS.length] as readonly Room[]) {
      if (room === queued && this.#waiting[room].size === 0) return room;
      if (this.#waiting[room].size > 0 && this.#places.hasPlace(room)) return room;
    }
    return undefined;
  }

  /** Returns the room of the first in the queue that has a place there; those before it wait for theirs. */
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

  /** Tells whether those that wait for one of the common places are looked at, so that their groups take turns. */
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

  /** Moves every instant back with a wall clock that was set back: no item waits for that clock to catch up. */
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

  /** Returns how long it is until there is something to do, unless work ends before that and frees its place. */
  #untilNextMs(now: number): number {
    const queuedMs = (this.#queue.nextAt() ?? Number.POSITIVE_INFINITY) - now;
    const isFull = this.#places.free <= 0;
    const dueMs = isFull ? Math.max(queuedMs, this.#untilRoomMs()) : queuedMs;
    if (this.#countWaiting() === 0) return dueMs;
    const isReady = STEADY_FIRST.some((room) => this.#waiting[room].size > 0 && this.#places.hasPlace(room));
    return isReady ? 0 : Math.min(dueMs, this.#places.untilSlowMs());
  }

  /** Returns how long it is until one that is due has a place, or is looked at to wait for one. */
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
