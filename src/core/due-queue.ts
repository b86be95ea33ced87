import FlatQueue from 'flatqueue';

interface Slot {
  readonly id: string;
  at: number;
}

/** Ids by the instant at which each is due. An id stands in it once; setting it again moves it. */
export class DueQueue {
  readonly #queue = new FlatQueue<number>();
  readonly #numbers = new Map<string, number>();
  readonly #slots = new Map<number, Slot>();
  #nextNumber = 0;

  get size(): number {
    return this.#numbers.size;
  }

  set(id: string, at: number): void {
    this.delete(id);
    const number = this.#nextNumber++;
    this.#numbers.set(id, number);
    this.#slots.set(number, { id, at });
    this.#queue.push(number, at);
    if (this.#queue.length > 2 * this.size + 1_000) this.#compact();
  }

  delete(id: string): void {
    const number = this.#numbers.get(id);
    if (number === undefined) return;
    this.#numbers.delete(id);
    this.#slots.delete(number);
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
    const number = this.#queue.pop() as number;
    const { id } = this.#slots.get(number) as Slot;
    this.delete(id);
    return id;
  }

  #dropMoved(): void {
    for (let number = this.#queue.peek(); number !== undefined && !this.#slots.has(number); ) {
      this.#queue.pop();
      number = this.#queue.peek();
    }
  }

  #compact(): void {
    this.#queue.clear();
    for (const [number, slot] of this.#slots) this.#queue.push(number, slot.at);
    this.#queue.shrink();
  }
}
