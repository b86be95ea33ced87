import type { Clock } from '../concurrency/clock.js';
import type { StoredDocument } from '../model/store.js';
import { seal, unseal } from '../store/document-codec.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { RegistrationLease } from './registration-lease.js';

/** A removal whose process has died is not waited for any longer. */
const LASTS_MS = 600_000;
const MAX_ROUNDS = 10;

/** Returns the id of the document that says that an app is being removed. The sweep of limits deletes what is left. */
export function removalMarkId(appid: string): string {
  return `limit/${appid}/~removal`;
}

/**
 * Tells whether documents of the app are about to be deleted, which were there before: a registration has to write what it
 * counts on, also where that is stored already, so that it is not taken for what was there before.
 */
export function isBeingRemoved(mark: StoredDocument | undefined, now: number): boolean {
  if (mark === undefined) return false;
  try {
    const { until } = unseal(mark);
    // One that ends later was written by a clock that has been set back since.
    return typeof until === 'number' && until > now && until <= now + 2 * LASTS_MS;
  } catch {
    // To write once too often does no harm.
    return true;
  }
}

/** Says, and takes back, that an app is being removed. */
export class RemovalMark {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;

  constructor(store: SupervisedStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Says it, to be repeated in each step of a removal.
   *
   * @returns the version of the mark; `undefined` where other writers were first each time.
   */
  async set({ appid }: RegistrationLease): Promise<number | undefined> {
    const id = removalMarkId(appid);
    let expected = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const data = seal(id, { until: this.#clock.now() + LASTS_MS });
      const version = await this.#store.set(id, data, expected);
      if (version !== undefined) return version;
      const [before] = await this.#store.get([id]);
      expected = before?.version ?? 0;
    }
    return undefined;
  }

  /**
   * Takes it back. One that is left does no harm for long.
   *
   * @param known - the version that it has, where that is known.
   */
  async clear({ appid }: RegistrationLease, known?: number): Promise<void> {
    const id = removalMarkId(appid);
    if (known !== undefined && (await this.#store.delete(id, known))) return;
    const [before] = await this.#store.get([id]);
    if (before !== undefined) await this.#store.delete(id, before.version);
  }
}
