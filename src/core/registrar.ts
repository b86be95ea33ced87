import { allOf } from './all-of.js';
import { canonicalJson } from './checksum.js';
import { type Clock, wait } from './clock.js';
import type { Closing } from './closing.js';
import { seal, unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import { TokenError } from './errors.js';
import type { JsonObject } from './json.js';
import type { RegistrationPlan, TaskPlan } from './registration.js';
import { appFrom } from './registration-document.js';
import type { Registry } from './registry.js';
import { Slots } from './slots.js';
import type { Due, Lease, StoredDocument } from './store.js';
import type { SupervisedStore } from './supervised-store.js';
import { COMMAND_TIMEOUT_MS, LEASE_MS } from './time-limits.js';
import { appDocumentId, DELIVERY_LANE, documentId, type TokenKey } from './token-key.js';
import { Turns } from './turns.js';

interface Change {
  readonly id: string;
  readonly before: StoredDocument | undefined;
  readonly content: JsonObject;
  /** What is stored then: the content, sealed. */
  readonly data: JsonObject;
  readonly due?: Due | undefined;
  /** Whether that differs from what is stored. */
  readonly differs: boolean;
}

export interface RegistrarParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Once it has begun, no change begins, and one that loses to another process is not tried again. */
  readonly closing: Closing;
  /** Whether what is due stands in the store alone, so that a new task has to be written there. */
  readonly isShared: boolean;
  /** The registration of an app was changed: what failed with the one before may work now. */
  readonly hurryApp: (appid: string) => void;
}

interface Written {
  readonly change: Change;
  /** `undefined`: somebody else wrote first. */
  readonly version: number | undefined;
}

interface ScheduledDocument {
  readonly id: string;
  readonly lane: string;
  /** The task that it is scheduled for. */
  readonly taskId: string;
}

/** Thousands of tasks at once must not wait behind one another until the store counts as gone. */
const MAX_WRITING = 16;
const MAX_ROUNDS = 10;

/** Writes registrations: all documents of one or none, the app's after its tasks, so that it is the one that makes them count. */
export class Registrar {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #closing: Closing;
  readonly #isShared: boolean;
  readonly #hurryApp: (appid: string) => void;
  readonly #writing = new Slots(MAX_WRITING);
  readonly #turns = new Turns();

  constructor({ store, reader, registry, clock, closing, isShared, hurryApp }: RegistrarParts) {
    this.#store = store;
    this.#clock = clock;
    this.#closing = closing;
    this.#reader = reader;
    this.#registry = registry;
    this.#isShared = isShared;
    this.#hurryApp = hurryApp;
  }

  register(plan: RegistrationPlan): Promise<void> {
    return this.#exclusively(plan.appid, () => this.#register(plan));
  }

  unregisterApp(appid: string): Promise<void> {
    return this.#exclusively(appid, async () => {
      await this.#deleteAll(`task/${appid}`);
      await this.#deleteOne(appDocumentId(appid));
      await allOf([this.#deleteAll(`key/${appid}`), this.#deleteAll(`delivery/${appid}`)]);
      this.#registry.removeApp(appid);
    });
  }

  unregisterTask(key: TokenKey): Promise<void> {
    return this.#exclusively(key.appid, async () => {
      await this.#deleteOne(documentId('task', key));
      await allOf([this.#deleteOne(documentId('key', key)), this.#deleteOne(documentId('delivery', key))]);
      this.#registry.removeTask(key);
    });
  }

