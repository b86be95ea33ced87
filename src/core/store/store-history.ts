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

/** The document that says which history the store has. No release before it lists documents of this kind. */
export const HISTORY_ID = 'store/~history';

/**
 * The kind of store that is found in place of the one before: `another` one, which has nothing of what was in it (it was
 * emptied, or made anew), or a `backup`, an earlier state of the same one.
 */
export type Replacement = 'another' | 'backup';

export interface StoreHistoryParts {
  readonly store: SupervisedStore;
  readonly clock: Clock;
  /** Returns an id that no other history has. */
  readonly newId: () => string;
}

export interface StoreHistoryListener {
  /**
   * Is called as soon as it is known that the store has been replaced, before the look that has found it resolves.
   *
   * @param isSameHistory - whether the versions of the store in place can be compared with those that are known.
   */
  replaced(replacement: Replacement, isSameHistory: boolean): void;
}

interface Content {
  readonly id: string;
  /** The history of which this one is a restored state, and those known to have followed that one. Empty where it is none. */
  readonly from: readonly string[];
  /** The histories known to have been in this place before, the oldest first. */
  readonly after: readonly string[];
  /** The instant at which it began, in epoch milliseconds on the store's clock. */
  readonly since: number;
  /** The ids of apps and tasks that were unregistered in this history, and the marks of those that were so before it. */
  readonly unregistered: readonly string[];
  /** The ids of apps and tasks that were registered in this history. */
  readonly registered: readonly string[];
  readonly unknown: JsonObject;
}

/** The random tags of states of one history, by the versions of its document. */
type Tags = Readonly<Record<string, string>>;

interface Seen extends Content {
  readonly version: number;
  /** The tag of this state; absent where none was written. */
  readonly tag: string | undefined;
  /** The tags of the states before it. */
  readonly tags: Tags;
}

/** A process notices a replaced store within a minute, so that changes in an old history concern none that did not sleep. */
const CHANGES_NOTED_FOR_MS = 24 * 3_600_000;
const MAX_BEFORE = 16;
const MAX_TAGS = 100;
const MAX_ROUNDS = 10;
const ROUNDS_WITHOUT_PAUSE = 3;
const MAX_PAUSE_MS = 500;
const WHAT = 'the history of the store';
/** Each process looks when the history was written: a thousand registrations in a row are written down together. */
const WRITES_EVERY_MS = 1_000;

/**
 * Tells one history of the store from another. Versions, and what is missing, say something only within one history. It has a
 * random id, and each write, after registrations, gives it a random tag, kept with the last ones. So a restored backup is known
 * by a lower version or, once it was written to again, by the lack of the tag that was seen last.
 */
export class StoreHistory {
  readonly #parts: StoreHistoryParts;
  #listener: StoreHistoryListener | undefined;
  #seen: Seen | undefined;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  /** The ids that were registered, and whether anything has changed, since the last write began. */
  readonly #unwritten = new Set<string>();
  #isUnwritten = false;
  /** The ids that were registered in a restored state, whose callers wait until they are noted by the write that begins next. */
  readonly #awaited = new Set<string>();
  /**
   * The names that are to be noted as unregistered by the write that begins next, with whether there was anything to delete, and
   * that write and the one before it.
   */
  readonly #unnoted = new Map<string, boolean>();
  #nextNoting: Promise<void> | undefined;
  #noting: Promise<void> | undefined;
  /** Whether the document was found to be of a kind that this release cannot read. */
  #isUnreadable = false;
  #lastSet: Promise<unknown> | undefined;
  #writtenAtMonotonic = Number.NEGATIVE_INFINITY;
  readonly #stopping = new AbortController();
  #generation = 0;

  constructor(parts: StoreHistoryParts) {
    this.#parts = parts;
  }

  /** Has this listener told of each replacement. */
  listen(listener: StoreHistoryListener): void {
    this.#listener = listener;
  }

  /** Returns how often the store was found to be replaced. */
  get generation(): number {
    return this.#generation;
  }

  /** Returns whether this version is the one that was seen last, when a write that is under way here has ended. */
  async isSeen(version: number): Promise<boolean> {
    await this.#lastSet?.then(noop, noop);
    return version === this.#seen?.version;
  }

  /** Returns whether this app, or this task or its app, was unregistered since the history began, or an enrolment with these marks before. */
  hasUnregistered(id: string, { app, task }: EnrolmentMarks): boolean {
    const unregistered = this.#seen?.unregistered ?? [];
    const names = [id, appDocumentId(appidOf(id)), app, task];
    return names.some((name) => name !== undefined && unregistered.includes(name));
  }

  /** Returns whether this app or task was registered since the history began. */
  hasRegistered(id: string): boolean {
    return this.#seen?.registered.includes(id) === true;
  }

  /**
   * Looks which history the store has, by a read that begins after the call. The first look adopts what is there, or begins a
   * history; a later one that finds another says so.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` when that cannot be told.
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
   * Gives the history a new state after registrations, behind whatever else is done. Those that come meanwhile share one write.
   *
   * @returns a promise where the store is a restored state, which resolves when they are noted there, as far as that can be
   *   done: until then a process that knows of a later registration puts that back in place of these.
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

  /** Gives the history a new state, behind whatever else is done, after documents were written that it lacked. */
  noteChange(): void {
    this.#isUnwritten = true;
    // A version that could not be raised shows a backup from the next registration on.
    this.#writing ??= this.#writeInTurn()
      .catch(noop)
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /**
   * Notes that an app or a task is about to be unregistered, by its id, or that it was before the history began, by the mark of
   * its enrolment, so that no process that has not heard of it puts it back.
   *
   * @param wereThere - whether there is anything to delete: otherwise the notes push out no others.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  noteUnregistered(names: readonly string[], wereThere = true): Promise<void> {
    if (names.length === 0) return Promise.resolve();
    for (const name of names) this.#unnoted.set(name, wereThere || this.#unnoted.get(name) === true);
    return this.#note();
  }

  /** Notes by one write what comes until it begins: calls at the same time do not contend with one another. */
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
    // An earlier state is to be known as such also where this was noted before, or is not noted any more.
    if (outcome === 'unneeded') this.noteChange();
  }

