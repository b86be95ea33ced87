import { type Clock, wait } from '../concurrency/clock.js';
import { noop } from '../primitives/noop.js';
import type { HistoryContent, HistoryState } from './history-document.js';
import { withNewest, withUnregistered } from './noted-changes.js';

/** The history in which changes are noted. */
export interface NotedHistory {
  /** The state that was seen last; `undefined` before the first check. */
  readonly seen: HistoryState | undefined;
  /**
   * Writes the history as changed by `change`. The write is `unneeded` if `change` returns `undefined`, or if the
   * document is in a form that this release cannot read and therefore must not replace.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`, also if the document is contended.
   */
  change(change: (seen: HistoryState) => HistoryContent | undefined): Promise<'written' | 'unneeded'>;
  /**
   * Checks which history the store has, by a read that begins after the call.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` if the history cannot be determined.
   */
  check(): Promise<void>;
}

/**
 * The age of a history up to which changes are noted in it. Running processes notice a replaced store within a minute,
 * so the notes of an older history would matter only to a process that was suspended for as long.
 */
const CHANGES_NOTED_FOR_MS = 24 * 3_600_000;
/**
 * The minimum time between writes. Every process reads the history after each write, so consecutive registrations are
 * noted together.
 */
const WRITES_EVERY_MS = 1_000;

/**
 * Notes registrations and unregistrations in the history of the store, in few writes: those of one moment share one, and
 * in the background a write begins at most once a second.
 */
export class HistoryNotes {
  readonly #history: NotedHistory;
  readonly #clock: Clock;
  #writing: Promise<void> | undefined;
  /** The ids that were registered since the last write began. */
  readonly #unwritten = new Set<string>();
  #isUnwritten = false;
  /** The ids that were registered in a restored state. Their callers wait until the next write has noted them. */
  readonly #awaited = new Set<string>();
  /** The names that the next write notes as unregistered, with whether there was anything to delete. */
  readonly #unnoted = new Map<string, boolean>();
  #nextNoting: Promise<void> | undefined;
  #noting: Promise<void> | undefined;
  #writtenAtMonotonic = Number.NEGATIVE_INFINITY;
  readonly #stopping = new AbortController();

  constructor(history: NotedHistory, clock: Clock) {
    this.#history = history;
    this.#clock = clock;
  }

  /**
   * Writes a new state of the history after registrations, in the background. Registrations during a write share the
   * next one.
   *
   * @param changed - the ids of the apps and tasks whose documents were changed.
   * @param found - the ids of those that this process registers for the first time and that were stored already. In a
   *   restored state they are noted as well, since another process may have unregistered them before the restore.
   * @returns `undefined`, unless the store is a restored state: then a promise that resolves when an attempt to note
   *   the registrations has ended. Until they are noted, a process that knows later registrations from before the
   *   restore would overwrite these by putting them back.
   */
  noteRegistered(changed: readonly string[], found: readonly string[] = []): Promise<void> | undefined {
    const seen = this.#history.seen;
    if (seen === undefined || !this.#isRestored(seen)) {
      for (const id of changed) this.#unwritten.add(id);
      if (changed.length > 0) this.noteChange();
      return undefined;
    }
    if (changed.length + found.length === 0) return undefined;
    for (const id of [...changed, ...found]) this.#awaited.add(id);
    return this.#note().catch(() => this.noteChange());
  }

  /** Writes a new state of the history in the background, after missing documents were written. */
  noteChange(): void {
    this.#isUnwritten = true;
    // A failed write is ignored: from the next registration on, a backup is recognized by its version again.
    this.#writing ??= this.#writeInTurn()
      .catch(noop)
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /**
   * Notes that an app or a task is about to be unregistered, by its id, or that it was unregistered before the history
   * began, by the mark of its enrolment. So a process that does not know of the unregistration does not put it back.
   *
   * @param wereThere - whether there is anything to delete; if not, the notes displace no others.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  noteUnregistered(names: readonly string[], wereThere = true): Promise<void> {
    if (names.length === 0) return Promise.resolve();
    for (const name of names) this.#unnoted.set(name, wereThere || this.#unnoted.get(name) === true);
    return this.#note();
  }

  /**
   * Notes the names and ids of all calls until the next write begins, so that concurrent calls share one write and do
   * not compete with one another.
   */
  #note(): Promise<void> {
    this.#nextNoting ??= (this.#noting ?? Promise.resolve()).then(noop, noop).then(() => {
      this.#nextNoting = undefined;
      const noting = this.#noteNow().finally(() => {
        if (this.#noting === noting) this.#noting = undefined;
      });
      this.#noting = noting;
      return noting;
    });
    return this.#nextNoting;
  }

  async #noteNow(): Promise<void> {
    const names = new Map(this.#unnoted);
    const ids = [...this.#unwritten, ...this.#awaited];
    for (const taken of [this.#unnoted, this.#unwritten, this.#awaited]) taken.clear();
    const note = (seen: HistoryState): HistoryState => {
      if (!this.#isYoung(seen)) return seen;
      const unregistered = withUnregistered(seen.unregistered, names);
      return unregistered === seen.unregistered ? seen : { ...seen, unregistered };
    };
    let outcome = await this.#writeRegistered(ids, note);
    // What was noted in the history that was seen last is not noted in one that has replaced it since.
    for (let noted = this.#history.seen?.id; outcome === 'unneeded'; noted = this.#history.seen?.id) {
      await this.#history.check();
      if (this.#history.seen?.id === noted) break;
      outcome = await this.#writeRegistered([], note);
    }
    // A new state is written even if there was nothing to note, so that an earlier state of the store can be
    // recognized.
    if (outcome === 'unneeded') this.noteChange();
  }

  /** Writes outstanding changes without further delay, and resolves when the write has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
  }

  #isYoung({ since }: HistoryState): boolean {
    return this.#clock.now() - since < CHANGES_NOTED_FOR_MS;
  }

  #isRestored(seen: HistoryState): boolean {
    return seen.from.length > 0 && this.#isYoung(seen);
  }

  async #writeInTurn(): Promise<void> {
    const clock = this.#clock;
    while (this.#isUnwritten) {
      const pauseMs = this.#writtenAtMonotonic + WRITES_EVERY_MS - clock.monotonic();
      if (pauseMs > 0) await wait(clock, pauseMs, { signal: this.#stopping.signal }).catch(noop);
      this.#writtenAtMonotonic = clock.monotonic();
      this.#isUnwritten = false;
      const ids = [...this.#unwritten];
      this.#unwritten.clear();
      // Ids that could not be written are written with the next registrations.
      await this.#writeRegistered(ids, (seen) => ({ ...seen })).catch(noop);
    }
  }

  /**
   * Writes the history as changed by `change`, together with these registrations. If that fails, they remain to be
   * written.
   */
  async #writeRegistered(
    ids: readonly string[],
    change: (seen: HistoryState) => HistoryState,
  ): Promise<'written' | 'unneeded'> {
    try {
      return await this.#history.change((seen) => {
        const changed = change(seen);
        // Registrations are noted only in a restored state, because only there may another process put back newer ones
        // than are stored.
        if (ids.length === 0 || !this.#isRestored(seen)) return changed === seen ? undefined : changed;
        return { ...changed, registered: withNewest(seen.registered, ids) };
      });
    } catch (error) {
      for (const id of ids) this.#unwritten.add(id);
      throw error;
    }
  }
}
