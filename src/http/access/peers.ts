import type { Clock } from '../../core/concurrency/clock.js';
import { AcceptedPeers } from './accepted-peers.js';
import { RefusedPeers } from './refused-peers.js';

/** Remembers what a handler knows of its callers. */
export class Peers {
  readonly refused: RefusedPeers;
  /** Only for a host that bounds connections by it, since it costs something at every request. */
  accepted: AcceptedPeers | undefined;
  /** Connections that the host has closed because their peer had too many. */
  connectionsRefused = 0;
  readonly #clock: Pick<Clock, 'monotonic'>;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.refused = new RefusedPeers(clock);
  }

  /** Notes from now on whose requests are let in. */
  watchAccepted(): AcceptedPeers {
    this.accepted ??= new AcceptedPeers(this.#clock);
    return this.accepted;
  }
}

const peersOfHandlers = new WeakMap<object, Peers>();

/** Makes what a handler knows of peers available to the command. */
export function exposePeers(handler: object, peers: Peers): void {
  peersOfHandlers.set(handler, peers);
}

export function peersOf(handler: object): Peers | undefined {
  return peersOfHandlers.get(handler);
}
