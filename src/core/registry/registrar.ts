import type { Clock } from '../concurrency/clock.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Closing } from '../model/closing.js';
import { belongsTo, markFrom, newMark } from '../model/enrolment.js';
import type { RegistrationPlan, TaskPlan } from '../model/registration.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import { canonicalJson } from '../primitives/checksum.js';
import type { JsonObject } from '../primitives/json.js';
import { seal, unseal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';
import { listenerOf, type RegisteredDocument, type RegistrarListener } from './registrar-listener.js';
import { appContent, scheduledDocuments, taskContent } from './registration-content.js';
import { appFrom } from './registration-document.js';
import { LeaseTimeUp, type RegistrationLease, RegistrationLeases, StoreReplaced } from './registration-lease.js';
import { RegistrationRemoval } from './registration-removal.js';
import {
  type Decided,
  type Decision,
  dueTarget,
  opened,
  RegistrationWriter,
  type Settled,
  type Target,
} from './registration-writer.js';
import type { Registry } from './registry.js';
import { isBeingRemoved, removalMarkId } from './removal-mark.js';

export interface RegistrarParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly registry: Registry;
  readonly clock: Clock;
  /**
   * The closing of the manager. Once it has begun, no change begins, and a change that loses to another process is not
   * retried.
   */
  readonly closing: Closing;
  /** Whether dues are only in the store, so that a new task needs one there. */
  readonly isShared: boolean;
  /** Called after the registration of an app was changed, since attempts that failed before may succeed now. */
  readonly hurryApp: (appid: string) => void;
  /** Returns a unique id. */
  readonly newId: () => string;
}

/** A part of a registration that is written under one lease. */
interface Part {
  readonly plan: RegistrationPlan;
  /** The tasks of the part, by the ids of their documents. */
  readonly tasks: ReadonlyMap<string, TaskPlan>;
  /** The version of the app's document after the previous part, which it must still have. Absent in the first part. */
  readonly appVersion?: number;
  /**
   * Whether tasks are written even if they are stored already, since these may belong to a registration that is about
   * to be removed.
   */
  readonly isForced?: boolean;
  /** Whether nothing is written if the app is missing. */
  readonly needsApp?: boolean;
  /** The ids of documents that have been written already and need not be written again. */
  readonly done: ReadonlySet<string>;
}

/** The progress of a registration that is written in parts. */
interface PartsProgress {
  next: number;
  appVersion?: number;
  isForced?: boolean;
  readonly done: Set<string>;
}

type Stored = ReadonlyMap<string, StoredDocument>;

/** The maximum number of tasks that are registered all or nothing. */
const MAX_AT_ONCE = 1_000;
const MAX_ROUNDS = 10;

/**
 * Writes registrations.
 *
 * Up to 1,000 tasks are written under one lease, all or none. The app is written after them, since it makes them valid.
 * A larger registration is written in parts, each within the time of a lease. The app comes first then, so that its
 * removal between two parts is noticed and does not delete documents of the new registration. If another process has
 * changed the app in between, all parts are written again.
 */
export class Registrar {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #closing: Closing;
  readonly #isShared: boolean;
  readonly #hurryApp: (appid: string) => void;
  #listener: RegistrarListener;
  readonly #newId: () => string;
  readonly #writer: RegistrationWriter;
  readonly #leases: RegistrationLeases;
  readonly #removal: RegistrationRemoval;
  readonly #turns = new KeyedMutex();

