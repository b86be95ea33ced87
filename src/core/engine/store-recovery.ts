import type { ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { marksOf } from '../model/enrolment.js';
import type { Events } from '../model/events.js';
import { appDocumentId, appidOf, parseKey, type TokenKey } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import type { GrantWriter } from '../records/grant-writer.js';
import type { RecordReader } from '../records/record-reader.js';
import { hasLeftOvers, isLeftOver } from '../registry/left-overs.js';
import type { OwnRegistrations } from '../registry/own-registrations.js';
import type { RegisteredDocument, RegistrarListener } from '../registry/registrar-listener.js';
import { contentOf } from '../registry/registration-document.js';
import type { Unregistering } from '../registry/registration-removal.js';
import type { Replacement, StoreHistory, StoreHistoryListener } from '../store/store-history.js';
import type { Absence } from '../store/supervised-store.js';
import { judgeMissingRecord } from './lost-record.js';
import { OwnRemovals } from './own-removals.js';
import { PutBack, type PutBackParts } from './put-back.js';
import type { Recovery } from './store-watch.js';

export interface StoreRecoveryParts extends PutBackParts {
  readonly writer: GrantWriter;
  readonly recordReader: RecordReader;
  readonly events: Events;
  readonly closing: Closing;
  /** Whether what is due stands in the store alone. */
  readonly isShared: boolean;
}

const RETRY_MS = 5_000;
/** Each app is a handful of commands, and a file store has four threads to work with. */
const MAX_AT_ONCE = 4;

/**
 * Goes on with a store that has lost what it held, or a part of it: what this process registered is put back, and the tokens
 * that it holds. What others registered is answered as long as a token of it lives, so that they have time to do the same.
 */
export class StoreRecovery implements RegistrarListener, StoreHistoryListener, Recovery {
  readonly own: OwnRegistrations;
  readonly history: StoreHistory;
  readonly #removals: OwnRemovals;
  readonly #parts: StoreRecoveryParts;
  readonly #putBack: PutBack;
  /** The apps that may have to be put back. */
  readonly #pending = new Set<string>();
  /** The apps whose tasks may have to be made due in the schedule of a fleet. */
  readonly #undue = new Set<string>();
  readonly #puttingBack = new Map<string, Promise<void>>();
  #replacement: Replacement = 'another';
  /** Whether something is held that the store in place has not shown. */
  #isIncomplete = false;
  #recovering: Promise<void> | undefined;
  #retry: ClockTimer | undefined;

  constructor(parts: StoreRecoveryParts) {
    const { store, registrar, own, history } = parts;
    this.#parts = parts;
    this.own = own;
    this.history = history;
    this.#putBack = new PutBack(parts);
    history.listen(this);
    registrar.listen(this);
    this.#removals = new OwnRemovals(parts, this.own, this.history, () => {
      this.#isIncomplete = true;
      void this.#recoverSoon();
    });
    store.judgeAbsence = (id) => this.#judgeAbsence(id);
    store.lookAtHistory = async () => void (await this.history.check());
    store.isAwaited = (id) => isLeftOver(parts.registry, id) && !this.#hasUnregistered(id);
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
    if (this.#pending.has(appid) && own.has(id)) return own.of(appid).get(id)?.content;
    const app = isLeftOver(registry, id) ? registry.app(appid) : undefined;
    return app && contentOf(app);
  }

  registered(documents: readonly RegisteredDocument[]): Promise<void> | undefined {
    const { own, history } = this;
    for (const { id, content, version } of documents) {
      own.note(id, content, version);
      this.#removals.registered(content);
    }
    const changed = documents.filter(({ isChanged }) => isChanged).map(({ id }) => id);
    return changed.length > 0 ? history.noteRegistered(changed) : undefined;
  }

  unregistering(id: string): Promise<Unregistering> {
    return this.#removals.begin(id);
  }

  /** Keeps what is held, says so, and begins to put back what has to be. */
  replaced(replacement: Replacement, isSameHistory: boolean): void {
    const { registry, records, writer, events } = this.#parts;
    this.#replacement = replacement;
    this.#isIncomplete = true;
    registry.leaveOver();
    // A backup may have a registration from before the present one. In another store marks are given anew.
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

  /** Tells what it means that a document was found missing just now. */
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
      if (records.isDisplaced(held)) return 'lost';
      const absence = await judgeMissingRecord(held, this.#parts);
      // A store that was emptied after the look before has no registration either.
      if (absence === 'deleted' && held.rotation !== undefined) await history.check();
      if (absence === 'lost') records.displaceOne(held);
      return records.isDisplaced(held) ? 'lost' : absence;
    }
    const appid = appidOf(id);
    if (own.has(id) && this.#pending.has(appid)) {
      await this.#putBackApp(appid);
      return 'restored';
    }
    return isLeftOver(registry, id) && !this.#hasUnregistered(id) && this.#lives(id) ? 'lost' : 'deleted';
  }

  /** Returns whether this app or task, as it is held, was unregistered. */
  #hasUnregistered(id: string): boolean {
    const { own, history } = this;
    const key = parseKey(id) ?? { appid: appidOf(id), type: id };
    return (
      history.hasUnregistered(id, own.marks(id)) || history.hasUnregistered(id, this.#parts.registry.enrolment(key))
    );
  }

  /** Looks which history the store has, and goes on with what it still lacks. */
  async look(): Promise<void> {
    await this.history.check();
    if (this.#isIncomplete) await this.#recoverSoon();
  }

  /** Puts back held tokens of an app that was read, or a task of it: another process may have put back what they belong to. */
  async showed(appid: string): Promise<void> {
    if (this.#isIncomplete) await this.#parts.recordReader.loadAll(this.#displaced(appid));
  }

  async stop(): Promise<void> {
    this.#retry?.cancel();
    await this.#recovering;
    await this.history.stop();
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

  /** Returns whether all has been done that can be done now. */
  async #recover(): Promise<boolean> {
    const { registry, records, closing } = this.#parts;
    const { generation } = this.history;
    await this.#removals.repeat();
    await this.#putBackAll();
    await registry.loadAll(closing);
    await this.#parts.recordReader.loadAll(this.#displaced());
    if (this.history.generation !== generation || !this.#removals.isSettled) return false;
    if (this.#pending.size > 0 || this.#undue.size > 0) return false;
    const left = [...records.displaced()];
    this.#isIncomplete = left.length > 0 || hasLeftOvers(registry);
    // Those whose app is not there wait until it is, and are looked at each minute.
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

  /** Puts back the documents of an app. What is read meanwhile waits for this, so that it waits for no read. */
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

  /** Returns the keys whose records are displaced: all, or those of one app. */
  #displaced(appid?: string): TokenKey[] {
    return [...this.#parts.records.displaced(appid)].map(({ key }) => key);
  }

  /** Returns whether a token lives for which this app or task is needed. */
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