  /**
   * One change of an app's registration at a time, in the whole fleet: nobody may count on a document that somebody else
   * has written and takes back when the rest of a registration fails.
   */
  #exclusively(appid: string, work: () => Promise<void>): Promise<void> {
    return this.#turns.take(appid, () => this.#underLease(appid, work));
  }

  async #underLease(appid: string, work: () => Promise<void>): Promise<void> {
    const lease = await this.#lease(appid);
    try {
      this.#closing.assertOpen();
      await work();
    } finally {
      await this.#store.release(lease);
    }
  }

  async #lease(appid: string): Promise<Lease> {
    const givesUpAt = this.#clock.monotonic() + LEASE_MS + COMMAND_TIMEOUT_MS;
    for (;;) {
      this.#closing.assertOpen();
      const lease = await this.#store.lease(appDocumentId(appid), LEASE_MS);
      if (lease !== undefined) return lease;
      if (this.#clock.monotonic() >= givesUpAt) throw contended(`the registration of ${appid}`, appid);
      await wait(this.#clock, 20 + this.#clock.random() * 80, { ref: true, signal: this.#closing.signal });
    }
  }

  async #register(plan: RegistrationPlan): Promise<void> {
    const tasks = new Map(plan.tasks.map((task) => [documentId('task', task.key), task]));
    const appId = appDocumentId(plan.appid);
    const ids = [...tasks.keys(), appId];
    const scheduled = this.#isShared ? scheduledDocuments(plan) : [];
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await this.#store.get([...ids, ...scheduled.map(({ id }) => id)]);
      const changes = await Promise.all(
        ids.map((id, index) => this.#change(id, stored[index], (content) => contentOf(plan, tasks.get(id), content))),
      );
      // Nothing of it is stored yet, or any more.
      this.#closing.assertOpen();
      const now = this.#clock.now();
      const changed = new Set(changes.flatMap(({ id, differs }) => (differs ? id : [])));
      const dues = scheduled.map(({ id, lane, taskId }, index) =>
        dueChange(id, stored[ids.length + index], { lane, at: now }, changed.has(taskId)),
      );
      // What is due comes last: whoever finds it due before its task is there takes it out again.
      const steps = [changes.slice(0, -1), changes.slice(-1), dues];
      const versions = await this.#writeAll(steps);
      if (versions === undefined) continue;
      this.#adopt(plan, tasks, changes, versions);
      if (stored[ids.length - 1] !== undefined && changed.has(appId)) this.#hurryApp(plan.appid);
      return;
    }
    throw contended(`the registration of ${plan.appid}`, plan.appid);
  }

  async #change(
    id: string,
    document: StoredDocument | undefined,
    contentFrom: (content: JsonObject) => JsonObject,
  ): Promise<Change> {
    const opened = await this.#reader.read(document, (found) =>
      found === undefined ? undefined : { found, content: unseal(found) },
    );
    const content = contentFrom(opened?.content ?? {});
    const differs = opened === undefined || canonicalJson(content) !== canonicalJson(opened.content);
    return { id, before: opened?.found, content, data: seal(id, content), due: opened?.found.due, differs };
  }

  /** The versions by id, or `undefined` when somebody else wrote one of the documents and everything was undone. */
  async #writeAll(steps: readonly (readonly Change[])[]): Promise<ReadonlyMap<string, number> | undefined> {
    const versions = new Map(steps.flat().map((change) => [change.id, change.before?.version ?? 0]));
    const written: Written[] = [];
    try {
      for (const step of steps) {
        const results = await Promise.allSettled(
          step.filter((change) => change.differs).map((change) => this.#write(change)),
        );
        for (const result of results) if (result.status === 'fulfilled') written.push(result.value);
        for (const result of results) if (result.status === 'rejected') throw result.reason;
        if (written.some(({ version }) => version === undefined)) {
          await this.#undo(written);
          return undefined;
        }
      }
    } catch (error) {
      await this.#undo(written);
      throw error;
    }
    for (const { change, version } of written) versions.set(change.id, version as number);
    return versions;
  }

  async #write(change: Change): Promise<Written> {
    const { id, before, data, due } = change;
    const version = await this.#writing.run(() => this.#store.set(id, data, before?.version ?? 0, dueOption(due)));
    return { change, version };
  }

  async #undo(written: readonly Written[]): Promise<void> {
    const undone = written.map(async ({ change: { id, before }, version }) => {
      if (version === undefined) return;
      await this.#writing.run<unknown>(() =>
        before === undefined
          ? this.#store.delete(id, version)
          : this.#store.set(id, before.data, version, dueOption(before.due)),
      );
    });
    await Promise.allSettled(undone);
  }

  #adopt(
    plan: RegistrationPlan,
    tasks: ReadonlyMap<string, TaskPlan>,
    changes: readonly Change[],
    versions: ReadonlyMap<string, number>,
  ): void {
    const appChange = changes.at(-1) as Change;
    this.#registry.setApp(appFrom(plan.appid, appChange.content, versions.get(appChange.id) as number));
    for (const [id, { key, params, notify }] of tasks) {
      this.#registry.setTask({ key, params, notify, functionMissing: false, version: versions.get(id) as number });
    }
  }

  async #deleteAll(prefix: string): Promise<void> {
    const ids: string[] = [];
    for await (const { id } of this.#store.list(prefix)) ids.push(id);
    await allOf(ids.map((id) => this.#writing.run(() => this.#deleteOne(id))));
  }

  async #deleteOne(id: string): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [document] = await this.#store.get([id]);
      if (document === undefined || (await this.#store.delete(id, document.version))) return;
    }
    throw contended(id, undefined);
  }
}

function contended(what: string, appid: string | undefined): TokenError {
  const message = `${what} is being changed by others all the time`;
  return new TokenError('STORE_UNAVAILABLE', message, { appid, retryable: true });
}

function contentOf(plan: RegistrationPlan, task: TaskPlan | undefined, content: JsonObject): JsonObject {
  return task === undefined ? appContent(plan, content) : taskContent(task, content);
}

function appContent(plan: RegistrationPlan, before: JsonObject): JsonObject {
  return {
    ...before,
    ...(plan.secret === undefined ? {} : { secret: plan.secret }),
    ...(plan.accessToken === undefined ? {} : { accessToken: plan.accessToken }),
  };
}

function taskContent({ params, notify }: TaskPlan, before: JsonObject): JsonObject {
  const { params: _params, paramsFunction: _paramsFunction, notify: _notify, ...unknown } = before;
  const content = notify === undefined ? unknown : { ...unknown, notify };
  if (typeof params === 'function') return { ...content, paramsFunction: true };
  return params === undefined ? content : { ...content, params };
}

function dueOption(due: Due | undefined): { readonly due?: Due } {
  return due === undefined ? {} : { due };
}

/** The documents whose due is the schedule's word of a task. */
function scheduledDocuments({ tasks }: RegistrationPlan): ScheduledDocument[] {
  return tasks.flatMap(({ key, notify }) => {
    const taskId = documentId('task', key);
    const delivery = { id: documentId('delivery', key), lane: DELIVERY_LANE, taskId };
    return [{ id: documentId('key', key), lane: key.type, taskId }, ...(notify === undefined ? [] : [delivery])];
  });
}

/**
 * One that has a due already is left alone, unless its task is new or another: what held it back may have gone. And whoever
 * is about to take it out of the schedule, because it had no task, must lose to this write.
 */
function dueChange(id: string, before: StoredDocument | undefined, due: Due, isTaskChanged: boolean): Change {
  const data = before === undefined ? seal(id, {}) : sameRecord(before);
  return { id, before, content: {}, data, due, differs: before?.due === undefined || isTaskChanged };
}

/** The data of a key's document, to be written again: its record keeps its version. */
function sameRecord(before: StoredDocument): JsonObject {
  const { id, data, version } = before;
  if (data['grant'] === undefined || data['recordVersion'] !== undefined) return data;
  try {
    return seal(id, { ...unseal(before), recordVersion: version });
  } catch {
    // What cannot be read stays as it is.
    return data;
  }
}
