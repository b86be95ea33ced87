import type { Clock } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { belongsTo, markFrom, newMark } from '../model/enrolment.js';
import type { RegistrationPlan, TaskPlan } from '../model/registration.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, documentId } from '../model/token-key.js';
import { canonicalJson } from '../primitives/checksum.js';
import type { JsonObject } from '../primitives/json.js';
import { seal, unseal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { listenerOf, type RegisteredDocument, type RegistrarListener } from './registrar-listener.js';
import { appContent, type ScheduledDocument, scheduledDocuments, taskContent } from './registration-content.js';
import { appFrom } from './registration-document.js';
import { type RegistrationLease, StoreReplaced } from './registration-lease.js';
import {
  type Decided,
  type Decision,
  dueTarget,
  keptDocument,
  opened,
  type RegistrationWriter,
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
export interface RegistrationPart {
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

type Stored = ReadonlyMap<string, StoredDocument>;

/** Writes the parts of registrations, each under a lease, and makes them known to this process. */
export class RegistrationPartWriter {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #closing: Closing;
  readonly #isShared: boolean;
  readonly #hurryApp: (appid: string) => void;
  readonly #newId: () => string;
  readonly #writer: RegistrationWriter;
  #listener: RegistrarListener;

  constructor(
    { store, reader, registry, clock, closing, isShared, hurryApp, newId }: RegistrarParts,
    writer: RegistrationWriter,
  ) {
    this.#store = store;
    this.#reader = reader;
    this.#registry = registry;
    this.#clock = clock;
    this.#closing = closing;
    this.#isShared = isShared;
    this.#hurryApp = hurryApp;
    this.#newId = newId;
    this.#writer = writer;
    this.#listener = listenerOf(registry);
  }

  /** Sets the listener that is notified of registrations. */
  listen(listener: RegistrarListener): void {
    this.#listener = listener;
  }

  /**
   * Writes a part under a lease: the tasks, then the app, and the dues last, because a process that claims a due whose
   * task is missing removes the due.
   *
   * @param settled - collects the written documents, even if the write fails later.
   * @returns whether the app was there; `undefined`, with nothing written, if it is missing although needed, or was
   *   changed since the previous part.
   */
  async write(
    part: RegistrationPart,
    lease: RegistrationLease,
    settled: Settled[],
  ): Promise<{ wasMissing: boolean } | undefined> {
    const { plan, tasks, appVersion, needsApp = false, done } = part;
    const appId = appDocumentId(plan.appid);
    const scheduled = this.#scheduled(tasks);
    const stored = await this.#readAll(plan, tasks, scheduled, lease);
    const app = stored.get(appId);
    if (needsApp && app === undefined) return undefined;
    if (appVersion !== undefined && app?.version !== appVersion) return undefined;
    const now = this.#clock.now();
    // All documents are decided before any is written, so that an unreadable one fails the registration while nothing
    // is written.
    const decided = await this.#decideAll(part, stored, now);
    this.#closing.assertOpen();
    await this.#writer.write(decided.slice(0, -1), lease, settled);
    await this.#writer.write(decided.slice(-1), lease, settled);
    const written = new Set(settled.flatMap(({ id, isWritten }) => (isWritten || done.has(id) ? id : [])));
    const versions = new Map(settled.map(({ id, version }) => [id, version]));
    const dues = scheduled.map((document) => {
      const isTaskChanged = written.has(document.taskId) && !done.has(document.id);
      const registration = `${versions.get(appId)}:${versions.get(document.taskId)}`;
      return dueTarget(document, now, isTaskChanged, registration);
    });
    await this.#writer.write(await this.#decide(dues, stored), lease, settled);
    if (app !== undefined && written.has(appId)) this.#hurryApp(plan.appid);
    return { wasMissing: app === undefined };
  }

  /**
   * Returns the documents of a registration if all of it is stored, so that nothing has to be written; otherwise
   * `undefined`.
   */
  async standing(plan: RegistrationPlan, tasks: ReadonlyMap<string, TaskPlan>): Promise<Settled[] | undefined> {
    const scheduled = this.#scheduled(tasks);
    const stored = await this.#readAll(plan, tasks, scheduled, undefined);
    const now = this.#clock.now();
    const decided = await this.#decideAll({ plan, tasks, done: new Set() }, stored, now);
    const settled = decided.map(([{ id }, decision]) => keptDocument(id, decision));
    const versions = new Map(settled.map(({ id, version }) => [id, version]));
    const dues = scheduled.map((document) => {
      const registration = `${versions.get(appDocumentId(plan.appid))}:${versions.get(document.taskId)}`;
      return dueTarget(document, now, false, registration);
    });
    const all = [...decided, ...(await this.#decide(dues, stored))];
    return all.some(([, { differs }]) => differs) ? undefined : settled;
  }

  #scheduled(tasks: ReadonlyMap<string, TaskPlan>): readonly ScheduledDocument[] {
    return this.#isShared ? scheduledDocuments([...tasks.values()]) : [];
  }

  #readAll(
    { appid }: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    scheduled: readonly ScheduledDocument[],
    lease: RegistrationLease | undefined,
  ): Promise<Stored> {
    const ids = [...tasks.keys(), appDocumentId(appid), removalMarkId(appid), ...scheduled.map(({ id }) => id)];
    return this.#writer.read(ids, lease);
  }

  /** Decides on the tasks of a part, and on the app, which comes last. */
  #decideAll(part: RegistrationPart, stored: Stored, now: number): Promise<Decided[]> {
    const { plan, tasks, appVersion, done } = part;
    const app = stored.get(appDocumentId(plan.appid));
    const isRemoved = isBeingRemoved(stored.get(removalMarkId(plan.appid)), now);
    const isForced = part.isForced === true || app === undefined || isRemoved;
    const targets = [...tasks].map(([id, task]) =>
      this.#target(id, (content) => taskContent(task, content), isForced && !done.has(id)),
    );
    return this.#decide([...targets, this.#appTarget(plan, app, isRemoved && appVersion === undefined)], stored);
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
  async adopt(
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
    const registered = [...tasks.keys(), appDocumentId(plan.appid)].map((id): RegisteredDocument => {
      const { data, version, isWritten } = byId.get(id) as Settled;
      return { id, content: unseal({ id, data, version }), version, isChanged: isWritten || done.has(id) };
    });
    const isKnown = registered.every(
      ({ id, version, isChanged }) => isChanged || this.#registry.versionOf(id) === version,
    );
    // A replaced store has other marks as well, and cached documents must not be dropped because of these. A document
    // that is stored already, and unknown here, may have been unregistered before the store was replaced.
    if (!isSame || !isKnown) await this.#store.lookAtHistory();
    if (this.#listener.generation !== generation) throw new StoreReplaced(plan.appid);
    const noting = this.#listener.registered(registered);
    this.#registry.setApp(appFrom(plan.appid, app.data, app.version));
    for (const [id, { key, params, notify }] of tasks) {
      const { data, version } = byId.get(id) as Settled;
      const enrolment = markFrom(data);
      this.#registry.setTask({ key, params, notify, functionMissing: false, enrolment, version });
    }
    await noting;
    return app.version;
  }
}
