import type { Clock } from '../../core/concurrency/clock.js';
import { deleteOldest } from '../../core/primitives/oldest-entries.js';
import type { HttpRequest } from '../messages/http-message.js';
import { peerNetwork } from './peer-network.js';

const RECENT_MS = 60_000;
/** The time for which further requests of the same address are not recorded. */
const NOTED_MS = 1_000;
const MAX_PEERS = 10_000;
/** The number of peers that are removed at a time to make room. */
const PEERS_IN_A_PASS = 1_000;

/** Remembers which peers have recently sent a request that was let in, and on which connections. */
export class AcceptedPeers {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The time of the last request that was let in, by network; the most recent one comes last. */
  readonly #acceptedAt = new Map<string, number>();
  readonly #connections = new WeakSet<object>();
  #lastAddress: string | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Notes a request that was let in, which may be long after its arrival: some credentials have to be looked up. */
  note({ peer: address, connection }: Pick<HttpRequest, 'peer' | 'connection'>): void {
    if (connection !== undefined) this.#connections.add(connection);
    const now = this.#clock.monotonic();
    if (address === this.#lastAddress && now - this.#lastAt < NOTED_MS) return;
    this.#lastAddress = address;
    this.#lastAt = now;
    const network = peerNetwork(address);
    this.#acceptedAt.delete(network);
    this.#acceptedAt.set(network, now);
    if (this.#acceptedAt.size > MAX_PEERS) deleteOldest(this.#acceptedAt, PEERS_IN_A_PASS);
  }

  /** Returns whether a request of the connection was let in. */
  hasConnection(connection: object): boolean {
    return this.#connections.has(connection);
  }

  /**
   * Returns whether a request of the peer was let in recently.
   *
   * @param network - the peer, as `peerNetwork` returns it.
   */
  isRecent(network: string): boolean {
    const acceptedAt = this.#acceptedAt.get(network);
    return acceptedAt !== undefined && this.#clock.monotonic() - acceptedAt < RECENT_MS;
  }
}
