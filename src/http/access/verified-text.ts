import { timingSafeEqual } from 'node:crypto';

/** Holds a secret text that was verified, and compares others with it in constant time. */
export class VerifiedText {
  readonly #bytes: Buffer;
  /** The buffer for the other text. Allocating one for each comparison would take longer than the comparison. */
  readonly #other: Buffer;

  constructor(text: string) {
    this.#bytes = Buffer.from(text);
    this.#other = Buffer.alloc(this.#bytes.length);
  }

  equals(text: string): boolean {
    const { length } = this.#bytes;
    // A text of the same length with characters outside ASCII has more bytes than the buffer, and would leave old bytes
    // at its end.
    if (text.length !== length || this.#other.write(text) !== length) return false;
    return timingSafeEqual(this.#bytes, this.#other);
  }
}
