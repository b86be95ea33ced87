import type { Clock } from '../concurrency/clock.js';
import { markFrom } from '../model/enrolment.js';
import { appDocumentId, appidOf, documentId } from '../model/token-key.js';
import { batches } from '../primitives/batches.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { JsonObject } from '../primitives/json.js';
import type { OwnRegistrations } from '../registry/own-registrations.js';
import type { Registrar } from '../registry/registrar.js';
import type { Unregistering } from '../registry/registration-removal.js';
import type { Registry } from '../registry/registry.js';
import type { StoreHistory } from '../store/store-history.js';
import type { SupervisedStore } from '../store/supervised-store.js';

interface OwnRemovalsParts {
  readonly store: SupervisedStore;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly registrar: Registrar;
}

/** An enrolment that this process has ended. */
interface Ended {
  /** The id of the document of the app or the task. */
  readonly id: string;
  /** Whether it was unregistered itself, and not together with its app. */
  readonly isNamed: boolean;
  readonly atMonotonic: number;
}

const REMEMBERED_FOR_MS = 24 * 3_600_000;
const MAX_REMEMBERED = 10_000;

/**
 * Remembers for a day the marks of the enrolments that this process has ended. In a replaced store these enrolments may
 * come back, with a backup or because another process that was not notified puts them back. There they are recorded as
 * ended and deleted again. A new registration has other marks.
 */
export class OwnRemovals {
  readonly #parts: OwnRemovalsParts;
  readonly #own: OwnRegistrations;
  readonly #history: StoreHistory;
  /** Called when something has to be removed again. */
  readonly #wanted: () => void;
  /** The ended enrolments, by mark. */
  readonly #ended = boundedCache<string, Ended>(MAX_REMEMBERED);
  /** The marks that may exist in the current store. */
  readonly #unsettled = new Set<string>();

  constructor(parts: OwnRemovalsParts, own: OwnRegistrations, history: StoreHistory, wanted: () => void) {
    this.#parts = parts;
    this.#own = own;
    this.#history = history;
    this.#wanted = wanted;
  }

  /** Returns whether everything that was unregistered here is known to be gone. */
  get isSettled(): boolean {
    return this.#unsettled.size === 0;
  }

  /** Returns whether the enrolment with this mark was ended here and may have come back with the current store. */
  isUnsettled(mark: string): boolean {
    return this.#unsettled.has(mark) && this.#ended.peek(mark) !== undefined;
  }

  /**
   * Begins to unregister an app or a task, and records that for processes that are asleep. If the app or task did not
   * exist, its record is the first to be evicted.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async begin(id: string): Promise<Unregistering> {
    const { generation } = this.#history;
    const marks = new Map<string, string>();
    const add = (found: string, mark: string | undefined): void => {
      if (mark !== undefined && marks.size < MAX_REMEMBERED) marks.set(mark, found);
    };
    for (const [found, mark] of this.#held(id)) add(found, mark);
    let isThere = this.#own.has(id) || this.#parts.registry.versionOf(id) !== undefined;
    // An enrolment may be stored although its mark is not known here.
    if (![...marks.values()].includes(id)) {
      const [stored] = await this.#parts.store.get([id]);
      if (stored !== undefined) add(id, markFrom(stored.data));
      isThere ||= stored !== undefined;
    }
    await this.#history.notes.noteUnregistered([id], isThere);
    return {
      found: (documents) => {
        for (const document of documents) add(document.id, markFrom(document.data));
      },
      done: () => {
        this.#own.forget(id);
        const atMonotonic = this.#parts.clock.monotonic();
        for (const [mark, ended] of marks) this.#ended.set(mark, { id: ended, isNamed: ended === id, atMonotonic });
        if (this.#history.generation === generation) return;
        for (const mark of marks.keys()) this.#unsettled.add(mark);
        this.#wanted();
      },
    };
  }

  /** Notes that this is registered here, so that it is not removed again. */
  registered(content: JsonObject): void {
    const mark = markFrom(content);
    if (mark !== undefined) this.#ended.delete(mark);
  }

  /** Notes that the store was replaced. */
  replaced(): void {
    const since = this.#parts.clock.monotonic() - REMEMBERED_FOR_MS;
    for (const [mark, { atMonotonic }] of this.#ended.entries()) if (atMonotonic > since) this.#unsettled.add(mark);
  }

  /**
   * Removes from a replaced store again what was unregistered before.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async repeat(): Promise<void> {
    const { generation } = this.#history;
    const unsettled = [...this.#unsettled];
    const ended = unsettled.flatMap((mark) => {
      const found = this.#ended.peek(mark);
      // An enrolment that was registered anew here is overwritten when it is put back.
      if (found === undefined || this.#own.has(found.id) || this.#history.hasRegistered(found.id)) return [];
      return [{ mark, ...found }];
    });
    // The removal is recorded first, so that no other process puts the deleted documents back.
    await this.#history.notes.noteUnregistered(ended.filter(({ isNamed }) => isNamed).map(({ mark }) => mark));
    const ids = new Set(ended.map(({ id }) => id));
    for (const appid of new Set([...ids].map(appidOf))) {
      await this.#remove(
        appid,
        [...ids].filter((id) => appidOf(id) === appid),
      );
    }
    if (this.#history.generation !== generation) return;
    for (const mark of unsettled) {
      if (this.#history.hasRegistered(this.#ended.peek(mark)?.id ?? '')) this.#ended.delete(mark);
      this.#unsettled.delete(mark);
    }
  }

  async #remove(appid: string, ids: readonly string[]): Promise<void> {
    const appId = appDocumentId(appid);
    const tasks = ids.filter((id) => id !== appId);
    for (const some of [...batches(tasks), ...(ids.includes(appId) ? [[appId]] : [])]) {
      await this.#parts.registrar.removeEnded(appid, some, (mark, id) => this.#hasEnded(mark, id));
    }
  }

  /**
   * Returns whether the enrolment with this mark was ended here. Another process that has found it in the replaced store
   * may have registered it again, which is noted under the lease that is held now.
   */
  async #hasEnded(mark: string, id: string): Promise<boolean> {
    if (this.#ended.peek(mark)?.id !== id) return false;
    const { generation } = this.#history;
    await this.#history.check();
    return this.#history.generation === generation && !this.#history.hasRegistered(id);
  }

  /** Yields the documents of an app and its tasks, or of a task, with their known marks. */
  *#held(id: string): Iterable<[id: string, mark: string | undefined]> {
    const { registry } = this.#parts;
    const appid = appidOf(id);
    const isWhole = id === appDocumentId(appid);
    for (const ownId of isWhole ? this.#own.ids(appid) : [id]) {
      const own = this.#own.get(ownId);
      if (own !== undefined) yield [ownId, markFrom(own.content)];
    }
    if (isWhole) yield [id, registry.enrolment({ appid, type: id }).app];
    for (const { key, enrolment } of registry.tasksOf(appid)) {
      const taskId = documentId('task', key);
      if (isWhole || taskId === id) yield [taskId, enrolment];
    }
  }
}
