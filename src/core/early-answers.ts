import { isTokenError } from './errors.js';
import type { CachedRecord } from './record-cache.js';
import type { Records } from './records.js';
import type { Registry } from './registry.js';
import type { StoreFollower } from './store-follower.js';
import { appDocumentId, documentId, type TokenKey } from './token-key.js';

export interface EarlyAnswersParts {
  readonly registry: Registry;
  readonly records: Records;
  readonly follower: StoreFollower;
  /** The start that is under way, or a new one. */
  readonly start: () => Promise<void>;
  /** Resolves when the store has answered for the first time; `undefined` before a start. */
  readonly opened: () => Promise<void> | undefined;
  readonly isStarted: () => boolean;
}

/** What is answered of single keys after a start on a large store, before all of it is read. */
export class EarlyAnswers {
  readonly #parts: EarlyAnswersParts;

  constructor(parts: EarlyAnswersParts) {
    this.#parts = parts;
  }

  /**
   * Whether the key has a task.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async hasTask(key: TokenKey): Promise<boolean> {
    const { registry, start, isStarted } = this.#parts;
    if (registry.task(key) === undefined && !isStarted()) await this.#readTask(key);
    if (registry.task(key) === undefined) await start();
    return registry.task(key) !== undefined;
  }

  /** The record of a task that needs no attention; `undefined` where the whole has to be waited for. */
  async record(key: TokenKey): Promise<CachedRecord | undefined> {
    const { registry, records, follower, isStarted } = this.#parts;
    if (isStarted()) return undefined;
    await this.#readTask(key);
    if (registry.task(key) === undefined || !registry.knows(key.appid)) return undefined;
    const held = records.cache.get(key) ?? (await follower.read(key));
    if (held === undefined || records.isDue(held)) return undefined;
    return records.leftMs(held) > records.minValidityMs(held) ? held : undefined;
  }

  /** A store that fails here has its say in the start that is under way, and is not asked once more. */
  async #readTask(key: TokenKey): Promise<void> {
    const { registry, start, opened } = this.#parts;
    const started = start();
    started.catch(() => {});
    try {
      await (opened() ?? started);
      await Promise.all([appDocumentId(key.appid), documentId('task', key)].map((id) => registry.reload(id)));
    } catch (error) {
      if (!isTokenError(error)) throw error;
      await started;
    }
  }
}
