import type { Socket } from 'node:net';

/** The limit of requests of a peer that are read in one turn of the event loop. 32 header fields count like one request. */
const MOST_IN_A_TURN = 32;
const FIELDS_OF_A_REQUEST = 32;
/** The number of paused connections that are resumed in a turn. Reading 64 KiB from each takes some milliseconds. */
const RESUMED_IN_A_TURN = 2;

/**
 * Reads the connections of a peer in turns while many of its requests are refused. A few hundred such connections would
 * delay all others, because the event loop reads every readable connection before its next turn. They are paused and not
 * closed, because a client with a valid key may be behind the same address.
 */
export class ReadTurns {
  readonly #spent = new Map<string, number>();
  readonly #waiting = new Set<Socket>();
  #isTurning = false;

  /**
   * Counts a refused request.
   *
   * @returns whether the peer has just reached its limit for this turn.
   */
  isUsedUp(peer: string, headerFields: number): boolean {
    const before = this.#spent.get(peer) ?? 0;
    const spent = before + 1 + headerFields / FIELDS_OF_A_REQUEST;
    this.#spent.set(peer, spent);
    this.#turn();
    return before < MOST_IN_A_TURN && spent >= MOST_IN_A_TURN;
  }

  /** Pauses a connection until it is resumed in a later turn. */
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
    // `setImmediate` runs after the sockets have been read, when the turn is over. A timer of the clock would run before that.
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
