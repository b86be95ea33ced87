import type { Clock, ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { appidOf, parseKey, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { GrantWriter } from '../records/grant-writer.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { RetryStates } from '../records/retry-states.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { Registry } from '../registry/registry.js';
import { HISTORY_ID, type StoreHistory } from '../store/store-history.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/** The part that goes on with a store that has been replaced. */
export interface Recovery {
  readonly history: StoreHistory;
  /** Looks which history the store has. */
  look(): Promise<void>;
  /** Called when an app, or a task of it, was read again. */
  showed(appid: string): Promise<void>;
}

const LOOK_EVERY_MS = 60_000;
const RETRY_MS = 5_000;
/** So many records are checked each minute, in one round trip, and so many are gone through for that. */
const MOST_CHECKED = 100;
const MOST_PASSED = 10_000;

export interface StoreWatchParts {
  readonly store: SupervisedStore;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: RetryStates;
  readonly writer: GrantWriter;
  readonly clock: Clock;
  readonly recovery: Recovery;
  /** Once it has begun, nothing more is read, and nothing is retried. */
  readonly closing: Closing;
  /** Tells of which types WeChat pushes tokens, so that others may wait for one. */
  readonly pushed: Pick<PushedTokens, 'isPushed'>;
  readonly recordReader: RecordReader;
}

/** Keeps what this process holds in step with what others write to the store. */
export class StoreWatch {
  readonly #parts: StoreWatchParts;
  #endWatch: (() => Promise<void>) | undefined;
  readonly #missed = new Set<string | undefined>();
  #look: ClockTimer | undefined;
  #retry: ClockTimer | undefined;
  /** The records that have not been checked in this round. */
  #unchecked: Iterator<CachedRecord> | undefined;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { store, registry, recovery, closing } = this.#parts;
    // What is read from now on belongs to this history or a later one. A failing store is reported by the reads below, and is
    // looked at again soon: what it loses before it has shown its history would count as deleted.
    await recovery.history.check().catch(() => this.#lookLater(HISTORY_ID));
    if (store.canWatch) {
      this.#endWatch ??= await store.watch((id, version) => {
        this.#follow(id, version);
      });
      // A watch that begins after the stop would never be ended.
      if (closing.hasBegun) await this.stop();
    }
    this.#lookAround();
    await registry.loadAll(closing);
  }

  async stop(): Promise<void> {
    this.#look?.cancel();
    this.#retry?.cancel();
    const end = this.#endWatch;
    this.#endWatch = undefined;
    await end?.();
  }

  /**
   * Looks now and then whether the store is still the same one, and, where it tells of no changes, at all that is held.
   */
  #lookAround(): void {
    this.#look?.cancel();
    if (this.#parts.closing.hasBegun) return;
    this.#look = this.#parts.clock.setTimer(() => {
      this.#lookAround();
      const { store, recovery } = this.#parts;
      if (!store.canWatch) this.#follow(undefined);
      else if (!store.failsToRead) {
        recovery
          .look()
          .then(() => this.#spotCheck())
          .catch(() => {});
      }
    }, LOOK_EVERY_MS);
  }

  /**
   * Reads some of the held records that have a refresh token, others each time: a backup that is restored without any
   * registration since tells nothing of itself, and the newest refresh tokens would be in memory alone.
   */
  async #spotCheck(): Promise<void> {
    const keys: TokenKey[] = [];
    this.#unchecked ??= this.#parts.records.cache.records()[Symbol.iterator]();
    for (let passed = 0; passed < MOST_PASSED && keys.length < MOST_CHECKED; passed++) {
      const { done, value } = this.#unchecked.next();
      if (done === true) {
        this.#unchecked = undefined;
        break;
      }
      if (value.rotation?.token !== undefined) keys.push(value.key);
    }
    if (keys.length > 0) await this.#parts.recordReader.loadAll(keys);
  }

  #follow(id: string | undefined, version?: number): void {
    if (this.#parts.closing.hasBegun) return;
    this.#onChange(id, version).catch(() => this.#lookLater(id));
  }

  /** Has read again later what could not be read: its notification does not come twice. */
  #lookLater(id: string | undefined): void {
    const { closing, clock } = this.#parts;
    if (closing.hasBegun) return;
    this.#missed.add(id);
    this.#retry ??= clock.setTimer(() => this.#lookAtMissed(), RETRY_MS);
  }

  #lookAtMissed(): void {
    const missed = [...this.#missed];
    this.#missed.clear();
    this.#retry = undefined;
    for (const id of missed.includes(undefined) ? [undefined] : missed) this.#follow(id);
  }

  async #onChange(id: string | undefined, version: number | undefined): Promise<void> {
    const { registry, records, writer, recovery, recordReader, closing } = this.#parts;
    if (id === HISTORY_ID) {
      if (version === undefined || !(await recovery.history.isSeen(version))) await recovery.look();
      return;
    }
    if (id === undefined) {
      await recovery.look();
      await registry.loadAll(closing);
      await recordReader.loadAll([...records.cache.records()].map(({ key }) => key));
      return;
    }
    const key = parseKey(id);
    if (id.startsWith('app/') || id.startsWith('task/')) {
      if (registry.isRelevant(id)) await registry.reload(id);
      await recovery.showed(appidOf(id));
    } else if (key !== undefined && this.#concernsUs(key)) {
      await writer.idle(key);
      if (version !== undefined && version === writer.lastVersion(key)) return;
      // That read may have begun before the change.
      await recordReader.underWay(key)?.catch(() => {});
      await recordReader.read(key);
    }
  }

  #concernsUs(key: TokenKey): boolean {
    const { registry, records, failures, pushed, recordReader } = this.#parts;
    if (registry.task(key) !== undefined || records.cache.get(key) !== undefined) return true;
    // Keys that depend on it may be waiting.
    if (failures.hasRemembered(key)) return true;
    if (recordReader.underWay(key) !== undefined) return true;
    return pushed.isPushed(key.type) && registry.hasApp(key.appid);
  }
}
