const MAX_HELD_BODY_BYTES = 1_048_576;
const MAX_HELD_BYTES = 67_108_864;
/** A share of the whole, because bodies that arrive slowly are held for as long as their caller wants. */
const MAX_HELD_BYTES_OF_APP = 16_777_216;

/**
 * Bounds the memory for bodies that are held until they are whole, so that they can be sent again: a body of at most 1 MiB,
 * 16 MiB of an app and 64 MiB in all. Other bodies are streamed.
 */
export class HeldBodies {
  readonly #ofApps = new Map<string, number>();
  #bytes = 0;

  /**
   * Reserves memory for a body until the returned function is called.
   *
   * @returns `undefined` if the body has to be streamed.
   */
  reserve(appid: string, length: number | undefined): (() => void) | undefined {
    if (length === undefined || length > MAX_HELD_BODY_BYTES || this.#bytes + length > MAX_HELD_BYTES) return undefined;
    if (this.#of(appid) + length > MAX_HELD_BYTES_OF_APP) return undefined;
    this.#add(appid, length);
    let isHeld = true;
    return () => {
      if (isHeld) this.#add(appid, -length);
      isHeld = false;
    };
  }

  #of(appid: string): number {
    return this.#ofApps.get(appid) ?? 0;
  }

  #add(appid: string, bytes: number): void {
    this.#bytes += bytes;
    const ofApp = this.#of(appid) + bytes;
    if (ofApp === 0) this.#ofApps.delete(appid);
    else this.#ofApps.set(appid, ofApp);
  }
}
