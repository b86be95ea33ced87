import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/concurrency/clock.js';
import { LookUpTurns } from '../../core/concurrency/look-up-turns.js';
import type { ColdLookups } from '../../core/engine/cold-lookups.js';
import { isAppid } from '../../core/model/token-key.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import { peerNetwork } from './peer-network.js';
import type { Peers } from './peers.js';
import type { Refusal } from './refusal.js';
import { SecretLookUps } from './secret-look-ups.js';

/** The refusal does not tell whether the app is known, which would help a guesser. */
const WRONG_SECRET: Refusal = {
  status: 401,
  reason: 'secret',
  message: 'no app with this secret is registered here; an API key is accepted as well, as Authorization: Bearer <key>',
};

/** Judges the secrets of apps that callers present, and limits their guesses. Only an app that is not in memory needs the store. */
export class SecretCheck {
  readonly #peers: Peers;
  readonly #coldLookups: ColdLookups;
  readonly #lookUps: SecretLookUps;
  /** The look-ups in progress by the network of the caller, whose limit they share. */
  readonly #turns: LookUpTurns;

  constructor(peers: Peers, coldLookups: ColdLookups, clock: Clock) {
    this.#peers = peers;
    this.#coldLookups = coldLookups;
    this.#lookUps = new SecretLookUps(clock);
    this.#turns = new LookUpTurns(clock);
  }

  /**
   * Returns the refusal of a secret; `undefined` if it is that of the app.
   *
   * @param peer - the address of the caller, whose refusals are counted.
   */
  refusal(peer: string | undefined, appid: string, secret: string): Refusal | undefined | Promise<Refusal | undefined> {
    const { refused } = this.#peers;
    const hash = secretHash(secret);
    const fits = (own: string): boolean => timingSafeEqual(Buffer.from(hash), Buffer.from(secretHash(own)));
    const fitsHeld = isAppid(appid) ? this.#coldLookups.heldSecret(appid, fits) : false;
    if (fitsHeld !== undefined) return fitsHeld ? undefined : refused.refuse(peer, WRONG_SECRET);
    // Concurrent look-ups are judged only when they end, so that a refusal is reserved for each of them in advance.
    if (this.#lookUps.isUnderWay(appid, hash)) return this.#lookUp(peer, appid, hash, fits, false);
    return this.#lookUpInTurn(peer, appid, hash, fits);
  }

  async #lookUpInTurn(
    peer: string | undefined,
    appid: string,
    hash: string,
    fits: (own: string) => boolean,
  ): Promise<Refusal | undefined> {
    const { refused } = this.#peers;
    const network = peerNetwork(peer);
    const reserve = (): boolean => refused.reserve(peer);
    const begun = this.#turns.begin(network, reserve);
    if (begun !== true && !(await begun)) return refused.refuse(peer, WRONG_SECRET);
    try {
      return await this.#lookUp(peer, appid, hash, fits, true);
    } finally {
      this.#turns.end(network);
    }
  }

  async #lookUp(
    peer: string | undefined,
    appid: string,
    hash: string,
    fits: (own: string) => boolean,
    reserves: boolean,
  ): Promise<Refusal | undefined> {
    const { refused } = this.#peers;
    const look = async () => ({
      opens: await this.#coldLookups.hasSecret(appid, fits),
      isKnown: this.#coldLookups.holdsApp(appid),
    });
    let keepsReservation = false;
    try {
      const found = await this.#lookUps.opens(appid, hash, look);
      if (found === true) return undefined;
      if (found !== false) {
        refused.counter.add({ reason: found.reason });
        return found;
      }
      keepsReservation = true;
      return reserves ? refused.refuseReserved(peer, WRONG_SECRET) : refused.refuse(peer, WRONG_SECRET);
    } finally {
      if (reserves && !keepsReservation) refused.release(peer);
    }
  }
}
