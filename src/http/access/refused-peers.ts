import type { Clock } from '../../core/concurrency/clock.js';
import { RateLimiter } from '../../core/concurrency/rate-limit.js';
import { Counter } from '../../core/primitives/counters.js';
import { peerNetwork } from './peer-network.js';
import { REFUSAL_REASONS, type Refusal, type RefusalReason, wholeSeconds } from './refusal.js';

/** The report on the refused requests of a peer. */
export interface RefusedRequests {
  /** The address of the peer, or its network for IPv6; `undefined` for connections without an address. */
  readonly peer: string | undefined;
  /** The reason for the last of the refusals. */
  readonly reason: RefusalReason;
  /** The number of refused requests since the last report about this peer. */
  readonly count: number;
  /** The number of reports about any peer that were left out before this one. */
  readonly suppressed: number;
}

interface Peer {
  readonly limit: RateLimiter;
  unreported: number;
  /** The time of the last refusal, on the monotonic clock. */
  lastAt: number;
  reportedAt: number | undefined;
  throttlingReportedAt: number | undefined;
}

const BURST = 20;
const PER_SECOND = 1;
/** The time after which a peer is forgotten. By then its limit has recovered completely, so that nothing is lost. */
const FORGOTTEN_AFTER_MS = (BURST / PER_SECOND) * 1_000;
const MAX_PEERS = 10_000;
const REPORT_EVERY_MS = 600_000;
const REPORTS_AT_ONCE = 30;
const REPORTS_PER_SECOND = 0.5;
/**
 * The reasons for which a request may be a guess of a key or a secret. Other refusals reveal nothing to a guesser. A request
 * without a key is none: many clients send their key only after a 401, so that a 429 would lock them out.
 */
const GUESSES: ReadonlySet<RefusalReason> = new Set(['unknownKey', 'expiredKey', 'secret']);

/** Counts refused requests, and limits how many of a peer are answered with their reason. Further ones get a 429. */
export class RefusedPeers {
  readonly counter: Counter = new Counter(REFUSAL_REASONS.map((reason) => ({ reason })));
  /**
   * Receives a report about a peer at its first refusal, when its limit is reached, and every ten minutes while refusals
   * continue.
   */
  onReport: ((refused: RefusedRequests) => void) | undefined;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #reports: RateLimiter;
  /** The peers by network; the one that was refused last comes last. */
  readonly #peers = new Map<string, Peer>();
  /** The peer that stands for all peers for which there is no room. */
  readonly #others: Peer;
  #suppressed = 0;
  /**
   * The monotonic time before which no peer can be forgotten, so that a flood of new peers does not cause a search at
   * each refusal.
   */
  #fullUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#reports = new RateLimiter(REPORTS_PER_SECOND, REPORTS_AT_ONCE);
    this.#others = newPeer(clock.monotonic());
  }

  /** Returns the number of remembered peers. */
  get size(): number {
    return this.#peers.size;
  }

  /**
   * Reserves a refusal for a request whose secret has to be looked up, so that concurrent look-ups are limited as well.
   * It is returned by {@link release}, or used by {@link refuseReserved}.
   *
   * @returns whether a refusal was left.
   */
  reserve(address: string | undefined): boolean {
    const now = this.#clock.monotonic();
    const peer = this.#peer(peerNetwork(address), now);
    peer.lastAt = now;
    return peer.limit.reserve(now) === 0;
  }

  /** Returns the reserved refusal of a request that was not refused. */
  release(address: string | undefined): void {
    (this.#peers.get(peerNetwork(address)) ?? this.#others).limit.refund();
  }

  /** Counts a refusal, and returns the one to answer with: 429 if the peer has used up its refusals. */
  refuse(address: string | undefined, refusal: Refusal): Refusal {
    const now = this.#clock.monotonic();
    const network = peerNetwork(address);
    const peer = this.#peer(network, now);
    const retryAfterSeconds = GUESSES.has(refusal.reason) ? wholeSeconds(peer.limit.reserve(now)) : 0;
    return this.#note(network, peer, retryAfterSeconds === 0 ? refusal : throttledFor(retryAfterSeconds));
  }

  /** Counts a refusal that was reserved, and returns it. */
  refuseReserved(address: string | undefined, refusal: Refusal): Refusal {
    const network = peerNetwork(address);
    return this.#note(network, this.#peer(network, this.#clock.monotonic()), refusal);
  }

  /** Returns one refusal to a peer whose secret was refused here and then accepted by WeChat. */
  giveBack(address: string | undefined): void {
    if (this.#peers.size > 0) this.#peers.get(peerNetwork(address))?.limit.refund();
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
    if (this.#reports.reserve(now) > 0) {
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
  const limit = new RateLimiter(PER_SECOND, BURST);
  return { limit, unreported: 0, lastAt: now, reportedAt: undefined, throttlingReportedAt: undefined };
}

function isOver(reportedAt: number | undefined, now: number): boolean {
  return reportedAt === undefined || now - reportedAt >= REPORT_EVERY_MS;
}

function throttledFor(retryAfterSeconds: number): Refusal {
  const message = 'too many requests from this address were refused';
  return { status: 429, reason: 'throttled', message, retryAfterSeconds };
}
