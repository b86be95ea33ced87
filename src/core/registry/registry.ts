import type { LRUCache } from 'lru-cache';
import { OpenReads } from '../concurrency/open-reads.js';
import { ReadsInTurn } from '../concurrency/reads-in-turn.js';
import type { Closing } from '../model/closing.js';
import { type Enrolment, enrolmentOf, markFrom } from '../model/enrolment.js';
import { isTokenError, type TokenError } from '../model/errors.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, appidOf, documentId, parseKey, registrationIds, type TokenKey } from '../model/token-key.js';
import { batches } from '../primitives/batches.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import { unseal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { isEnrolledAnew, OF_ANOTHER_STORE } from './left-overs.js';
import { OwnRegistrations } from './own-registrations.js';
import { appFrom, type RegisteredApp, taskFrom } from './registration-document.js';
import { NO_LISTENER, type RegistryListener } from './registry-listener.js';
import type { RegistryOptions } from './registry-options.js';
import { hasParamsFunction, type RegisteredTask, TaskEntries, type TaskEntry } from './task-entry.js';

type ReadDocuments = (ids: readonly string[]) => Promise<(StoredDocument | undefined)[]>;

const MAX_DELETED = 1_000;
const MAX_SOUGHT = 1_000;

/**
 * Holds the apps and tasks that this process knows: their stored state, and the params functions, which cannot be
 * stored. It holds all of them or, if a fleet shares more than one process can hold, those that were used last.
 */
export class Registry {
  readonly #apps = new Map<string, RegisteredApp>();
  readonly #tasks: TaskEntries;
  readonly #unreadable = new Map<string, TokenError>();
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  #listener: RegistryListener = NO_LISTENER;
  /**
   * The ids of documents that have been read, present or absent. Evicted ones are forgotten. Absent if everything is
   * cached.
   */
  readonly #known: LRUCache<string, true> | undefined;
  readonly #own: OwnRegistrations;
  readonly #openReads = new OpenReads();
  readonly #reads = new ReadsInTurn();
  /** The apps that were cached and then found deleted by another process. */
  readonly #deleted = boundedCache<string, true>(MAX_DELETED);
  /** The apps that were looked up last in vain. They are adopted when they are registered, since callers wait for them. */
  readonly #sought = boundedCache<string, true>(MAX_SOUGHT);

