import { keyIn, parseKey, type TokenKey } from '../model/token-key.js';
import type { CallbackRelay } from '../refresh/callback-relay.js';
import type { Claim } from '../refresh/claim.js';
import type { RegistrationLoader } from '../refresh/registration-loader.js';
import type { DueHandler } from '../refresh/scheduler.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { ClaimedKeys } from './claimed-keys.js';
import type { UnreadableClaims } from './unreadable-claims.js';

export interface ClaimDispatcherParts {
  readonly store: SupervisedStore;
  readonly registrationLoader: RegistrationLoader;
  readonly callbacks: CallbackRelay;
  readonly unreadable: UnreadableClaims;
}

/** Passes claims on to the parts that refresh keys or make deliveries. */
export class ClaimDispatcher {
  readonly #parts: ClaimDispatcherParts;
  readonly #claimedKeys: ClaimedKeys;
  /** The abort controllers of claims in progress, one for each, since a single signal would collect listeners. */
  readonly #underWay = new Set<AbortController>();
  #isStopped = false;
  #handler: DueHandler | undefined;

  constructor(parts: ClaimDispatcherParts, claimedKeys: ClaimedKeys) {
    this.#parts = parts;
    this.#claimedKeys = claimedKeys;
  }

  /** Sets the handler that refreshes the keys that are claimed from now on. */
  start(handler: DueHandler): void {
    this.#handler = handler;
  }

  /**
   * Accepts claims and loads together what these need.
   *
   * @returns a promise for each claim, which never rejects and resolves when the lease has been used, released or left.
   */
  dispatch(claims: readonly Claim[]): readonly Promise<void>[] {
    const keys = claims.flatMap(({ lease: { id } }) => parseKey(id) ?? keyIn('delivery', id) ?? []);
    const loaded = keys.length === 0 ? Promise.resolve() : this.#parts.registrationLoader.load(keys);
    return claims.map((claim) => this.#take(claim, loaded));
  }

  /** Aborts the work in progress, so that a claim for which nothing has been sent yet ends without sending anything. */
  stop(): void {
    this.#isStopped = true;
    for (const stopping of this.#underWay) stopping.abort();
  }

  async #take(claim: Claim, loaded: Promise<void>): Promise<void> {
    const { store, registrationLoader, callbacks, unreadable } = this.#parts;
    const { lease } = claim;
    const key = parseKey(lease.id);
    const delivered = keyIn('delivery', lease.id);
    try {
      // An unreadable document must not block the other claims of the batch.
      await loaded.catch(() => registrationLoader.load([key ?? delivered ?? []].flat()));
    } catch {
      unreadable.leave(lease);
      return;
    }
    if (key !== undefined && this.#handler !== undefined) await this.#refresh(key, claim, this.#handler);
    else if (delivered !== undefined) await callbacks.deliver(delivered, lease);
    else await store.release(lease);
  }

  async #refresh(key: TokenKey, claim: Claim, handler: DueHandler): Promise<void> {
    const stopping = new AbortController();
    if (this.#isStopped) stopping.abort();
    this.#underWay.add(stopping);
    await this.#claimedKeys.handle(key, claim, handler, stopping.signal);
    this.#underWay.delete(stopping);
  }
}
