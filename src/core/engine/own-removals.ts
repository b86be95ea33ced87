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
  /** The document of the app or the task. */
  readonly id: string;
  /** Whether it was unregistered itself, and not with its app. */
  readonly isNamed: boolean;
  readonly atMonotonic: number;
}

const REMEMBERED_FOR_MS = 24 * 3_600_000;
const MAX_REMEMBERED = 10_000;

/**
 * Remembers for a day what this process has unregistered, by the marks of the enrolments that it has ended. In a store that was
 * replaced these may come back, with a backup or with what another process puts back that has not heard of it: there they are
 * noted as ended, and deleted again. What was registered anew has other marks.
 */
export class OwnRemovals {
  readonly #parts: OwnRemovalsParts;
  readonly #own: OwnRegistrations;
  readonly #history: StoreHistory;
  /** Called when something has to be removed again. */
  readonly #wanted: () => void;
  /** The ended enrolments, by mark. */
  readonly #ended = boundedCache<string, Ended>(MAX_REMEMBERED);
  /** The marks that may be in the store in place. */
  readonly #unsettled = new Set<string>();

  constructor(parts: OwnRemovalsParts, own: OwnRegistrations, history: StoreHistory, wanted: () => void) {
    this.#parts = parts;
    this.#own = own;
    this.#history = history;
    this.#wanted = wanted;
  }

  /** Returns whether all that was unregistered here is known to be gone. */
  get isSettled(): boolean {
    return this.#unsettled.size === 0;
  }

  /**
   * Begins to unregister an app or a task, and notes that for processes that sleep. Where nothing was there the note is the first to
   * make room.
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
    // An enrolment whose mark is not known here may be stored all the same.
    if (![...marks.values()].includes(id)) {
      const [stored] = await this.#parts.store.get([id]);
      if (stored !== undefined) add(id, markFrom(stored.data));
      isThere ||= stored !== undefined;
    }
    await this.#history.noteUnregistered([id], isThere);
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
   * Removes again from a store that was replaced what was unregistered before.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async repeat(): Promise<void> {
    const { generation } = this.#history;
    const unsettled = [...this.#unsettled];
    const ended = unsettled.flatMap((mark) => {
      const found = this.#ended.peek(mark);
      // What was registered anew here is written over the earlier registration when it is put back.
      return found === undefined || this.#own.has(found.id) ? [] : [{ mark, ...found }];
    });
    // It is noted first, so that what is deleted is not put back by another process.
    await this.#history.noteUnregistered(ended.filter(({ isNamed }) => isNamed).map(({ mark }) => mark));
    const ids = new Set(ended.map(({ id }) => id));
    for (const appid of new Set([...ids].map(appidOf))) {
      await this.#remove(
        appid,
        [...ids].filter((id) => appidOf(id) === appid),
      );
    }
    if (this.#history.generation === generation) for (const mark of unsettled) this.#unsettled.delete(mark);
  }

  async #remove(appid: string, ids: readonly string[]): Promise<void> {
    const appId = appDocumentId(appid);
    const tasks = ids.filter((id) => id !== appId);
    for (const some of [...batches(tasks), ...(ids.includes(appId) ? [[appId]] : [])]) {
      await this.#parts.registrar.removeEnded(appid, some, (mark, id) => this.#ended.peek(mark)?.id === id);
    }
  }

  /** Yields the documents of an app and its tasks, or of a task, with the marks that are known of them. */
  *#held(id: string): Iterable<[id: string, mark: string | undefined]> {
    const { registry } = this.#parts;
    const appid = appidOf(id);
    const isWhole = id === appDocumentId(appid);
    for (const [ownId, { content }] of this.#own.of(appid)) {
      if (isWhole || ownId === id) yield [ownId, markFrom(content)];
    }
    if (isWhole) yield [id, registry.enrolment({ appid, type: id }).app];
    for (const { key, enrolment } of registry.tasksOf(appid)) {
      const taskId = documentId('task', key);
      if (isWhole || taskId === id) yield [taskId, enrolment];
    }
  }
}
