import type { Socket } from 'node:net';

/** The most that is read of a peer in one turn of the event loop, in requests; 32 fields of a header count like one. */
const MOST_IN_A_TURN = 32;
const FIELDS_OF_A_REQUEST = 32;
/** The number of waiting connections that are read in a turn: 64 KiB each take some milliseconds. */
const RESUMED_IN_A_TURN = 2;

/**
 * Has the connections of a peer read in turns while it sends much that is refused. A few hundred of them would hold up all
 * others, since all that have something to read are read before the event loop turns. They wait, and none is closed, because a
 * client with a right key may be behind the same address.
 */
export class ReadTurns {
  readonly #spent = new Map<string, number>();
  readonly #waiting = new Set<Socket>();
  #isTurning = false;

  /**
   * Counts a request that was refused.
   *
   * @returns whether the peer has reached in this turn what it may have read, for the first time.
   */
  isUsedUp(peer: string, headerFields: number): boolean {
    const before = this.#spent.get(peer) ?? 0;
    const spent = before + 1 + headerFields / FIELDS_OF_A_REQUEST;
    this.#spent.set(peer, spent);
    this.#turn();
    return before < MOST_IN_A_TURN && spent >= MOST_IN_A_TURN;
  }

  /** Lets a connection wait until it is its turn. */
  wait(socket: Socket): void {
    if (this.#waiting.has(socket)) return;
    this.#waiting.add(socket);
    socket.pause();
  }

  forget(socket: Socket): void {
    this.#waiting.delete(socket);
  }

  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    // A timer of the clock would come before what there is to read, and only after it is the turn over.
    setImmediate(() => {
      this.#isTurning = false;
      this.#spent.clear();
      this.#resume();
      if (this.#waiting.size > 0) this.#turn();
    });
  }

  #resume(): void {
    let left = RESUMED_IN_A_TURN;
    for (const socket of this.#waiting) {
      if (left === 0) return;
      left -= 1;
      this.#waiting.delete(socket);
      socket.resume();
    }
  }
}
