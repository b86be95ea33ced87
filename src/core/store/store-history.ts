import { type Clock, wait } from '../concurrency/clock.js';
import { type EnrolmentMarks, newMark } from '../model/enrolment.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, appidOf } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import { seal } from './document-codec.js';
import {
  follows,
  HISTORY_ID,
  type HistoryContent,
  type HistoryState,
  readHistory,
  tagsBefore,
} from './history-document.js';
import { HistoryNotes, type NotedHistory } from './history-notes.js';
import type { SupervisedStore } from './supervised-store.js';
import { contended } from './write-errors.js';

/**
 * The kind of store that replaces the previous one: `another` store, which has none of its contents because it was
 * emptied or newly created, or a `backup`, which is an earlier state of the same store.
 */
export type Replacement = 'another' | 'backup';

export interface StoreHistoryParts {
  readonly store: SupervisedStore;
  readonly clock: Clock;
  /** Returns a unique id for a history. */
  readonly newId: () => string;
}

export interface StoreHistoryListener {
  /**
   * Handles a replacement of the store. It is called before the check that has found the replacement resolves.
   *
   * @param isSameHistory - whether versions in the replacing store can be compared with known versions.
   */
  replaced(replacement: Replacement, isSameHistory: boolean): void;
}

const MAX_BEFORE = 16;
const MAX_ROUNDS = 10;
const ROUNDS_WITHOUT_PAUSE = 3;
const MAX_PAUSE_MS = 500;
const WHAT = 'the history of the store';

/**
 * Detects when the store has another history, because versions and absences are meaningful only within one history. A
 * history has a random id, and each write to its document adds a random tag, which is kept together with the latest
 * ones. So a restored backup is recognized by a lower version or, once it has been written to again, by the lack of the
 * tag that was seen last.
 */
export class StoreHistory implements NotedHistory {
  readonly notes: HistoryNotes;
  readonly #parts: StoreHistoryParts;
  #listener: StoreHistoryListener | undefined;
  #seen: HistoryState | undefined;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** Whether the document was found in a form that this release cannot read. */
  #isUnreadable = false;
  #lastSet: Promise<unknown> | undefined;
  #generation = 0;

  constructor(parts: StoreHistoryParts) {
    this.#parts = parts;
    this.notes = new HistoryNotes(this, parts.clock);
  }

  /** Sets the listener that is notified of each replacement. */
  listen(listener: StoreHistoryListener): void {
    this.#listener = listener;
  }

  /** Returns the state that was seen last; `undefined` before the first check. */
  get seen(): HistoryState | undefined {
    return this.#seen;
  }

  /**
   * Returns when the history that was seen last began in place of another one, which may have been before this process
   * started; negative infinity if it is not known to follow another one.
   */
  get replacedAt(): number {
    const { after = [], since = 0 } = this.#seen ?? {};
    return after.length > 0 ? since : Number.NEGATIVE_INFINITY;
  }

  /** Returns the number of replacements that have been found. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Returns whether this version of the document is the one that was seen last. It first waits for a write of this
   * process that is in progress.
   */
  async isSeen(version: number): Promise<boolean> {
    await this.#lastSet?.then(noop, noop);
    return version === this.#seen?.version;
  }

  /**
   * Returns whether this app, or this task or its app, has been unregistered since the history began, or whether an
   * enrolment with these marks was unregistered before, unless it has been registered again since.
   */
  hasUnregistered(id: string, { app, task }: EnrolmentMarks): boolean {
    const unregistered = this.#seen?.unregistered ?? [];
    const names = [id, appDocumentId(appidOf(id)), ...(this.hasRegistered(id) ? [] : [app, task])];
    return names.some((name) => name !== undefined && unregistered.includes(name));
  }

  /** Returns whether this app or task has been registered since the history began. */
  hasRegistered(id: string): boolean {
    return this.#seen?.registered.includes(id) === true;
  }

  /**
   * Checks which history the store has, by a read that begins after the call. The first check adopts the history that
   * it finds, or begins one. If a later check finds another history, the listener is notified.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` if the history cannot be determined.
   */
  check(): Promise<void> {
    if (this.#looking === undefined) return this.#begin();
    this.#next ??= this.#looking.then(noop, noop).then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<void> {
    const looking = this.#check().finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    this.#looking = looking;
    return looking;
  }

  async #check(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const before = this.#seen;
      const [document] = await this.#parts.store.get([HISTORY_ID]);
      // The document is read again if this process has written it meanwhile, since the answer may be older than the
      // write.
      if (this.#seen === before && (await this.#judge(document))) return;
    }
    // The check fails rather than assume the same history, in which absent documents would count as deleted.
    throw contended(WHAT);
  }

