const MAX_HELD_BODY_BYTES = 1_048_576;
const MAX_HELD_BYTES = 67_108_864;

/**
 * Bounds the memory for bodies that are held until they are whole, so that they can be sent again: a body of at most 1 MiB,
 * and 64 MiB in all. Other bodies are streamed.
 */
export class HeldBodies {
  #bytes = 0;

  /**
   * Reserves memory for a body until the returned function is called.
   *
   * @returns `undefined` if the body has to be streamed.
   */
  reserve(length: number | undefined): (() => void) | undefined {
    if (length === undefined || length > MAX_HELD_BODY_BYTES || this.#bytes + length > MAX_HELD_BYTES) return undefined;
    this.#bytes += length;
    let isHeld = true;
    return () => {
      if (isHeld) this.#bytes -= length;
      isHeld = false;
    };
  }
}
