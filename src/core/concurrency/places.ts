/**
 * The kind of work that an item counts as: `steady` items have succeeded before, `fresh` items have not succeeded yet,
 * and `slow` items took long the last time.
 */
export type Room = 'steady' | 'fresh' | 'slow';

/** The marks of items that took long: a `WeakSet`, or another set that is bounded. */
export interface SlowMarks<Item> {
  has(item: Item): boolean;
  add(item: Item): unknown;
  delete(item: Item): unknown;
}

export interface PlacesOptions<Item> {
  /** The maximum number of items in progress at once, not counting those that have become slow. */
  readonly max: number;
  /** Returns whether an item has not succeeded yet. By default, no item is fresh. */
  readonly isFresh?: (item: Item) => boolean;
  readonly slow: SlowMarks<Item>;
}

/** The work on one item, from its beginning to its end. */
export interface Place<Item> {
  readonly item: Item;
  readonly beganAt: number;
  isSlow: boolean;
  /** Whether the work has succeeded. */
  hasSucceeded: boolean;
  /** Whether the work has used the permit of the rate limit that was reserved for it. */
  hasAsked: boolean;
  /** The neighbours in the list of places that are held. */
  older: Place<Item> | undefined;
  newer: Place<Item> | undefined;
}

/** The time after which work counts as slow and gives up its place, since it is evidently waiting for something. */
const SLOW_AFTER_MS = 3_000;
/** The time after which work that holds all places no longer counts as a short burst. */
const CROWDED_AFTER_MS = 200;
/** The share of the places that fresh work may hold; the rest is reserved for steady work. */
const FRESH_SHARE = 3 / 4;
/**
 * The maximum number of slow items, as a multiple of the places. Beyond it, work keeps its place even if it takes long,
 * so that sockets and memory are bounded.
 */
const MAX_SLOW = 3;

/**
 * Assigns places to work so that work that hangs does not block other work. Work that has been in progress for 3 s
 * gives up its place and is counted separately as slow. The next time, its item begins only if few enough items are
 * slow, until it has succeeded in less than 3 s.
 */
export class Places<Item> {
  readonly #monotonic: () => number;
  readonly #max: number;
  readonly #maxFresh: number;
  readonly #isFresh: ((item: Item) => boolean) | undefined;
  readonly #marks: SlowMarks<Item>;
  /** The ends of the list of places that are held, in the order in which the work began. */
  #oldest: Place<Item> | undefined;
  #newest: Place<Item> | undefined;
  #quick = 0;
  #slow = 0;

  constructor(monotonic: () => number, { max, isFresh, slow }: PlacesOptions<Item>) {
    this.#monotonic = monotonic;
    this.#max = max;
    this.#maxFresh = Math.max(1, Math.floor(max * FRESH_SHARE));
    this.#isFresh = isFresh;
    this.#marks = slow;
  }

  /** Returns the number of places that are free for steady work. */
  get free(): number {
    return this.#max - this.#quick;
  }

  /** Returns the number of items in progress that have become slow or were slow when they began. */
  get slow(): number {
    return this.#slow;
  }

  roomOf(item: Item): Room {
    if (this.#marks.has(item)) return 'slow';
    return this.#isFresh?.(item) === true ? 'fresh' : 'steady';
  }

  hasPlace(room: Room): boolean {
    if (room === 'slow') return this.#slow < this.#max;
    return this.#quick < (room === 'fresh' ? this.#maxFresh : this.#max);
  }

  begin(item: Item, room: Room): Place<Item> {
    const isSlow = room === 'slow';
    const place: Place<Item> = {
      item,
      beganAt: this.#monotonic(),
      isSlow,
      hasSucceeded: true,
      hasAsked: true,
      older: undefined,
      newer: undefined,
    };
    if (isSlow) this.#slow++;
    else this.#enter(place);
    return place;
  }

  /**
   * Ends the work. A slow item that fails quickly remains slow, because it may have failed before the step at which it
   * hangs.
   */
  end(place: Place<Item>): void {
    if (place.isSlow) this.#slow--;
    else this.#leave(place);
    if (this.#monotonic() - place.beganAt >= SLOW_AFTER_MS) this.#marks.add(place.item);
    else if (place.hasSucceeded) this.#marks.delete(place.item);
  }

  /** Releases the places of all work that has become slow. */
  settle(): void {
    const before = this.#monotonic() - SLOW_AFTER_MS;
    while (this.#oldest !== undefined && this.#oldest.beganAt <= before && this.#mayBecomeSlow()) {
      this.#oldest.isSlow = true;
      this.#leave(this.#oldest);
      this.#slow++;
    }
  }

  /**
   * Returns the time until the oldest work becomes slow and so frees its place; infinity if a place becomes free only
   * when work ends.
   */
  untilSlowMs(): number {
    return this.#mayBecomeSlow() ? this.#untilAgeMs(SLOW_AFTER_MS) : Number.POSITIVE_INFINITY;
  }

  /**
   * Returns the time until all places have been held for so long that groups have to take turns; infinity if a place is
   * free.
   */
  untilCrowdedMs(): number {
    return this.free > 0 ? Number.POSITIVE_INFINITY : this.#untilAgeMs(CROWDED_AFTER_MS);
  }

  #untilAgeMs(ageMs: number): number {
    if (this.#oldest === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#oldest.beganAt + ageMs - this.#monotonic());
  }

  #enter(place: Place<Item>): void {
    this.#quick++;
    place.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
  }

  #leave(place: Place<Item>): void {
    const { older, newer } = place;
    this.#quick--;
    place.older = undefined;
    place.newer = undefined;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }

  #mayBecomeSlow(): boolean {
    return this.#slow < MAX_SLOW * this.#max;
  }
}