  /** Returns whether the history of the store has been determined. */
  async #judge(document: StoredDocument | undefined): Promise<boolean> {
    const seen = this.#seen;
    if (document === undefined) return this.#write(this.#fresh(), 0, seen === undefined ? undefined : 'another');
    const found = readHistory(document);
    this.#isUnreadable = found === 'unreadable';
    // A document that this release cannot read shows at least that the store was not emptied.
    if (found === 'unreadable') return true;
    if (found === 'damaged') return this.#write(seen ?? this.#fresh(), document.version);
    if (seen === undefined || (found.id === seen.id && follows(found, seen))) {
      this.#adopt(found, undefined);
      return true;
    }
    if (found.id === seen.id || seen.after.includes(found.id)) {
      return this.#write(this.#restored(seen, found), found.version, 'backup');
    }
    const others = [...new Set([...found.after, ...seen.after, seen.id])].filter((id) => id !== found.id);
    if (!found.after.includes(seen.id) && !found.from.includes(seen.id) && found.since < seen.since) {
      // Another process has overwritten our history with one that began earlier, because both had the same version.
      // That process does not know that the store was replaced, and learns it from the new id.
      const after = [...others, found.id].slice(-MAX_BEFORE);
      return this.#write({ ...found, id: this.#parts.newId(), after }, found.version, 'another');
    }
    this.#adopt({ ...found, after: others.slice(-MAX_BEFORE) }, found.from.includes(seen.id) ? 'backup' : 'another');
    return true;
  }

  /**
   * Writes a state of the history, and returns whether that succeeded. It fails if another process has written first,
   * or if the store has been replaced meanwhile.
   */
  async #write(content: HistoryContent | HistoryState, expected: number, replacement?: Replacement): Promise<boolean> {
    const seen = this.#seen;
    const { id, from, after, since, unregistered, registered, unknown } = content;
    const tag = newMark(this.#parts.newId);
    const tags = tagsBefore(content, expected);
    const data = { ...unknown, id, from, after, since, unregistered, registered, tag, tags } as unknown as JsonObject;
    const set = this.#parts.store.set(HISTORY_ID, seal(HISTORY_ID, data), expected);
    this.#lastSet = set;
    const version = await set;
    // The answer is ignored if the store has got another history since the write began.
    if (version === undefined || this.#seen?.id !== seen?.id) return false;
    this.#adopt({ ...content, version, tag, tags }, replacement);
    return true;
  }

  #adopt(found: HistoryState, replacement: Replacement | undefined): void {
    const seen = this.#seen;
    // An answer that arrives after a newer one is ignored.
    if (seen?.id === found.id && seen.version >= found.version) return;
    this.#seen = found;
    if (replacement === undefined) return;
    this.#generation += 1;
    this.#listener?.replaced(replacement, replacement === 'backup' && found.from[0] === seen?.id);
  }

  /** Returns a new history that follows the one that was seen last. */
  #fresh(from: readonly string[] = []): HistoryContent {
    const { newId, clock } = this.#parts;
    const after = this.#seen === undefined ? [] : [...this.#seen.after, this.#seen.id].slice(-MAX_BEFORE);
    return { id: newId(), from, after, since: Math.round(clock.now()), unregistered: [], registered: [], unknown: {} };
  }

  /** Returns a new history for a restored state of the history that was seen last, or of one before it. */
  #restored(seen: HistoryState, { id }: HistoryState): HistoryContent {
    const line = [...seen.after, seen.id];
    return this.#fresh(line.slice(line.indexOf(id)));
  }

  /**
   * Writes the history as changed by `change`. The write is `unneeded` if `change` returns `undefined`, or if the
   * document is in a form that this release cannot read and therefore must not replace.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`, also if the document is contended.
   */
  async change(change: (seen: HistoryState) => HistoryContent | undefined): Promise<'written' | 'unneeded'> {
    const { clock } = this.#parts;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const seen = this.#seen;
      if (seen !== undefined) {
        const content = change(seen);
        if (content === undefined) return 'unneeded';
        if (await this.#write(content, seen.version)) return 'written';
      }
      // The random pause separates processes that would otherwise conflict in every round.
      if (round >= ROUNDS_WITHOUT_PAUSE) await wait(clock, clock.random() * MAX_PAUSE_MS);
      await this.check();
      if (this.#seen === undefined || this.#isUnreadable) return 'unneeded';
    }
    throw contended(WHAT);
  }
}
