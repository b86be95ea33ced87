/**
 * The kind of work that an item counts as: `steady` has done well, `fresh` has yet to, `slow` took long the last time.
 */
export type Room = 'steady' | 'fresh' | 'slow';

/** Remembers which items took long: a `WeakSet`, or something with a bound. */
export interface SlowMarks<Item> {
  has(item: Item): boolean;
  add(item: Item): unknown;
  delete(item: Item): unknown;
}

export interface PlacesOptions<Item> {
  /** The maximum number of items under way at once, not counting those that have become slow. */
  readonly max: number;
  /** Returns whether nothing good has come of an item so far. Default: never. */
  readonly isFresh?: (item: Item) => boolean;
  readonly slow: SlowMarks<Item>;
}

/** Something under way, from its beginning to its end. */
export interface Place<Item> {
  readonly item: Item;
  readonly beganAt: number;
  isSlow: boolean;
  /** Whether it has done well. */
  hasSucceeded: boolean;
  /** Whether it has used what the pace allowed it. */
  hasAsked: boolean;
  /** Its neighbours among those that hold a place. */
  older: Place<Item> | undefined;
  newer: Place<Item> | undefined;
}

/** From then on work is slow: it waits for something, and holds its place no longer. */
const SLOW_AFTER_MS = 3_000;
/** Work that holds all places for so long is no burst that is over at once. */
const CROWDED_AFTER_MS = 200;
/** Fresh work leaves the rest to what has done well. */
const FRESH_SHARE = 3 / 4;
/** With so many times the places that have become slow, further ones keep theirs: sockets and memory are bounded. */
const MAX_SLOW = 3;

/**
 * Divides places, so that work which hangs keeps none from other work. Whatever has been under way for 3 s gives its place up
 * and is counted apart; the next time it begins only if few enough are slow, until it has succeeded in less.
 */
export class Places<Item> {
  readonly #monotonic: () => number;
  readonly #max: number;
  readonly #maxFresh: number;
  readonly #isFresh: ((item: Item) => boolean) | undefined;
  readonly #marks: SlowMarks<Item>;
  /** The ends of the list of places held, in the order in which their items began. */
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

  /** Returns how many places are free for work that has done well. */
  get free(): number {
    return this.#max - this.#quick;
  }

  /** Returns how many are under way that have become slow, or were slow before they began. */
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

  /** Ends what has begun. What was slow stays so when it fails quickly: it may have had no time to hang. */
  end(place: Place<Item>): void {
    if (place.isSlow) this.#slow--;
    else this.#leave(place);
    if (this.#monotonic() - place.beganAt >= SLOW_AFTER_MS) this.#marks.add(place.item);
    else if (place.hasSucceeded) this.#marks.delete(place.item);
  }

  /** Takes the places from all that have become slow. */
  settle(): void {
    const before = this.#monotonic() - SLOW_AFTER_MS;
    while (this.#oldest !== undefined && this.#oldest.beganAt <= before && this.#mayBecomeSlow()) {
      this.#oldest.isSlow = true;
      this.#leave(this.#oldest);
      this.#slow++;
    }
  }

  /** Returns how long it is until a place becomes free by itself: endless when one must end first. */
  untilSlowMs(): number {
    return this.#mayBecomeSlow() ? this.#untilAgeMs(SLOW_AFTER_MS) : Number.POSITIVE_INFINITY;
  }

  /** Returns how long it is until what begins next is to be chosen fairly, since no place becomes free in a moment. */
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
