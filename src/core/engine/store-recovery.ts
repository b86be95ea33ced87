import type { ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { marksOf } from '../model/enrolment.js';
import type { Events } from '../model/events.js';
import { appDocumentId, appidOf, parseKey, type TokenKey } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import type { GrantWriter } from '../records/grant-writer.js';
import type { RecordReader } from '../records/record-reader.js';
import { LatelyMissing } from '../registry/lately-missing.js';
import { hasLeftOvers, isLeftOver } from '../registry/left-overs.js';
import type { OwnRegistrations } from '../registry/own-registrations.js';
import type { RegisteredDocument, RegistrarListener } from '../registry/registrar-listener.js';
import { contentOf } from '../registry/registration-document.js';
import type { Unregistering } from '../registry/registration-removal.js';
import type { Absence, AbsenceJudge } from '../store/absence.js';
import type { Replacement, StoreHistory, StoreHistoryListener } from '../store/store-history.js';

import { judgeMissingRecord } from './lost-record.js';
import { OwnRemovals } from './own-removals.js';
import { PutBack, type PutBackParts } from './put-back.js';
import type { Recovery } from './store-watch.js';

export interface StoreRecoveryParts extends PutBackParts {
  readonly writer: GrantWriter;
  readonly recordReader: RecordReader;
  readonly events: Events;
  readonly closing: Closing;
  /** Whether dues are only in the store. */
  readonly isShared: boolean;
}

const RETRY_MS = 5_000;
/**
 * The number of apps that are put back concurrently. Each takes a handful of commands, and a file store can use four
 * threads.
 */
const MAX_AT_ONCE = 4;

/**
 * Continues with a store that has lost some or all of its documents. The registrations of this process and its cached
 * tokens are put back. Registrations of other processes are answered from memory as long as one of their tokens is
 * valid, so that those processes have time to put them back.
 */
export class StoreRecovery implements RegistrarListener, StoreHistoryListener, AbsenceJudge, Recovery {
  readonly own: OwnRegistrations;
  readonly history: StoreHistory;
  readonly #removals: OwnRemovals;
  readonly #missing: LatelyMissing;
  readonly #parts: StoreRecoveryParts;
  readonly #putBack: PutBack;
  /** The apps that may have to be put back. */
  readonly #pending = new Set<string>();
  /** The apps whose tasks may have to be made due in a fleet's schedule. */
  readonly #undue = new Set<string>();
  readonly #puttingBack = new Map<string, Promise<void>>();
  #replacement: Replacement = 'another';
  /** Whether something is cached that the current store has not shown. */
  #isIncomplete = false;
  #recovering: Promise<void> | undefined;
  #retry: ClockTimer | undefined;

  constructor(parts: StoreRecoveryParts) {
    const { store, registrar, own, history } = parts;
    this.#parts = parts;
    this.own = own;
    this.history = history;
    this.#putBack = new PutBack(parts);
    this.#missing = new LatelyMissing(parts);
    history.listen(this);
    registrar.listen(this);
    this.#removals = new OwnRemovals(parts, this.own, this.history, () => {
      this.#isIncomplete = true;
      void this.#recoverSoon();
    });
    store.judgeAbsencesBy(this);
  }

  get generation(): number {
    return this.history.generation;
  }

  knows(id: string): boolean {
    return this.own.has(id) || this.#parts.registry.versionOf(id) !== undefined;
  }

  lost(id: string): JsonObject | undefined {
    const { own } = this;
    const { registry } = this.#parts;
    const appid = appidOf(id);
    if (this.#hasUnregistered(id)) return undefined;
    if (this.#pending.has(appid) && own.has(id)) return own.get(id)?.content;
    const app = isLeftOver(registry, id) ? registry.app(appid) : undefined;
    return app && contentOf(app);
  }

  registered(documents: readonly RegisteredDocument[]): Promise<void> | undefined {
    const { own, history } = this;
    const changed = documents.filter(({ isChanged }) => isChanged).map(({ id }) => id);
    const found = documents.filter(({ id, isChanged }) => !isChanged && !own.has(id)).map(({ id }) => id);
    for (const { id, content, version } of documents) {
      own.note(id, content, version);
      this.#removals.registered(content);
    }
    return history.notes.noteRegistered(changed, found);
  }

  async unregistering(id: string): Promise<Unregistering> {
    const { found, done } = await this.#removals.begin(id);
    return {
      found,
      done: () => {
        done();
        this.#missing.forget(id);
      },
    };
  }

  /** Keeps everything cached, reports the replacement, and begins to put back the missing documents. */
  replaced(replacement: Replacement, isSameHistory: boolean): void {
    const { registry, records, writer, events } = this.#parts;
    this.#replacement = replacement;
    this.#isIncomplete = true;
    this.#missing.recall();
    registry.leaveOver();
    // A backup may contain an earlier registration, so marks are kept for comparison. Another store assigns new marks.
    records.displace(replacement === 'backup' ? (key) => marksOf(registry.enrolment(key)) : undefined);
    writer.forgetVersions();
    this.#removals.replaced();
    if (!isSameHistory) this.own.displace();
    for (const appid of this.own.appids()) {
      this.#pending.add(appid);
      if (this.#parts.isShared) this.#undue.add(appid);
    }
    events.emit('storeReplaced', { replacement });
    void this.#recoverSoon();
  }

  async lookAtHistory(): Promise<number> {
    await this.history.check();
    const { clock, records } = this.#parts;
    const now = clock.now();
    const { replacedAt } = this.history;
    // An instant in the future was written before the clock was set back, and is ignored.
    return Math.max(replacedAt > now ? Number.NEGATIVE_INFINITY : replacedAt, now - records.displaced.replacedMsAgo);
  }

  isAwaited(id: string): boolean {
    return isLeftOver(this.#parts.registry, id) && !this.#hasUnregistered(id);
  }

  isToBeRemoved(mark: string): boolean {
    return this.#removals.isUnsettled(mark);
  }

  async judgeAbsence(id: string): Promise<Absence> {
    const absence = await this.#judgeAbsence(id);
    if (absence === 'deleted' && !this.#hasUnregistered(id)) this.#missing.note(id);
    return absence;
  }

  /** Decides why a document was found missing just now. */
  async #judgeAbsence(id: string): Promise<Absence> {
    const { own, history } = this;
    const { registry, records } = this.#parts;
    const key = parseKey(id) as TokenKey;
    const isRecord = id.startsWith('key/');
    const isKnown = isRecord
      ? records.cache.get(key) !== undefined
      : registry.versionOf(id) !== undefined || own.has(id);
    if (!isKnown) return 'deleted';
    await history.check();
    if (isRecord) {
      const held = records.cache.get(key);
      if (held === undefined) return 'deleted';
      if (records.displaced.has(held)) return 'lost';
      const absence = await judgeMissingRecord(held, this.#parts);
      // A store that was emptied after the previous check lacks the registration as well.
      if (absence === 'deleted' && held.rotation !== undefined) await history.check();
      if (absence === 'lost') records.displaced.add(held);
      return records.displaced.has(held) ? 'lost' : absence;
    }
    const appid = appidOf(id);
    if (own.has(id) && this.#pending.has(appid)) {
      await this.#putBackApp(appid);
      return 'restored';
    }
    return isLeftOver(registry, id) && !this.#hasUnregistered(id) && this.#lives(id) ? 'lost' : 'deleted';
  }

  /** Returns whether this cached app or task was unregistered. */
  #hasUnregistered(id: string): boolean {
    const { own, history } = this;
    const key = parseKey(id) ?? { appid: appidOf(id), type: id };
    return (
      history.hasUnregistered(id, own.marks(id)) || history.hasUnregistered(id, this.#parts.registry.enrolment(key))
    );
  }

  /** Checks which history the store has, and puts back what it still lacks. */
  async check(): Promise<void> {
    await this.history.check();
    this.#missing.expire();
    if (this.#isIncomplete) await this.#recoverSoon();
  }

  /**
   * Puts back the cached tokens of an app that was read, or the token of a task, since another process may have put back
   * their registration.
   */
  async registrationRead(id: string): Promise<void> {
    const { registry, records, recordReader } = this.#parts;
    // The tasks of an app are put back before the app, and without the app no token is.
    if (!this.#isIncomplete || isLeftOver(registry, appDocumentId(appidOf(id)))) return;
    const key = parseKey(id);
    const held = key === undefined ? undefined : records.cache.get(key);
    const isDisplaced = held !== undefined && records.displaced.has(held);
    await recordReader.loadAll(key === undefined ? this.#displaced(appidOf(id)) : isDisplaced ? [key] : []);
  }

  async stop(): Promise<void> {
    this.#retry?.cancel();
    await this.#recovering;
    await this.history.notes.stop();
  }

  #recoverSoon(): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#recovering ??= this.#recover()
      .catch(() => false)
      .then((isDone) => {
        this.#recovering = undefined;
        const { clock, closing } = this.#parts;
        if (!isDone && !closing.hasBegun) this.#retry ??= clock.setTimer(() => void this.#recoverSoon(), RETRY_MS);
      });
    return this.#recovering;
  }

  /** Recovers as much as possible now. Returns whether nothing is left that can be done now. */
  async #recover(): Promise<boolean> {
    const { registry, records, closing } = this.#parts;
    const { generation } = this.history;
    await this.#removals.repeat();
    await this.#putBackAll();
    await registry.loadAll(closing);
    await this.#parts.recordReader.loadAll(this.#displaced());
    if (this.history.generation !== generation || !this.#removals.isSettled) return false;
    if (this.#pending.size > 0 || this.#undue.size > 0) return false;
    const left = [...records.displaced.ofUse()];
    this.#isIncomplete = left.length > 0 || hasLeftOvers(registry);
    // Records whose app is missing wait for it, and are checked again each minute.
    return left.every(({ key }) => isLeftOver(registry, appDocumentId(key.appid)) || !registry.hasApp(key.appid));
  }

  async #putBackAll(): Promise<void> {
    const appids = [...new Set([...this.#pending, ...this.#undue])];
    const failures: unknown[] = [];
    const work = async (): Promise<void> => {
      for (let appid = appids.pop(); appid !== undefined; appid = appids.pop()) {
        if (this.#parts.closing.hasBegun) return;
        await this.#putBackWithDues(appid).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
    if (failures.length > 0) throw failures[0];
  }

  async #putBackWithDues(appid: string): Promise<void> {
    const { generation } = this.history;
    if (this.#pending.has(appid)) await this.#putBackApp(appid);
    if (!this.#undue.has(appid) || this.#pending.has(appid)) return;
    await this.#putBack.dues(appid);
    if (this.history.generation === generation) this.#undue.delete(appid);
  }

  /** Puts back the documents of an app. Reads wait for this work, so it must not wait for a read. */
  #putBackApp(appid: string): Promise<void> {
    let puttingBack = this.#puttingBack.get(appid);
    if (puttingBack === undefined) {
      puttingBack = this.#putBackNow(appid).finally(() => this.#puttingBack.delete(appid));
      this.#puttingBack.set(appid, puttingBack);
    }
    return puttingBack;
  }

  async #putBackNow(appid: string): Promise<void> {
    const { generation } = this.history;
    await this.#putBack.app(appid, this.#replacement);
    if (this.history.generation === generation) this.#pending.delete(appid);
  }

  /**
   * Returns the keys whose records are displaced and may be put back now: all, or those of one app. Records whose app is
   * missing have to wait for it.
   */
  #displaced(appid?: string): TokenKey[] {
    const { registry, records } = this.#parts;
    const keys = [...records.displaced.ofUse(appid)].map(({ key }) => key);
    return keys.filter((key) => !isLeftOver(registry, appDocumentId(key.appid)));
  }

  /** Returns whether a token is valid that needs this app or task. */
  #lives(id: string): boolean {
    const { records } = this.#parts;
    const key = parseKey(id);
    if (key !== undefined) {
      const held = records.cache.get(key);
      return held !== undefined && records.leftMs(held) > 0;
    }
    for (const cached of records.cache.recordsOf(appidOf(id))) if (records.leftMs(cached) > 0) return true;
    return false;
  }
}
