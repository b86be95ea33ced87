import { type Clock, wait } from '../concurrency/clock.js';
import { type EnrolmentMarks, newMark } from '../model/enrolment.js';
import { isTokenError } from '../model/errors.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, appidOf } from '../model/token-key.js';
import { isJsonObject, type JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import { DamagedDocument, seal, unseal } from './document-codec.js';
import { withNewest, withUnregistered } from './noted-changes.js';
import type { SupervisedStore } from './supervised-store.js';
import { contended } from './write-errors.js';

/**
 * The id of the document that identifies the history of the store. Earlier releases do not list documents of its kind,
 * so they ignore it.
 */
export const HISTORY_ID = 'store/~history';

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

interface Content {
  readonly id: string;
  /**
   * The history of which this one is a restored state, and those known to have followed that one; empty if this one is
   * not a restored state.
   */
  readonly from: readonly string[];
  /** The histories that the store is known to have had before, the oldest first. */
  readonly after: readonly string[];
  /** The instant at which the history began, in epoch milliseconds on the store's clock. */
  readonly since: number;
  /**
   * The ids of apps and tasks that were unregistered in this history, and the marks of those that were unregistered
   * before it.
   */
  readonly unregistered: readonly string[];
  /** The ids of apps and tasks that were registered in this history. */
  readonly registered: readonly string[];
  readonly unknown: JsonObject;
}

/** The random tags of the states of one history, by the version of its document. */
type Tags = Readonly<Record<string, string>>;

interface Seen extends Content {
  readonly version: number;
  /** The tag of this state; absent if none was written. */
  readonly tag: string | undefined;
  /** The tags of the states before this one. */
  readonly tags: Tags;
}

/**
 * The age of a history up to which changes are noted in it. Running processes notice a replaced store within a minute,
 * so the notes of an older history would matter only to a process that was suspended for as long.
 */
const CHANGES_NOTED_FOR_MS = 24 * 3_600_000;
const MAX_BEFORE = 16;
const MAX_TAGS = 100;
const MAX_ROUNDS = 10;
const ROUNDS_WITHOUT_PAUSE = 3;
const MAX_PAUSE_MS = 500;
const WHAT = 'the history of the store';
/**
 * The minimum time between writes. Every process reads the history after each write, so consecutive registrations are
 * noted together.
 */
const WRITES_EVERY_MS = 1_000;

/**
 * Detects when the store has another history, because versions and absences are meaningful only within one history. A
 * history has a random id, and each write to its document adds a random tag, which is kept together with the latest
 * ones. So a restored backup is recognized by a lower version or, once it has been written to again, by the lack of the
 * tag that was seen last.
 */
export class StoreHistory {
  readonly #parts: StoreHistoryParts;
  #listener: StoreHistoryListener | undefined;
  #seen: Seen | undefined;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
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
  /** Whether the document was found in a form that this release cannot read. */
  #isUnreadable = false;
  #lastSet: Promise<unknown> | undefined;
  #writtenAtMonotonic = Number.NEGATIVE_INFINITY;
  readonly #stopping = new AbortController();
  #generation = 0;

  constructor(parts: StoreHistoryParts) {
    this.#parts = parts;
  }

  /** Sets the listener that is notified of each replacement. */
  listen(listener: StoreHistoryListener): void {
    this.#listener = listener;
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
   * enrolment with these marks was unregistered before.
   */
  hasUnregistered(id: string, { app, task }: EnrolmentMarks): boolean {
    const unregistered = this.#seen?.unregistered ?? [];
    const names = [id, appDocumentId(appidOf(id)), app, task];
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

  /**
   * Writes a new state of the history after registrations, in the background. Registrations during a write share the
   * next one.
   *
   * @returns `undefined`, unless the store is a restored state: then a promise that resolves when an attempt to note
   *   the registrations has ended. Until they are noted, a process that knows later registrations from before the
   *   restore would overwrite these by putting them back.
   */
  noteRegistered(ids: readonly string[]): Promise<void> | undefined {
    if (this.#seen === undefined || !this.#isRestored(this.#seen)) {
      for (const id of ids) this.#unwritten.add(id);
      this.noteChange();
      return undefined;
    }
    for (const id of ids) this.#awaited.add(id);
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
    const outcome = await this.#writeRegistered(ids, (seen) => {
      if (!this.#isYoung(seen)) return seen;
      const unregistered = withUnregistered(seen.unregistered, names);
      return unregistered === seen.unregistered ? seen : { ...seen, unregistered };
    });
    // A new state is written even if there was nothing to note, so that an earlier state of the store can be
    // recognized.
    if (outcome === 'unneeded') this.noteChange();
  }

  /** Writes outstanding changes without further delay, and resolves when the write has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
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
  async #write(content: Content | Seen, expected: number, replacement?: Replacement): Promise<boolean> {
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

  #adopt(found: Seen, replacement: Replacement | undefined): void {
    const seen = this.#seen;
    // An answer that arrives after a newer one is ignored.
    if (seen?.id === found.id && seen.version >= found.version) return;
    this.#seen = found;
    if (replacement === undefined) return;
    this.#generation += 1;
    this.#listener?.replaced(replacement, replacement === 'backup' && found.from[0] === seen?.id);
  }

  /** Returns a new history that follows the one that was seen last. */
  #fresh(from: readonly string[] = []): Content {
    const { newId, clock } = this.#parts;
    const after = this.#seen === undefined ? [] : [...this.#seen.after, this.#seen.id].slice(-MAX_BEFORE);
    return { id: newId(), from, after, since: Math.round(clock.now()), unregistered: [], registered: [], unknown: {} };
  }

  /** Returns a new history for a restored state of the history that was seen last, or of one before it. */
  #restored(seen: Seen, { id }: Seen): Content {
    const line = [...seen.after, seen.id];
    return this.#fresh(line.slice(line.indexOf(id)));
  }

  #isYoung({ since }: Seen): boolean {
    return this.#parts.clock.now() - since < CHANGES_NOTED_FOR_MS;
  }

  #isRestored(seen: Seen): boolean {
    return seen.from.length > 0 && this.#isYoung(seen);
  }

  async #writeInTurn(): Promise<void> {
    const { clock } = this.#parts;
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
  async #writeRegistered(ids: readonly string[], change: (seen: Seen) => Seen): Promise<'written' | 'unneeded'> {
    try {
      return await this.#change((seen) => {
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

  /**
   * Writes the history as changed by `change`. The write is `unneeded` if `change` returns `undefined`, or if the
   * document is in a form that this release cannot read and therefore must not replace.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`, also if the document is contended.
   */
  async #change(change: (seen: Seen) => Content | undefined): Promise<'written' | 'unneeded'> {
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

/** Returns whether the state that was found is the one that was seen last, or a later one of the same history. */
function follows(found: Seen, seen: Seen): boolean {
  if (found.version < seen.version) return false;
  if (seen.tag === undefined) return true;
  if (found.version === seen.version) return found.tag === seen.tag;
  // If the tag of the version that was seen last has been dropped since, the state counts as a later one.
  const isCovered = Object.keys(found.tags).some((version) => Number(version) <= seen.version);
  return !isCovered || found.tags[seen.version] === seen.tag;
}

/**
 * Returns the tags to write with a state that replaces this version; none if the state does not follow from that
 * version.
 */
function tagsBefore(content: Content | Seen, replaced: number): Tags {
  if (!('version' in content) || content.version !== replaced || content.tag === undefined) return {};
  const tags: [version: string, tag: string][] = Object.entries({ ...content.tags, [replaced]: content.tag });
  return Object.fromEntries(tags.sort(([left], [right]) => Number(left) - Number(right)).slice(-MAX_TAGS));
}

function readHistory(document: StoredDocument): Seen | 'damaged' | 'unreadable' {
  try {
    const { id, from, after, since, unregistered, registered, tag, tags, ...unknown } = unseal(document);
    return {
      id: String(id),
      from: strings(from),
      after: strings(after),
      since: typeof since === 'number' ? since : 0,
      unregistered: strings(unregistered),
      registered: strings(registered),
      tag: typeof tag === 'string' ? tag : undefined,
      tags: isJsonObject(tags) ? (tags as Tags) : {},
      unknown,
      version: document.version,
    };
  } catch (error) {
    if (error instanceof DamagedDocument) return 'damaged';
    if (isTokenError(error)) return 'unreadable';
    throw error;
  }
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
