import { isTokenError } from '../model/errors.js';
import { chooseInput } from '../model/rotation.js';
import { appDocumentId, documentId, registrationIds, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { Registry } from '../registry/registry.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { StoreClock } from '../store/store-clock.js';
import type { Lifecycle } from './lifecycle.js';

export interface ColdLookupsParts {
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly recordReader: RecordReader;
  readonly documents: KeyDocuments;
  readonly lifecycle: Lifecycle;
}

/**
 * Answers questions about single apps and keys while not everything is cached: after a start on a large store, or in a
 * fleet.
 */
export class ColdLookups {
  readonly #parts: ColdLookupsParts;

  constructor(parts: ColdLookupsParts) {
    this.#parts = parts;
  }

  /**
   * Returns whether the key has a task. The answer `false` is always confirmed by the store.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async hasTask(key: TokenKey): Promise<boolean> {
    const { registry, lifecycle } = this.#parts;
    const has = (): boolean => registry.task(key) !== undefined;
    if (has()) return true;
    const wasStarted = lifecycle.isStarted;
    if (!wasStarted) await this.#readTask(key);
    if (has()) return true;
    await lifecycle.start();
    // The task may have been registered elsewhere and the notification not have arrived yet.
    if (wasStarted && !registry.holdsAll) await registry.reload(documentId('task', key));
    return has();
  }

  /**
   * Returns whether the key has a task, or a stored or cached record.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async knows(key: TokenKey): Promise<boolean> {
    const { records, documents } = this.#parts;
    if (records.cache.get(key) !== undefined || (await this.hasTask(key))) return true;
    return (await documents.read(key)).version > 0;
  }

  /**
   * Returns whether only a refresh token that a caller has offered can refresh the key: what is stored was refused or has
   * expired, or nothing is. It returns `false` if the store fails, since what is cached can be served then.
   */
  async needs(key: TokenKey, offered: string): Promise<boolean> {
    const { clock, registry, records, documents } = this.#parts;
    if (records.cache.get(key)?.rotation?.token === offered) return false;
    try {
      const { rotation, grant } = await documents.read(key);
      const isUntried = rotation?.token === undefined && rotation?.refused === undefined;
      const isServable = (grant?.expiresAt ?? 0) > clock.now();
      if (isUntried) return registry.task(key)?.params === undefined && !isServable;
      const choice = chooseInput(rotation, offered, 'stored', clock.now());
      return choice.kind === 'send' && !choice.stored;
    } catch (error) {
      if (isUnavailable(error)) return false;
      throw error;
    }
  }

  /**
   * Returns whether the app is registered with a matching secret, by the cached app; `undefined` if the store has to be
   * asked.
   */
  heldSecret(appid: string, fits: (secret: string) => boolean): boolean | undefined {
    const { registry, lifecycle } = this.#parts;
    if (hasSecret(registry, appid, fits)) return true;
    return registry.holdsAll && lifecycle.isStarted ? false : undefined;
  }

  /** Returns whether the app is cached. */
  holdsApp(appid: string): boolean {
    return this.#parts.registry.hasApp(appid);
  }

  /**
   * Returns whether the app is registered with a matching secret. It returns `false` if the app is unreadable;
   * otherwise the store has confirmed a `false`.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async hasSecret(appid: string, fits: (secret: string) => boolean): Promise<boolean> {
    const { registry, lifecycle } = this.#parts;
    await lifecycle.start();
    if (registry.holdsAll) return hasSecret(registry, appid, fits);
    const wasHeld = registry.hasApp(appid);
    await registry.loadApp(appid);
    // The secret may have been changed elsewhere and the notification not have arrived yet.
    if (wasHeld && !hasSecret(registry, appid, fits)) await registry.reload(appDocumentId(appid));
    return hasSecret(registry, appid, fits);
  }

  /**
   * Returns the record of a task if it can be served at once; `undefined` if the caller has to wait for the complete
   * start. A usable cached record is served without the store, which may have become unavailable: an incomplete start
   * says nothing about the record.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async record(key: TokenKey, wishMs: number): Promise<CachedRecord | undefined> {
    const { records, recordReader, lifecycle } = this.#parts;
    if (lifecycle.isStarted) return undefined;
    const held = records.cache.get(key);
    const isFresh = held !== undefined && !records.isDue(held) && !records.needsConfirmation(held);
    if (isFresh && this.#isRegistered(key) && this.#lasts(held, wishMs)) return held;
    try {
      await this.#readTask(key);
    } catch (error) {
      if (isUnavailable(error) && held !== undefined && this.#lasts(held, wishMs)) return held;
      throw error;
    }
    if (!this.#isRegistered(key)) return undefined;
    const found = records.cache.get(key) ?? (await recordReader.read(key));
    return found !== undefined && !records.isDue(found) && this.#lasts(found, wishMs) ? found : undefined;
  }

  /**
   * Returns the cached record of a task if it needs at most to be confirmed by the store, which is started in the
   * background. `acquire` gives the same answer, but its promises and timers cost more than the rest of a request.
   */
  confirming(appid: string, type: string): CachedRecord | undefined {
    const { registry, records, recordReader, lifecycle } = this.#parts;
    if (!lifecycle.isStarted) return undefined;
    records.checkForClockStep();
    const held = records.cache.find(appid, type, undefined);
    if (held === undefined || records.isDue(held) || !this.#lasts(held, 0)) return undefined;
    const { key } = held;
    if (registry.task(key) === undefined || !registry.isCached(key) || !isReadable(registry, appid)) return undefined;
    recordReader.confirmInBackground(held);
    records.trust(held);
    return held;
  }

  #isRegistered(key: TokenKey): boolean {
    const { registry } = this.#parts;
    return registry.task(key) !== undefined && registry.hasApp(key.appid);
  }

  #lasts(held: CachedRecord, wishMs: number): boolean {
    const { records } = this.#parts;
    return records.leftMs(held) > Math.max(records.minValidityMs(held), wishMs);
  }

  /**
   * Reads a task and its app. If the store fails, the start in progress reports it, and the store is not asked again.
   */
  async #readTask(key: TokenKey): Promise<void> {
    const { registry, lifecycle } = this.#parts;
    const started = lifecycle.start();
    started.catch(() => {});
    try {
      await (lifecycle.opened ?? started);
      await Promise.all(registrationIds(key).map((id) => registry.reload(id)));
    } catch (error) {
      if (!isTokenError(error)) throw error;
      await started;
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return isTokenError(error) && error.code === 'STORE_UNAVAILABLE';
}

/** Returns whether the app is readable. An unreadable one is reported as an error by the calls that wait. */
function isReadable(registry: Registry, appid: string): boolean {
  try {
    return registry.app(appid) !== undefined;
  } catch {
    return false;
  }
}

function hasSecret(registry: Registry, appid: string, fits: (secret: string) => boolean): boolean {
  try {
    const secret = registry.app(appid)?.secret;
    return secret !== undefined && fits(secret);
  } catch {
    return false;
  }
}
