import type { Socket } from 'node:net';
import { WaitingGroups } from '../../../core/concurrency/waiting-groups.js';
import { peerNetwork } from '../../../http/access/peer-network.js';

/** A connection that has not been sent yet, with its peer, which a closed connection no longer tells. */
interface Waiting {
  readonly socket: Socket;
  readonly peer: string;
}

/**
 * Sends connections to a worker one at a time, for which the peers take turns. A worker takes one connection in a turn of
 * its event loop, so that a flood of connections of a few peers would otherwise delay those of all others.
 */
export class HandOver {
  readonly #send: (socket: Socket, sent: () => void) => void;
  readonly #mostUnsent: number;
  readonly #waiting = new WaitingGroups<Waiting>(({ peer }) => peer);
  readonly #unsent = new Set<Socket>();
  #isSending = false;
  #emptied: (() => void) | undefined;

  /**
   * @param send - sends a connection, and calls `sent` when the next one may be sent.
   * @param mostUnsent - the limit of connections that were not sent yet. Beyond it, one of the peer with the most is closed.
   */
  constructor(send: (socket: Socket, sent: () => void) => void, mostUnsent: number) {
    this.#send = send;
    this.#mostUnsent = mostUnsent;
  }

  /** Returns the connections that were not sent yet. */
  get unsent(): readonly Socket[] {
    return [...this.#unsent];
  }

  hand(socket: Socket): void {
    this.#unsent.add(socket);
    this.#waiting.add({ socket, peer: peerNetwork(socket.remoteAddress) });
    if (this.#unsent.size > this.#mostUnsent) this.#closeOne();
    this.#sendNext();
  }

  #closeOne(): void {
    const closed = this.#waiting.takeFromLargest();
    if (closed === undefined) return;
    this.#unsent.delete(closed.socket);
    closed.socket.destroy();
  }

  /** Calls `emptied` once all connections have been sent. */
  whenEmpty(emptied: () => void): void {
    if (this.#unsent.size === 0) emptied();
    else this.#emptied = emptied;
  }

  #sendNext(): void {
    if (this.#isSending) return;
    const next = this.#waiting.take();
    if (next === undefined) return;
    this.#isSending = true;
    this.#send(next.socket, () => {
      this.#isSending = false;
      this.#unsent.delete(next.socket);
      if (this.#unsent.size === 0) this.#emptied?.();
      this.#sendNext();
    });
  }
}
