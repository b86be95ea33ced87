import type { Clock } from '../concurrency/clock.js';
import type { StoredDocument } from '../model/store.js';
import { seal, unseal } from '../store/document-codec.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { RegistrationLease } from './registration-lease.js';

/** The time after which a removal whose process has died is no longer respected. */
const LASTS_MS = 600_000;
const MAX_ROUNDS = 10;

/**
 * Returns the id of the document that marks an app as being removed. The sweep of limits deletes marks that are left.
 */
export function removalMarkId(appid: string): string {
  return `limit/${appid}/~removal`;
}

/**
 * Returns whether existing documents of the app are about to be deleted. A registration then has to write every
 * document that it depends on, even if it is stored already, so that it is not mistaken for an old one.
 */
export function isBeingRemoved(mark: StoredDocument | undefined, now: number): boolean {
  if (mark === undefined) return false;
  try {
    const { until } = unseal(mark);
    // A mark that lasts longer was written before the clock was set back.
    return typeof until === 'number' && until > now && until <= now + 2 * LASTS_MS;
  } catch {
    // An unreadable mark counts as a removal, since a needless write does no harm.
    return true;
  }
}

/** Sets and clears the mark of an app that is being removed. */
export class RemovalMark {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;

  constructor(store: SupervisedStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Sets the mark. This has to be repeated in each step of a removal.
   *
   * @returns the version of the mark; `undefined` if other writers were faster each time.
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
   * Clears the mark. A mark that remains does no harm for long.
   *
   * @param known - the version of the mark, if it is known.
   */
  async clear({ appid }: RegistrationLease, known?: number): Promise<void> {
    const id = removalMarkId(appid);
    if (known !== undefined && (await this.#store.delete(id, known))) return;
    const [before] = await this.#store.get([id]);
    if (before !== undefined) await this.#store.delete(id, before.version);
  }
}