  constructor(store: SupervisedStore, reader: DocumentReader, options: RegistryOptions = {}) {
    const { maxHeld, tasks = new TaskEntries(), own = new OwnRegistrations() } = options;
    this.#tasks = tasks;
    this.#own = own;
    this.#store = store;
    this.#reader = reader;
    if (maxHeld === undefined) return;
    this.#known = boundedCache<string, true>(maxHeld, (_known, id, reason) => {
      if (reason === 'evict') this.#drop(id);
    });
  }

  /** Sets the listener that is notified of changes of apps and tasks. */
  listen(listener: RegistryListener): void {
    this.#listener = listener;
  }

  /** Returns whether every app and task is cached after {@link Registry.loadAll}. */
  get holdsAll(): boolean {
    return this.#known === undefined;
  }

  /**
   * Returns the app.
   *
   * @throws the `TokenError` of an app whose document is unreadable.
   */
  app(appid: string): RegisteredApp | undefined {
    const error = this.#unreadable.get(appid);
    if (error !== undefined) throw error;
    return this.#apps.get(appid);
  }

  /** Returns the app as it was last read. Its document may have become unreadable since. */
  known(appid: string): RegisteredApp | undefined {
    return this.#apps.get(appid);
  }

  hasApp(appid: string): boolean {
    return this.#apps.has(appid);
  }

  task(key: TokenKey): TaskEntry | undefined {
    const task = this.#tasks.of(key);
    if (task !== undefined) this.#known?.get(documentId('task', key));
    return task;
  }

  tasks(): Iterable<TaskEntry> {
    return this.#tasks.all();
  }

  tasksOf(appid: string): Iterable<TaskEntry> {
    return this.#tasks.ofApp(appid);
  }

  /** Returns whether an app was cached until the store no longer showed it, and has not been registered since. */
  wasDeleted(appid: string): boolean {
    return this.#deleted.has(appid);
  }

  /** Returns the version of the cached app or task with this id. */
  versionOf(id: string): number | undefined {
    return this.#held(id)?.version;
  }

  /**
   * Keeps the cached apps and tasks although the store has been replaced, with a version below any in the new store.
   */
  leaveOver(): void {
    this.#openReads.noteReplacement();
    for (const [appid, app] of this.#apps) this.#apps.set(appid, { ...app, version: OF_ANOTHER_STORE });
    for (const task of this.tasks()) task.version = OF_ANOTHER_STORE;
    for (const id of [...(this.#known?.keys() ?? [])]) if (this.#held(id) === undefined) this.#known?.delete(id);
  }

  /**
   * Returns a value that identifies the registration of a key, since a failure belongs to the registration that it was
   * made with.
   */
  fingerprint(key: TokenKey): string {
    return `${this.#apps.get(key.appid)?.version ?? 0}:${this.task(key)?.version ?? 0}`;
  }

  /** Returns the enrolment of a key. */
  enrolment(key: TokenKey): Enrolment {
    return enrolmentOf(this.#apps.get(key.appid), this.#tasks.of(key));
  }

  /** Returns whether a notification for this id concerns this process. */
  isRelevant(id: string): boolean {
    if (this.holdsAll || this.#reads.of(id) !== undefined || this.#isKnown(id) || this.#own.has(id)) return true;
    return parseKey(id) === undefined && this.#sought.has(appidOf(id));
  }

  /** Returns whether the registration of this key is cached. It is called for every token that is served. */
  isCached(key: TokenKey): boolean {
    if (this.holdsAll) return this.#apps.has(key.appid);
    return registrationIds(key).every((id) => this.#isKnown(id));
  }

  /** Reads those apps and tasks of these keys that are not cached, in one round trip. */
  async load(keys: readonly TokenKey[]): Promise<void> {
    await this.#look(new Set(keys.flatMap(registrationIds)));
  }

  /**
   * Reads another document and, in the same round trip, the app and the task of this key if they are not cached. A task
   * that is cached as absent is read too, since it may have been registered elsewhere and the notification not have
   * arrived yet.
   */
  async loadWith(id: string, key: TokenKey): Promise<StoredDocument | undefined> {
    const doubted = new Set(this.task(key) === undefined ? [documentId('task', key)] : []);
    let found: StoredDocument | undefined;
    await this.#look(new Set(registrationIds(key)), doubted, async (missing) => {
      const documents = await this.#store.get([...missing, id]);
      found = documents.pop();
      return documents;
    });
    return found;
  }

  /** Reads this app if it is not cached. */
  async loadApp(appid: string): Promise<void> {
    await this.#look(new Set([appDocumentId(appid)]));
  }

  async #look(ids: ReadonlySet<string>, doubted: ReadonlySet<string> = new Set(), read?: ReadDocuments): Promise<void> {
    const wanted = [...ids].filter((id) => doubted.has(id) || !this.#isKnown(id));
    const missing = wanted.filter((id) => this.#reads.of(id) === undefined);
    // Cached documents must not wait for a store that may be unavailable.
    const reading = new Set(wanted.flatMap((id) => this.#reads.of(id) ?? []));
    if (missing.length > 0 || read !== undefined) reading.add(this.#read(missing, read));
    if (reading.size > 0) await Promise.all(reading);
  }

  /**
   * Reads every app and task that has to be cached.
   *
   * @throws a `TokenError` with code `CLOSED` as soon as the closing begins.
   */
  async loadAll(closing?: Closing): Promise<void> {
    if (!this.holdsAll) return this.#readAgain(closing);
    const doubtful = new Set(this.heldIds());
    const listing = this.#openReads.begin();
    try {
      for (const kind of ['app', 'task']) {
        for await (const document of this.#store.list(kind)) {
          closing?.assertOpen();
          const { id, version } = document;
          // The page may have been read before the document was changed or deleted, so the document is read again at
          // the end.
          doubtful.add(id);
          if (listing.judge(id, version) !== 'news') continue;
          doubtful.delete(id);
          await this.adopt(document);
          // A million tasks may be listed, so nothing but the tasks themselves may stay in memory.
          listing.forget(id, version);
        }
      }
    } finally {
      listing.end();
    }
    for (const id of doubtful) {
      closing?.assertOpen();
      await this.reload(id);
    }
  }

  /** Reads one app or task again, and forgets it if its document is gone. */
  reload(id: string): Promise<void> {
    return this.#reads.again(id, () => this.#readAll([id]));
  }

  setApp(app: RegisteredApp): void {
    const before = this.#apps.get(app.appid);
    if (before !== undefined && before.version > app.version) return;
    this.#unreadable.delete(app.appid);
    this.#deleted.delete(app.appid);
    this.#sought.delete(app.appid);
    this.#apps.set(app.appid, app);
    this.#known?.set(appDocumentId(app.appid), true);
    if (before?.version === app.version) return;
    this.#openReads.noteVersion(appDocumentId(app.appid), app.version);
    if (isEnrolledAnew(before, app)) this.#listener.enrolledAnew(app.appid, undefined, { app: app.enrolment });
    this.#listener.appReplaced(app.appid);
  }

  setTask(task: RegisteredTask): void {
    const { key, version, functionMissing } = task;
    const held = this.#tasks.of(key);
    if (held !== undefined && held.version > version) return;
    if (isEnrolledAnew(held, task)) this.#listener.enrolledAnew(key.appid, key, { task: task.enrolment });
    const isAnother = held?.version !== version || held.functionMissing !== functionMissing;
    // If this version was cached already, a read that began since shows a newer state, so only another version is
    // noted.
    if (held?.version !== version) this.#openReads.noteVersion(documentId('task', key), version);
    held?.update(task);
    // Params functions exist only in memory: these tasks are never evicted.
    if (hasParamsFunction(task)) this.#known?.delete(documentId('task', task.key));
    else this.#known?.set(documentId('task', task.key), true);
    if (held === undefined) {
      this.#listener.taskAdded(this.#tasks.add(task, this.#apps.get(key.appid)?.appid ?? key.appid));
    } else if (isAnother) this.#listener.taskReplaced(held);
  }

  removeTask(key: TokenKey): void {
    const task = this.#tasks.of(key);
    if (task === undefined) return;
    this.#tasks.delete(key);
    this.#openReads.noteVersion(documentId('task', key), task.version);
    this.#listener.taskRemoved(task);
  }

  /** Forgets an app that was unregistered here, and its tasks. */
  removeApp(appid: string): void {
    for (const task of [...this.tasksOf(appid)]) this.removeTask(task.key);
    this.#forgetApp(appid);
  }

  /** Forgets an app, but not its tasks: each of them has a document of its own, which shows whether the task exists. */
  #forgetApp(appid: string): void {
    const app = this.#apps.get(appid);
    this.#unreadable.delete(appid);
    if (app === undefined) return;
    this.#apps.delete(appid);
    this.#openReads.noteVersion(appDocumentId(appid), app.version);
    this.#listener.appForgotten(appid);
    if (this.#known === undefined) return;
    // Cached "no such task" answers are dropped: the appid may be registered again.
    for (const id of [...this.#known.keys()]) if (appidOf(id) === appid) this.#known.delete(id);
  }

  #isKnown(id: string): boolean {
    // The method is `get`, which counts as a use, so that ids that are looked up often are not evicted first.
    if (this.#known !== undefined) return this.#known.get(id) === true || this.#held(id) !== undefined;
    // If everything is cached, notifications announce new tasks. The notification of their app may arrive late.
    return parseKey(id) !== undefined || this.#held(id) !== undefined || this.#unreadable.has(appidOf(id));
  }

  *heldIds(): Iterable<string> {
    yield* [...this.#apps.keys()].map(appDocumentId);
    yield* [...this.tasks()].map(({ key }) => documentId('task', key));
  }

  async #readAgain(closing: Closing | undefined): Promise<void> {
    const ids = [...new Set([...this.heldIds(), ...(this.#known?.keys() ?? [])])];
    for (const batch of batches(ids)) {
      closing?.assertOpen();
      await Promise.all(batch.flatMap((id) => this.#reads.of(id)?.catch(noop) ?? []));
      await this.#read(batch);
    }
  }

  #read(ids: readonly string[], read?: ReadDocuments): Promise<void> {
    return this.#reads.begin(ids, () => this.#readAll(ids, read));
  }

  async #readAll(ids: readonly string[], read: ReadDocuments = (wanted) => this.#store.get(wanted)): Promise<void> {
    let unclear = await this.#readOnce(ids, read);
    while (unclear.length > 0) unclear = await this.#readOnce(unclear, (again) => this.#store.get(again));
    for (const id of ids) this.#note(id);
  }

  /**
   * Reads documents and adopts those that are new.
   *
   * @returns the ids that have to be read again, because they changed meanwhile.
   */
  async #readOnce(ids: readonly string[], read: ReadDocuments): Promise<readonly string[]> {
    const unclear: string[] = [];
    const reading = this.#openReads.begin();
    try {
      const documents = await read(ids);
      // Absences are judged together, so that they share the reads which that takes: a store that has lost them lacks
      // all of them.
      const judged = ids.map((id, index) =>
        documents[index] === undefined ? this.#store.judgeAbsence(id) : undefined,
      );
      const absences = await Promise.all(judged);
      for (const [index, id] of ids.entries()) {
        const document = documents[index];
        const absence = absences[index];
        const judgement = absence === 'restored' ? 'unclear' : reading.judge(id, document?.version);
        if (judgement === 'unclear') unclear.push(id);
        else if (judgement === 'old') continue;
        else if (document !== undefined) await this.adopt(document);
        else if (absence === 'deleted') this.#adoptAbsence(id);
      }
    } finally {
      reading.end();
    }
    return unclear;
  }

  /**
   * Notes that a task is absent, but only if its app is present, and of apps only those that were looked up last, so that look-ups
   * of made-up names use little memory.
   */
  #note(id: string): void {
    if (this.#known === undefined || this.#held(id) !== undefined) return;
    const appid = appidOf(id);
    const isOfAnApp = parseKey(id) !== undefined && this.#apps.has(appid);
    if (isOfAnApp || this.#unreadable.has(appid)) this.#known.set(id, true);
    else this.#known.delete(id);
    if (parseKey(id) === undefined && !this.#unreadable.has(appid)) this.#sought.set(appid, true);
  }

  /** Drops a document that has not been used for long. It is read again when it is needed. */
  #drop(id: string): void {
    const key = parseKey(id);
    if (key !== undefined) return void this.#tasks.delete(key);
    const appid = appidOf(id);
    // A task is not refreshed without its app, and a task with a params function has to be refreshed here, so its app
    // stays.
    for (const task of this.tasksOf(appid)) if (hasParamsFunction(task)) return;
    this.#apps.delete(appid);
    this.#unreadable.delete(appid);
  }

  #held(id: string): RegisteredApp | RegisteredTask | undefined {
    const key = parseKey(id);
    return key === undefined ? this.#apps.get(appidOf(id)) : this.#tasks.of(key);
  }

  #adoptAbsence(id: string): void {
    const appid = appidOf(id);
    this.#own.forget(id);
    if (parseKey(id) === undefined && this.#apps.has(appid)) this.#deleted.set(appid, true);
    this.#forget(id);
  }

  #forget(id: string): void {
    const key = parseKey(id);
    if (key === undefined) this.#forgetApp(appidOf(id));
    else this.removeTask(key);
    this.#openReads.noteAbsence(id);
  }

  /** Adopts a document that was just read or written. */
  async adopt(document: StoredDocument): Promise<void> {
    const { id } = document;
    const key = parseKey(id);
    const appid = appidOf(id);
    const content = await this.#reader.read<JsonObject | TokenError | undefined>(
      document,
      (found) => (found === undefined ? undefined : unseal(found)),
      (error) => error,
    );
    if (isTokenError(content)) {
      // The cached task, if any, remains.
      if (key === undefined) this.#unreadable.set(appid, content);
      return;
    }
    if (content === undefined) return this.#forget(id);
    const { version } = document;
    // A replaced store has other marks as well, and cached documents must not be dropped because of these.
    if (isEnrolledAnew(this.#held(id), { version, enrolment: markFrom(content) })) await this.#store.lookAtHistory();
    this.#own.update(id, content, version);
    if (key === undefined) this.setApp(appFrom(appid, content, version));
    else this.setTask(taskFrom(key, content, version, this.task(key)));
  }
}
