import type { Clock, ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { parseKey, type TokenKey } from '../model/token-key.js';
import { noop } from '../primitives/noop.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { GrantWriter } from '../records/grant-writer.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { RetryStates } from '../records/retry-states.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { Registry } from '../registry/registry.js';
import { HISTORY_ID } from '../store/history-document.js';
import type { StoreHistory } from '../store/store-history.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { WriteTrial } from '../store/write-trial.js';

/** The part that continues with a store that has been replaced. */
export interface Recovery {
  readonly history: StoreHistory;
  /** Checks which history the store has. */
  check(): Promise<void>;
  /** Handles an app or a task that was read again. */
  registrationRead(id: string): Promise<void>;
}

const LOOK_EVERY_MS = 60_000;
const RETRY_MS = 5_000;
/**
 * The number of records that are checked each minute in one round trip, and the number that are visited to find them.
 */
const MOST_CHECKED = 100;
const MOST_PASSED = 10_000;

export interface StoreWatchParts {
  readonly store: SupervisedStore;
  readonly registry: Registry;
  readonly records: Records;
  readonly retryStates: RetryStates;
  readonly writer: GrantWriter;
  readonly clock: Clock;
  readonly recovery: Recovery;
  /** The closing of the manager. Once it has begun, nothing more is read or retried. */
  readonly closing: Closing;
  /** The source of which types WeChat pushes, so that keys which wait for such a token are notified. */
  readonly pushed: Pick<PushedTokens, 'isPushed'>;
  readonly recordReader: RecordReader;
}

/** Keeps the memory of this process in step with changes that others make to the store. */
export class StoreWatch {
  readonly #parts: StoreWatchParts;
  readonly #trial: WriteTrial;
  #endWatch: (() => Promise<void>) | undefined;
  readonly #missed = new Set<string | undefined>();
  #look: ClockTimer | undefined;
  #retry: ClockTimer | undefined;
  /** The records that have not been checked in this round. */
  #unchecked: Iterator<CachedRecord> | undefined;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
    this.#trial = new WriteTrial(parts.store, parts.clock);
  }

  async start(): Promise<void> {
    const { store, registry, recovery, closing } = this.#parts;
    // Everything that is read from now on belongs to this history or a later one. A failing store is reported by the
    // reads below. Its history is checked again soon: documents that it loses before it has shown its history would
    // count as deleted.
    await recovery.history.check().catch(() => this.#readLater(HISTORY_ID));
    if (store.canWatch) {
      this.#endWatch ??= await store.watch((id, version) => {
        this.#follow(id, version);
      });
      // A watch that begins after the stop would never be ended.
      if (closing.hasBegun) await this.stop();
    }
    this.#checkEachMinute();
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
   * Checks regularly whether the store is still the same, whether it accepts writes again and, if it sends no change
   * notifications, everything that is cached.
   */
  #checkEachMinute(): void {
    this.#look?.cancel();
    if (this.#parts.closing.hasBegun) return;
    this.#look = this.#parts.clock.setTimer(() => {
      this.#checkEachMinute();
      const { store, recovery } = this.#parts;
      // The store reports a failure, and the next check makes another trial.
      this.#trial.make().catch(noop);
      if (!store.canWatch) this.#follow(undefined);
      else if (!store.failsToRead) {
        recovery
          .check()
          .then(() => this.#spotCheck())
          .catch(() => {});
      }
    }, LOOK_EVERY_MS);
  }

  /**
   * Reads some of the cached records that have a refresh token, different ones each time. A restored backup does not
   * show itself without a registration since, and the newest refresh tokens would exist only in memory.
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
    this.#onChange(id, version).catch(() => this.#readLater(id));
  }

  /** Schedules another read of a document that could not be read, since its notification is not repeated. */
  #readLater(id: string | undefined): void {
    const { closing, clock } = this.#parts;
    if (closing.hasBegun) return;
    this.#missed.add(id);
    this.#retry ??= clock.setTimer(() => this.#readMissed(), RETRY_MS);
  }

  #readMissed(): void {
    const missed = [...this.#missed];
    this.#missed.clear();
    this.#retry = undefined;
    for (const id of missed.includes(undefined) ? [undefined] : missed) this.#follow(id);
  }

  async #onChange(id: string | undefined, version: number | undefined): Promise<void> {
    const { registry, records, writer, recovery, recordReader, closing } = this.#parts;
    if (id === HISTORY_ID) {
      if (version === undefined || !(await recovery.history.isSeen(version))) await recovery.check();
      return;
    }
    if (id === undefined) {
      await recovery.check();
      await registry.loadAll(closing);
      await recordReader.loadAll([...records.cache.records()].map(({ key }) => key));
      return;
    }
    const key = parseKey(id);
    if (id.startsWith('app/') || id.startsWith('task/')) {
      if (registry.isRelevant(id)) await registry.reload(id);
      await recovery.registrationRead(id);
    } else if (key !== undefined && this.#concernsUs(key)) {
      await writer.idle(key);
      if (version !== undefined && version === writer.lastVersion(key)) return;
      // That read may have begun before the change.
      await recordReader.underWay(key)?.catch(() => {});
      await recordReader.read(key);
    }
  }

  #concernsUs(key: TokenKey): boolean {
    const { registry, records, retryStates, pushed, recordReader } = this.#parts;
    if (registry.task(key) !== undefined || records.cache.get(key) !== undefined) return true;
    // Keys that depend on this one may be waiting.
    if (retryStates.hasRemembered(key)) return true;
    if (recordReader.underWay(key) !== undefined) return true;
    return pushed.isPushed(key.type) && registry.hasApp(key.appid);
  }
}
