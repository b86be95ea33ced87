/** The memory that a body gets first. Most are short. */
const FIRST_BYTES = 1_024;

/**
 * Collects the pieces of a body. They are copied, because a caller may send each byte as a piece of its own, which takes hundreds of
 * bytes of memory.
 */
export class CollectedBytes {
  #held: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#held.length, FIRST_BYTES));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    this.#held.set(piece, this.#length);
    this.#length = length;
  }

  /** Returns all bytes in one piece. */
  bytes(): Buffer {
    return this.#held.subarray(0, this.#length);
  }
}
