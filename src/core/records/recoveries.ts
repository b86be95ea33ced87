import { type Events, tokenEvent } from '../model/events.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { StoreClock } from '../store/store-clock.js';
import type { BackgroundCoolDowns } from './background-cool-downs.js';
import type { Records } from './records.js';
import type { RetryStates } from './retry-states.js';

export interface RecoveriesParts {
  readonly events: Events;
  readonly records: Records;
  readonly retryStates: RetryStates;
  readonly clock: StoreClock;
}

interface Trouble {
  /** The instant at which this process first knew of the failure. */
  readonly since: number;
  /** The version of the current record at that instant, 0 without one. */
  readonly version: number;
}

const MAX_REMEMBERED = 50_000;

/**
 * Announces once that a key has a token again, after a failure that this process has announced or read from the store.
 */
export class Recoveries {
  readonly #parts: RecoveriesParts;
  readonly #coolDowns: BackgroundCoolDowns;
  readonly #troubles = boundedCache<string, Trouble>(MAX_REMEMBERED);

  constructor(parts: RecoveriesParts, coolDowns: BackgroundCoolDowns) {
    this.#parts = parts;
    this.#coolDowns = coolDowns;
    parts.events.on('refreshFailed', ({ appid, type, subject }) =>
      this.#note(subject === undefined ? { appid, type } : { appid, type, subject }),
    );
  }

  /** Checks a key after a possible change of its record, its failure or the input that its refresh lacks. */
  look(key: TokenKey): void {
    const { records, retryStates, events } = this.#parts;
    const failure = retryStates.remembered(key);
    // A failure of this process alone has been noted by its event, and stays remembered when another process succeeds.
    if (failure?.local === false) this.#note(key);
    const id = keyId(key);
    const trouble = this.#troubles.get(id);
    const held = records.cache.get(key);
    if (trouble === undefined || held === undefined || records.leftMs(held) <= 0 || records.isDue(held)) return;
    const isOver = failure === undefined && this.#coolDowns.leftMs(key) === 0;
    if (!isOver && held.version <= trouble.version) return;
    this.#troubles.delete(id);
    events.emit('recovered', { ...tokenEvent(key), since: trouble.since });
  }

  forget(key: TokenKey): void {
    this.#troubles.delete(keyId(key));
  }

  #note(key: TokenKey): void {
    const { records, clock } = this.#parts;
    const id = keyId(key);
    if (this.#troubles.has(id)) return;
    this.#troubles.set(id, { since: clock.now(), version: records.cache.get(key)?.version ?? 0 });
  }
}
