import type { Clock } from '../../core/concurrency/clock.js';
import { AcceptedPeers } from './accepted-peers.js';
import { RefusedPeers } from './refused-peers.js';

/** Remembers what a handler knows about its callers. */
export class Peers {
  readonly refused: RefusedPeers;
  /**
   * The peers whose requests were let in. They are recorded only for a host that limits connections, because recording
   * costs time at every request.
   */
  accepted: AcceptedPeers | undefined;
  /** The number of connections that the host has closed because their peer had too many. */
  connectionsRefused = 0;
  readonly #clock: Pick<Clock, 'monotonic'>;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.refused = new RefusedPeers(clock);
  }

  /** Starts to record the peers whose requests are let in. */
  watchAccepted(): AcceptedPeers {
    this.accepted ??= new AcceptedPeers(this.#clock);
    return this.accepted;
  }
}

const peersOfHandlers = new WeakMap<object, Peers>();

/** Makes the peers of a handler available to the command. */
export function exposePeers(handler: object, peers: Peers): void {
  peersOfHandlers.set(handler, peers);
}

export function peersOf(handler: object): Peers | undefined {
  return peersOfHandlers.get(handler);
}
