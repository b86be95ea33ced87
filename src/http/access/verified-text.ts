import { timingSafeEqual } from 'node:crypto';

/** Holds a secret text that was found right, and compares it in a time that does not tell where another text differs. */
export class VerifiedText {
  readonly #bytes: Buffer;
  /** The text that is compared, as bytes: a buffer made for each comparison would take longer than the comparison. */
  readonly #other: Buffer;

  constructor(text: string) {
    this.#bytes = Buffer.from(text);
    this.#other = Buffer.alloc(this.#bytes.length);
  }

  equals(text: string): boolean {
    const { length } = this.#bytes;
    // A text of this length has more bytes where it is not ASCII, and then leaves bytes of the one before in the buffer.
    if (text.length !== length || this.#other.write(text) !== length) return false;
    return timingSafeEqual(this.#bytes, this.#other);
  }
}
