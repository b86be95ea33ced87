import FlatQueue from 'flatqueue';

/** An item that can be in at most one queue at a time. */
export interface Queued {
  /** The index of the item in its queue, which only the queue sets; {@link NOT_QUEUED} if the item is in no queue. */
  place: number;
}

export const NOT_QUEUED = -1;

const FIRST_CAPACITY = 64;

/**
 * Orders items by the instant at which each is due. An item is in the queue at most once; setting it again moves it.
 * For a million items the queue consists of two arrays and a heap of numbers, without an object for each item.
 */
export class DueQueue<Item extends Queued> {
  /**
   * The indexes of items, ordered by instant. An item that was moved or deleted leaves an outdated entry behind, which
   * is dropped when it reaches the front.
   */
  readonly #queue = new FlatQueue<number>();
  readonly #items: (Item | undefined)[] = [];
  #dues = new Float64Array(FIRST_CAPACITY);
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  set(item: Item, at: number): void {
    if (item.place === NOT_QUEUED) this.#enter(item);
    else if (this.#dues[item.place] === at) return;
    this.#dues[item.place] = at;
    this.#queue.push(item.place, at);
    if (this.#queue.length > 2 * this.size + 1_000) this.#compact();
  }

  delete(item: Item): void {
    const { place } = item;
    if (place === NOT_QUEUED) return;
    item.place = NOT_QUEUED;
    this.#items[place] = undefined;
    this.#dues[place] = Number.NaN;
    this.#free.push(place);
  }

  /** Returns the earliest instant; `undefined` if the queue is empty. */
  nextAt(): number | undefined {
    this.#dropMoved();
    return this.#queue.peekValue();
  }

  /** Returns the earliest item that is due at `now`; `undefined` if no item is due. */
  first(now: number): Item | undefined {
    const at = this.nextAt();
    if (at === undefined || at > now) return undefined;
    return this.#items[this.#queue.peek() as number];
  }

  /** Removes and returns the earliest item that is due at `now`. */
  pop(now: number): Item | undefined {
    const item = this.first(now);
    if (item === undefined) return undefined;
    this.#queue.pop();
    this.delete(item);
    return item;
  }

  /** Moves every instant by `ms`. */
  shift(ms: number): void {
    for (let place = 0; place < this.#items.length; place++) this.#dues[place] = (this.#dues[place] as number) + ms;
    this.#compact();
  }

  #enter(item: Item): void {
    const place = this.#free.pop() ?? this.#items.length;
    item.place = place;
    this.#items[place] = item;
    if (place < this.#dues.length) return;
    const dues = new Float64Array(2 * this.#dues.length);
    dues.set(this.#dues);
    this.#dues = dues;
  }

  #dropMoved(): void {
    for (let place = this.#queue.peek(); place !== undefined; place = this.#queue.peek()) {
      if (this.#dues[place] === this.#queue.peekValue()) return;
      this.#queue.pop();
    }
  }

  #compact(): void {
    this.#queue.clear();
    for (const item of this.#items)
      if (item !== undefined) this.#queue.push(item.place, this.#dues[item.place] as number);
    this.#queue.shrink();
  }
}
