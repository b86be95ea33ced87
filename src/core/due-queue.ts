import FlatQueue from 'flatqueue';

const FIRST_CAPACITY = 64;

/**
 * Ids by the instant at which each is due. An id stands in it once; setting it again moves it. For a million ids it is two
 * arrays, a map and a heap of numbers, and no object for each.
 */
export class DueQueue {
  /** Places, also under instants that are no longer theirs: those are dropped when they come up. */
  readonly #queue = new FlatQueue<number>();
  readonly #places = new Map<string, number>();
  readonly #ids: string[] = [];
  #dues = new Float64Array(FIRST_CAPACITY);
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.size;
  }

  set(id: string, at: number): void {
    const place = this.#places.get(id) ?? this.#newPlace(id);
    this.#dues[place] = at;
    this.#queue.push(place, at);
    if (this.#queue.length > 2 * this.size + 1_000) this.#compact();
  }

  delete(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#places.delete(id);
    this.#ids[place] = '';
    this.#dues[place] = Number.NaN;
    this.#free.push(place);
  }

  /** The earliest instant, `undefined` when the queue is empty. */
  nextAt(): number | undefined {
    this.#dropMoved();
    return this.#queue.peekValue();
  }

  /** Takes out one id that is due at `now`, the earliest first. */
  pop(now: number): string | undefined {
    const at = this.nextAt();
    if (at === undefined || at > now) return undefined;
    const id = this.#ids[this.#queue.pop() as number] as string;
    this.delete(id);
    return id;
  }

  #newPlace(id: string): number {
    const place = this.#free.pop() ?? this.#ids.length;
    this.#places.set(id, place);
    this.#ids[place] = id;
    if (place >= this.#dues.length) {
      const dues = new Float64Array(2 * this.#dues.length);
      dues.set(this.#dues);
      this.#dues = dues;
    }
    return place;
  }

  #dropMoved(): void {
    for (let place = this.#queue.peek(); place !== undefined; place = this.#queue.peek()) {
      if (this.#dues[place] === this.#queue.peekValue()) return;
      this.#queue.pop();
    }
  }

  #compact(): void {
    this.#queue.clear();
    for (const place of this.#places.values()) this.#queue.push(place, this.#dues[place] as number);
    this.#queue.shrink();
  }
}