  /** Writes at once what has not been written, and resolves when that is done. */
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
      // What was written meanwhile may be newer than what was read.
      if (this.#seen === before && (await this.#judge(document))) return;
    }
    // Without a judgement the history must not pass for the same one: what is missing would count as deleted.
    throw contended(WHAT);
  }

  /** Returns whether it is settled which history the store has. */
  async #judge(document: StoredDocument | undefined): Promise<boolean> {
    const seen = this.#seen;
    if (document === undefined) return this.#write(this.#fresh(), 0, seen === undefined ? undefined : 'another');
    const found = readHistory(document);
    this.#isUnreadable = found === 'unreadable';
    // Of what this release cannot read, only that there is something is known: nothing has been emptied.
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
      // A history that began earlier was written over ours, by a process that never saw that, because both had the same version.
      // It does not know that the store was replaced, and hears it by another id.
      const after = [...others, found.id].slice(-MAX_BEFORE);
      return this.#write({ ...found, id: this.#parts.newId(), after }, found.version, 'another');
    }
    this.#adopt({ ...found, after: others.slice(-MAX_BEFORE) }, found.from.includes(seen.id) ? 'backup' : 'another');
    return true;
  }

  /** Returns whether it was written: another process may have been faster, and the store may have been replaced meanwhile. */
  async #write(content: Content | Seen, expected: number, replacement?: Replacement): Promise<boolean> {
    const seen = this.#seen;
    const { id, from, after, since, unregistered, registered, unknown } = content;
    const tag = newMark(this.#parts.newId);
    const tags = tagsBefore(content, expected);
    const data = { ...unknown, id, from, after, since, unregistered, registered, tag, tags } as unknown as JsonObject;
    const set = this.#parts.store.set(HISTORY_ID, seal(HISTORY_ID, data), expected);
    this.#lastSet = set;
    const version = await set;
    // The answer to a write of a history that has ended since says nothing of the one in its place.
    if (version === undefined || this.#seen?.id !== seen?.id) return false;
    this.#adopt({ ...content, version, tag, tags }, replacement);
    return true;
  }

  #adopt(found: Seen, replacement: Replacement | undefined): void {
    const seen = this.#seen;
    // An answer that was overtaken says nothing new.
    if (seen?.id === found.id && seen.version >= found.version) return;
    this.#seen = found;
    if (replacement === undefined) return;
    this.#generation += 1;
    this.#listener?.replaced(replacement, replacement === 'backup' && found.from[0] === seen?.id);
  }

  /** Returns a new history, which follows the one that was seen last. */
  #fresh(from: readonly string[] = []): Content {
    const { newId, clock } = this.#parts;
    const after = this.#seen === undefined ? [] : [...this.#seen.after, this.#seen.id].slice(-MAX_BEFORE);
    return { id: newId(), from, after, since: Math.round(clock.now()), unregistered: [], registered: [], unknown: {} };
  }

  /** Returns a new history for a state that was found, of the history that was seen last or of one before it. */
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
      // What could not be written goes with the next registrations. Those that came meanwhile do not wait for more.
      await this.#writeRegistered(ids, (seen) => ({ ...seen })).catch(noop);
    }
  }

  /** Writes these registrations with what `change` makes of the history. Where that fails they stay to be written. */
  async #writeRegistered(ids: readonly string[], change: (seen: Seen) => Seen): Promise<'written' | 'unneeded'> {
    try {
      return await this.#change((seen) => {
        const changed = change(seen);
        // Only a restored state holds registrations that are older than those which this process may put back.
        if (ids.length === 0 || !this.#isRestored(seen)) return changed === seen ? undefined : changed;
        return { ...changed, registered: withNewest(seen.registered, ids) };
      });
    } catch (error) {
      for (const id of ids) this.#unwritten.add(id);
      throw error;
    }
  }

  /**
   * Writes what `change` makes of the history. It is `unneeded` where `change` makes nothing of it, and where there is something
   * that this release cannot read, which it leaves alone.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`, also where other writers are first each time.
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
      // Many processes that write at once get in each other's way as long as they keep step.
      if (round >= ROUNDS_WITHOUT_PAUSE) await wait(clock, clock.random() * MAX_PAUSE_MS);
      await this.check();
      if (this.#seen === undefined || this.#isUnreadable) return 'unneeded';
    }
    throw contended(WHAT);
  }
}

/** Returns whether a state of a history that was found is the one that was seen last, or comes after it. */
function follows(found: Seen, seen: Seen): boolean {
  if (found.version < seen.version) return false;
  if (seen.tag === undefined) return true;
  if (found.version === seen.version) return found.tag === seen.tag;
  // After more writes than there are tags, it cannot be told.
  const isCovered = Object.keys(found.tags).some((version) => Number(version) <= seen.version);
  return !isCovered || found.tags[seen.version] === seen.tag;
}

/** Returns the tags to be written with a state that takes the place of this version; none where it does not follow from it. */
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
