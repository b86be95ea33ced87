import type { Clock } from '../../core/concurrency/clock.js';
import { Counter } from '../../core/primitives/counters.js';
import { peerNetwork } from './peer-network.js';
import { RateLimit } from './rate-limit.js';
import { REFUSAL_REASONS, type Refusal, type RefusalReason } from './refusal.js';

/** The report on the refused requests of a peer. */
export interface RefusedRequests {
  /** An address, or a network of IPv6; `undefined` for connections without an address. */
  readonly peer: string | undefined;
  /** The reason for which the last of them was refused. */
  readonly reason: RefusalReason;
  /** The number of refused requests since the last report about this peer. */
  readonly count: number;
  /** The number of reports about any peer that were left out before this one. */
  readonly suppressed: number;
}

interface Peer {
  readonly limit: RateLimit;
  unreported: number;
  /** By the monotonic clock. */
  lastAt: number;
  reportedAt: number | undefined;
  throttlingReportedAt: number | undefined;
}

const BURST = 20;
const PER_SECOND = 1;
/** After this a peer has all its refusals again, so that nothing is lost with it. */
const FORGOTTEN_AFTER_MS = (BURST / PER_SECOND) * 1_000;
const MAX_PEERS = 10_000;
const REPORT_EVERY_MS = 600_000;
const REPORTS_AT_ONCE = 30;
const REPORTS_PER_SECOND = 0.5;
/** Requests refused for these reasons may be guesses of a key or a secret; the others cost nothing and find nothing out. */
const GUESSES: ReadonlySet<RefusalReason> = new Set(['noKey', 'unknownKey', 'expiredKey', 'secret']);

/** Counts refused requests, and bounds how many a peer gets answered as what they are. */
export class RefusedPeers {
  readonly counter: Counter = new Counter(REFUSAL_REASONS.map((reason) => ({ reason })));
  /** Called for the first refusal of a peer, when its limit is reached, and every ten minutes while there are more. */
  onReport: ((refused: RefusedRequests) => void) | undefined;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #reports: RateLimit;
  /** The one that was refused last is the last. */
  readonly #peers = new Map<string, Peer>();
  /** All those for which there is no room. */
  readonly #others: Peer;
  #suppressed = 0;
  /** By the monotonic clock. Until then no peer can be forgotten, so that a flood of peers is not looked through at each refusal. */
  #fullUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#reports = new RateLimit(REPORTS_PER_SECOND, clock.monotonic(), REPORTS_AT_ONCE);
    this.#others = newPeer(clock.monotonic());
  }

  /** Returns how many peers are remembered. */
  get size(): number {
    return this.#peers.size;
  }

  /**
   * Takes one refusal of the peer for a request whose secret has yet to be looked up, so that those that are looked up at once
   * are bounded too. It is given back by {@link release}, or told by {@link refuseReserved}.
   *
   * @returns whether there was one.
   */
  reserve(address: string | undefined): boolean {
    const now = this.#clock.monotonic();
    const peer = this.#peer(peerNetwork(address), now);
    peer.lastAt = now;
    return peer.limit.take(now) === 0;
  }

  /** Gives back the refusal of a request that was not refused after all. */
  release(address: string | undefined): void {
    (this.#peers.get(peerNetwork(address)) ?? this.#others).limit.giveBack();
  }

  /** Counts a refusal, and returns the one to be answered: with 429 when the peer has used up its refusals. */
  refuse(address: string | undefined, refusal: Refusal): Refusal {
    const now = this.#clock.monotonic();
    const network = peerNetwork(address);
    const peer = this.#peer(network, now);
    const retryAfterSeconds = GUESSES.has(refusal.reason) ? peer.limit.take(now) : 0;
    return this.#note(network, peer, retryAfterSeconds === 0 ? refusal : throttledFor(retryAfterSeconds));
  }

  /** Counts a refusal that was reserved, and returns it. */
  refuseReserved(address: string | undefined, refusal: Refusal): Refusal {
    const network = peerNetwork(address);
    return this.#note(network, this.#peer(network, this.#clock.monotonic()), refusal);
  }

  /**
   * Gives a peer one refusal back, because it has answered a challenge: a client that waits for one is refused before each of
   * its requests.
   */
  giveBack(address: string | undefined): void {
    if (this.#peers.size > 0) this.#peers.get(peerNetwork(address))?.limit.giveBack();
  }

  #note(network: string, peer: Peer, answered: Refusal): Refusal {
    const now = this.#clock.monotonic();
    this.counter.add({ reason: answered.reason });
    peer.lastAt = now;
    peer.unreported += 1;
    this.#report(network, peer, answered.reason, now);
    return answered;
  }

  #peer(network: string, now: number): Peer {
    const known = this.#peers.get(network);
    if (known === undefined && !this.#hasRoom(now)) return this.#others;
    const peer = known ?? newPeer(now);
    this.#peers.delete(network);
    this.#peers.set(network, peer);
    return peer;
  }

  #hasRoom(now: number): boolean {
    if (this.#peers.size < MAX_PEERS) return true;
    if (now < this.#fullUntil) return false;
    const [oldest] = this.#peers;
    if (oldest === undefined) return false;
    const [network, { lastAt }] = oldest;
    this.#fullUntil = lastAt + FORGOTTEN_AFTER_MS;
    return now >= this.#fullUntil && this.#peers.delete(network);
  }

  #report(network: string, peer: Peer, reason: RefusalReason, now: number): void {
    const isDue = isOver(peer.reportedAt, now) || (reason === 'throttled' && isOver(peer.throttlingReportedAt, now));
    if (!isDue) return;
    peer.reportedAt = now;
    if (reason === 'throttled') peer.throttlingReportedAt = now;
    if (this.#reports.take(now) > 0) {
      this.#suppressed += 1;
      return;
    }
    const about = peer === this.#others || network === '' ? undefined : network;
    const report = { peer: about, reason, count: peer.unreported, suppressed: this.#suppressed };
    peer.unreported = 0;
    this.#suppressed = 0;
    this.onReport?.(report);
  }
}

function newPeer(now: number): Peer {
  const limit = new RateLimit(PER_SECOND, now, BURST);
  return { limit, unreported: 0, lastAt: now, reportedAt: undefined, throttlingReportedAt: undefined };
}

function isOver(reportedAt: number | undefined, now: number): boolean {
  return reportedAt === undefined || now - reportedAt >= REPORT_EVERY_MS;
}

function throttledFor(retryAfterSeconds: number): Refusal {
  const message = 'too many requests of this address were refused';
  return { status: 429, reason: 'throttled', message, retryAfterSeconds };
}
