import { keyIn, parseKey, type TokenKey } from '../model/token-key.js';
import type { Claim } from '../refresh/claim.js';
import { ClaimedKeys, type ClaimedKeysParts } from './claimed-keys.js';

export interface ClaimDeskParts extends Omit<ClaimedKeysParts, 'source'> {
  readonly source: () => ClaimedKeysParts['source'];
  /** Reads what is to be known of these keys, in one round trip. */
  readonly look: (keys: readonly TokenKey[]) => Promise<void>;
  /** Makes a delivery, and gives the lease back. It never rejects. */
  readonly deliver: (key: TokenKey, claim: Claim) => Promise<void>;
}

/** Passes on what this process has claimed, to be refreshed or delivered. */
export class ClaimDesk {
  readonly #parts: ClaimDeskParts;
  /** One for each claim: a single signal would collect listeners. */
  readonly #underWay = new Set<AbortController>();
  #isStopped = false;
  #claimedKeys: ClaimedKeys | undefined;

  constructor(parts: ClaimDeskParts) {
    this.#parts = parts;
  }

  /**
   * Takes the claims, and looks up together what was claimed together.
   *
   * @returns a promise for each, which never rejects and resolves when its lease has been used or given back.
   */
  take(claims: readonly Claim[]): readonly Promise<void>[] {
    const keys = claims.flatMap(({ lease: { id } }) => parseKey(id) ?? keyIn('delivery', id) ?? []);
    const looked = keys.length === 0 ? Promise.resolve() : this.#parts.look(keys);
    return claims.map((claim) => this.#take(claim, looked));
  }

  /** Aborts what is under way, so that whatever has sent nothing yet ends without sending anything. */
  stop(): void {
    this.#isStopped = true;
    for (const stopping of this.#underWay) stopping.abort();
  }

  async #take(claim: Claim, looked: Promise<void>): Promise<void> {
    const { store, look, deliver } = this.#parts;
    const { lease } = claim;
    const key = parseKey(lease.id);
    const delivered = keyIn('delivery', lease.id);
    try {
      // What cannot be read must not hold up what was claimed together with it.
      await looked.catch(() => look([key ?? delivered ?? []].flat()));
    } catch {
      // Its lease is kept until it expires, so that no process claims it again at once.
      return;
    }
    if (key !== undefined) await this.#refresh(key, claim);
    else if (delivered !== undefined) await deliver(delivered, claim);
    else await store.release(lease);
  }

  async #refresh(key: TokenKey, claim: Claim): Promise<void> {
    this.#claimedKeys ??= new ClaimedKeys({ ...this.#parts, source: this.#parts.source() });
    const stopping = new AbortController();
    if (this.#isStopped) stopping.abort();
    this.#underWay.add(stopping);
    await this.#claimedKeys.take(key, claim, stopping.signal);
    this.#underWay.delete(stopping);
  }
}