  constructor({ store, reader, registry, clock, closing, isShared, hurryApp, newId }: RegistrarParts) {
    this.#newId = newId;
    this.#store = store;
    this.#listener = listenerOf(registry);
    this.#reader = reader;
    this.#registry = registry;
    this.#clock = clock;
    this.#closing = closing;
    this.#isShared = isShared;
    this.#hurryApp = hurryApp;
    this.#writer = new RegistrationWriter(store, closing);
    this.#leases = new RegistrationLeases(store, clock, closing);
    this.#removal = new RegistrationRemoval(store, this.#writer, this.#leases, clock, (id) =>
      this.#listener.unregistering(id),
    );
  }

  /** Sets the listener that is notified of registrations and unregistrations made here. */
  listen(listener: RegistrarListener): void {
    this.#listener = listener;
  }

  async register(plan: RegistrationPlan): Promise<void> {
    const appId = appDocumentId(plan.appid);
    let needsApp = this.#listener.knows(appId);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      try {
        if (await this.#register(plan, needsApp)) return;
        // The app is missing. If the store has lost it, it is put back, so that this registration can be added to it.
        await this.#store.judgeAbsence(appId);
        needsApp = false;
      } catch (error) {
        if (!(error instanceof StoreReplaced)) throw error;
        needsApp = this.#listener.knows(appId);
      }
    }
    throw new StoreReplaced(plan.appid);
  }

  unregisterApp(appid: string): Promise<void> {
    return this.#turns.run(appid, async () => {
      const isGone = await this.#removal.removeApp(appid);
      // If another process has registered the app anew, notifications of the store report the deleted documents
      // instead.
      if (isGone) this.#registry.removeApp(appid);
    });
  }

  /**
   * Unregisters a task.
   *
   * @param isStillWanted - asked when no other process can change the registration any more; if it returns `false`, the
   *   call fails.
   */
  unregisterTask(key: TokenKey, isStillWanted: () => boolean = () => true): Promise<void> {
    return this.#turns.run(key.appid, async () => {
      await this.#removal.removeTask(key, isStillWanted);
      this.#registry.removeTask(key);
    });
  }

  /**
   * Deletes once more those of these apps and tasks whose enrolment has ended; see {@link
   * RegistrationRemoval.removeEnded}.
   */
  removeEnded(...[appid, ids, hasEnded]: Parameters<RegistrationRemoval['removeEnded']>): Promise<void> {
    return this.#turns.run(appid, () => this.#removal.removeEnded(appid, ids, hasEnded));
  }

  /**
   * Runs one change of an app's registration at a time in the whole fleet. The work has to check the remaining time of
   * its lease.
   */
  exclusively(appid: string, work: (lease: RegistrationLease) => Promise<void>): Promise<void> {
    return this.#turns.run(appid, () => this.#leases.hold(appid, work));
  }

  /**
   * Writes a registration.
   *
   * @returns whether it was written, which it is not if the app is needed and missing.
   */
  #register(plan: RegistrationPlan, needsApp: boolean): Promise<boolean> {
    const tasks = new Map(plan.tasks.map((task) => [documentId('task', task.key), task]));
    return this.#turns.run(plan.appid, () =>
      tasks.size > MAX_AT_ONCE
        ? this.#registerInParts(plan, tasks, needsApp)
        : this.#registerAtOnce(plan, tasks, needsApp),
    );
  }

  async #registerAtOnce(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    needsApp: boolean,
  ): Promise<boolean> {
    return this.#leases.hold(plan.appid, async (lease) => {
      const settled: Settled[] = [];
      const done: ReadonlySet<string> = new Set();
      const { generation } = this.#listener;
      try {
        if ((await this.#write({ plan, tasks, needsApp, done }, lease, settled)) === undefined) return false;
      } catch (error) {
        await this.#writer.undo(settled, lease);
        // The closing of the manager has waited for this registration, and is the error to report.
        if (error instanceof LeaseTimeUp) this.#closing.assertOpen();
        throw error;
      }
      await this.#adopt(plan, tasks, settled, done, generation);
      return true;
    });
  }

  async #registerInParts(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    needsApp: boolean,
  ): Promise<boolean> {
    if (needsApp) {
      const [app] = await this.#store.get([appDocumentId(plan.appid)]);
      if (app === undefined) return false;
    }
    const all = [...tasks];
    const parts: ReadonlyMap<string, TaskPlan>[] = [new Map()];
    for (let first = 0; first < all.length; first += MAX_AT_ONCE) {
      parts.push(new Map(all.slice(first, first + MAX_AT_ONCE)));
    }
    for (let round = 0; round < MAX_ROUNDS; round++) if (await this.#writeParts(plan, parts)) return true;
    throw contended(`the registration of ${plan.appid}`, { appid: plan.appid });
  }

  /**
   * Writes all parts of a registration.
   *
   * @param parts - the first has no task and stands for the app.
   * @returns whether the app has stayed the same from the first part to the last.
   */
  async #writeParts(plan: RegistrationPlan, parts: readonly ReadonlyMap<string, TaskPlan>[]): Promise<boolean> {
    const progress: PartsProgress = { next: 0, done: new Set() };
    for (let leases = 0; progress.next < parts.length; leases++) {
      if (leases > 0) await this.#leases.pause();
      const isSame = await this.#leases.hold(plan.appid, (lease) => this.#writeSome(plan, parts, progress, lease));
      if (!isSame) return false;
    }
    return true;
  }

  /** Writes as many parts as the time of the lease permits. */
  async #writeSome(
    plan: RegistrationPlan,
    parts: readonly ReadonlyMap<string, TaskPlan>[],
    progress: PartsProgress,
    lease: RegistrationLease,
  ): Promise<boolean> {
    let wrote = false;
    while (progress.next < parts.length && (lease.hasTime || !wrote)) {
      const tasks = parts[progress.next] as ReadonlyMap<string, TaskPlan>;
      const settled: Settled[] = [];
      const { generation } = this.#listener;
      try {
        const app = await this.#write({ plan, tasks, ...progress }, lease, settled);
        if (app === undefined) return false;
        progress.appVersion = await this.#adopt(plan, tasks, settled, progress.done, generation);
        progress.isForced ??= app.wasMissing;
        progress.next += 1;
        wrote = true;
      } catch (error) {
        wrote ||= settled.some(({ isWritten }) => isWritten);
        // The rest is written under the next lease, unless not even one document could be written under a whole lease.
        if (!wrote || !(error instanceof LeaseTimeUp)) throw error;
        for (const { id, isUncertain } of settled) if (!isUncertain) progress.done.add(id);
        return true;
      }
    }
    return true;
  }

  /**
   * Writes a part under a lease: the tasks, then the app, and the dues last, because a process that claims a due whose
   * task is missing removes the due.
   *
   * @param settled - collects the written documents, even if the write fails later.
   * @returns whether the app was there; `undefined`, with nothing written, if it is missing although needed, or was
   *   changed since the previous part.
   */
  async #write(part: Part, lease: RegistrationLease, settled: Settled[]): Promise<{ wasMissing: boolean } | undefined> {
    const { plan, tasks, appVersion, needsApp = false, done } = part;
    const appId = appDocumentId(plan.appid);
    const markId = removalMarkId(plan.appid);
    const scheduled = this.#isShared ? scheduledDocuments([...tasks.values()]) : [];
    const stored = await this.#writer.read([...tasks.keys(), appId, markId, ...scheduled.map(({ id }) => id)], lease);
    const app = stored.get(appId);
    if (needsApp && app === undefined) return undefined;
    if (appVersion !== undefined && app?.version !== appVersion) return undefined;
    const now = this.#clock.now();
    const isRemoved = isBeingRemoved(stored.get(markId), now);
    const isForced = part.isForced === true || app === undefined || isRemoved;
    const targets = [...tasks].map(([id, task]) =>
      this.#target(id, (content) => taskContent(task, content), isForced && !done.has(id)),
    );
    const appTarget = this.#appTarget(plan, app, isRemoved && appVersion === undefined);
    // All documents are decided before any is written, so that an unreadable one fails the registration while nothing
    // is written.
    const decided = await this.#decide([...targets, appTarget], stored);
    this.#closing.assertOpen();
    await this.#writer.write(decided.slice(0, -1), lease, settled);
    await this.#writer.write(decided.slice(-1), lease, settled);
    const written = new Set(settled.flatMap(({ id, isWritten }) => (isWritten || done.has(id) ? id : [])));
    const dues = scheduled.map((document) => {
      const isTaskChanged = written.has(document.taskId) && !done.has(document.id);
      return dueTarget(document, now, isTaskChanged);
    });
    await this.#writer.write(await this.#decide(dues, stored), lease, settled);
    if (app !== undefined && written.has(appId)) this.#hurryApp(plan.appid);
    return { wasMissing: app === undefined };
  }

  #decide(targets: readonly Target[], stored: Stored): Promise<Decided[]> {
    return Promise.all(
      targets.map(async (target): Promise<Decided> => [target, await target.decide(stored.get(target.id))]),
    );
  }

  #appTarget(plan: RegistrationPlan, found: StoredDocument | undefined, isForced: boolean): Target {
    const id = appDocumentId(plan.appid);
    const lost = found === undefined ? this.#listener.lost(id) : undefined;
    const target = this.#target(id, (content) => appContent(plan, content), isForced, lost);
    const decide: Target['decide'] = async (stored) => {
      // Under the lease no process deletes the app, so the store was replaced. Settings that this registration does not
      // name would be lost for good.
      if (found !== undefined && stored === undefined) throw new StoreReplaced(plan.appid);
      return target.decide(stored);
    };
    return { id, decide };
  }

  /**
   * Returns the target of a document.
   *
   * @param lost - the content of a missing document, as far as it is known.
   */
  #target(id: string, contentFrom: (content: JsonObject) => JsonObject, isForced: boolean, lost?: JsonObject): Target {
    return {
      id,
      decide: async (stored): Promise<Decision> => {
        const before = await opened(this.#reader, stored, unseal);
        const content = contentFrom(before?.content ?? { enrolment: newMark(this.#newId), ...lost });
        const differs = before === undefined || isForced || canonicalJson(content) !== canonicalJson(before.content);
        return { before: before?.found, data: seal(id, content), due: before?.found.due, differs };
      },
    };
  }

  /**
   * Adopts a part after it was written.
   *
   * @param generation - the number of replacements of the store before the part was written.
   * @returns the version of the app.
   * @throws StoreReplaced if the store has been replaced since.
   */
  async #adopt(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    settled: readonly Settled[],
    done: ReadonlySet<string>,
    generation: number,
  ): Promise<number> {
    const byId = new Map(settled.map((one) => [one.id, one]));
    const app = byId.get(appDocumentId(plan.appid)) as Settled;
    const isSame = [{ appid: plan.appid, type: '' }, ...[...tasks.values()].map(({ key }) => key)].every((key) => {
      const task = markFrom(byId.get(documentId('task', key))?.data ?? {});
      return belongsTo({ app: markFrom(app.data), task }, this.#registry.enrolment(key));
    });
    // A replaced store has other marks as well, and cached documents must not be dropped because of these.
    if (!isSame) await this.#store.lookAtHistory();
    if (this.#listener.generation !== generation) throw new StoreReplaced(plan.appid);
    const registered = [...tasks.keys(), appDocumentId(plan.appid)].map((id): RegisteredDocument => {
      const { data, version, isWritten } = byId.get(id) as Settled;
      return { id, content: unseal({ id, data, version }), version, isChanged: isWritten || done.has(id) };
    });
    const noting = this.#listener.registered(registered);
    this.#registry.setApp(appFrom(plan.appid, app.data, app.version));
    this.#registry.setTasks(
      [...tasks].map(([id, { key, params, notify }]) => {
        const { data, version } = byId.get(id) as Settled;
        return { key, params, notify, functionMissing: false, enrolment: markFrom(data), version };
      }),
    );
    await noting;
    return app.version;
  }
}
