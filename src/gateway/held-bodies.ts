const MAX_HELD_BODY_BYTES = 1_048_576;
const MAX_HELD_BYTES = 67_108_864;
/** A share of the whole, because bodies that arrive slowly are held for as long as their caller wants. */
const MAX_HELD_BYTES_OF_APP = 16_777_216;

/** The memory for one body. */
export interface BodyMemory {
  /** Acquires memory for further bytes, and returns whether there was room for them: never once the memory is released. */
  acquire(bytes: number): boolean;
  /** Releases all memory of the body for good, because the body may go on to arrive after its call was answered. */
  release(): void;
}

/**
 * Bounds the memory for bodies that are held until they are whole, so that they can be sent again, and with their length: a
 * body of at most 1 MiB, 16 MiB of an app and 64 MiB in all. Other bodies are streamed.
 */
export class HeldBodies {
  readonly #ofApps = new Map<string, number>();
  #bytes = 0;

  /** Returns the memory for a body of an app, of which none is acquired yet. */
  memoryOf(appid: string): BodyMemory {
    let acquired = 0;
    let isReleased = false;
    return {
      acquire: (bytes) => {
        if (isReleased || acquired + bytes > MAX_HELD_BODY_BYTES || !this.#hasRoom(appid, bytes)) return false;
        this.#add(appid, bytes);
        acquired += bytes;
        return true;
      },
      release: () => {
        isReleased = true;
        this.#add(appid, -acquired);
        acquired = 0;
      },
    };
  }

  #hasRoom(appid: string, bytes: number): boolean {
    return this.#bytes + bytes <= MAX_HELD_BYTES && this.#of(appid) + bytes <= MAX_HELD_BYTES_OF_APP;
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
