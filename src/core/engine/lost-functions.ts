import { belongsTo, type Enrolment, markFrom, marksFrom } from '../model/enrolment.js';
import type { ParamsFunction } from '../model/registration.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import { batches } from '../primitives/batches.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { RegistrationLease } from '../registry/registration-lease.js';
import type { RegisteredTask, TaskEntry } from '../registry/task-entry.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/** A task with a params function, as it was when its document was found missing. */
interface Missing {
  readonly key: TokenKey;
  readonly params: ParamsFunction;
  /** The marks of the task's enrolment. */
  readonly marks: Enrolment;
}

export interface LostFunctionsParts {
  readonly store: SupervisedStore;
  readonly registrar: {
    exclusively(appid: string, work: (lease: RegistrationLease) => Promise<void>): Promise<void>;
  };
  readonly registry: {
    task(key: TokenKey): TaskEntry | undefined;
    enrolment(key: TokenKey): Enrolment;
    setTask(task: RegisteredTask): void;
  };
}

const MAX_REMEMBERED = 10_000;

/**
 * Remembers the params functions of tasks whose documents the store has lost, because they were damaged or evicted. A
 * function exists only in the process that registered it, so if another process registers the task again, the task gets
 * its function back. A task that was unregistered does not.
 */
export class LostFunctions {
  readonly #parts: LostFunctionsParts;
  /** The functions of tasks that were lost, by the ids of the tasks. */
  readonly #lost = boundedCache<string, ParamsFunction>(MAX_REMEMBERED);
  /** The missing tasks, by appid, for which it is still to be decided whether they were lost or unregistered. */
  readonly #missing = new Map<string, Missing[]>();

  constructor(parts: LostFunctionsParts) {
    this.#parts = parts;
  }

  /** Notes a task that is no longer cached, and finds out whether the store has lost it. */
  removed({ key, params, enrolment }: TaskEntry): void {
    if (typeof params !== 'function') return;
    const { registrar, registry } = this.#parts;
    const { appid } = key;
    const missing = this.#missing.get(appid) ?? [];
    missing.push({ key, params, marks: { ...registry.enrolment(key), task: enrolment } });
    if (missing.length > 1) return;
    this.#missing.set(appid, missing);
    // If that cannot be decided, the tasks count as unregistered.
    registrar.exclusively(appid, () => this.#judge(appid)).catch(() => this.#missing.delete(appid));
  }

  /**
   * Gives a task that is registered again its lost function. A registration with other params discards it.
   */
  added({ key, functionMissing }: TaskEntry): void {
    const id = documentId('task', key);
    const params = this.#lost.get(id);
    this.#lost.delete(id);
    if (params !== undefined && functionMissing) this.#give(key, params);
  }

  /**
   * Decides about the missing tasks under the lease of the app, when no unregistration is in progress. An
   * unregistration deletes the document of the key together with the task, so if that document is left, the task was
   * lost.
   */
  async #judge(appid: string): Promise<void> {
    const { store, registry } = this.#parts;
    const missing = this.#missing.get(appid) ?? [];
    this.#missing.delete(appid);
    for (const batch of batches(missing)) {
      const [app, ...records] = await store.get([
        appDocumentId(appid),
        ...batch.map(({ key }) => documentId('key', key)),
      ]);
      for (const [index, { key, params, marks }] of batch.entries()) {
        const record = records[index];
        const isSameApp = app !== undefined && belongsTo({ app: markFrom(app.data) }, marks);
        if (!isSameApp || record === undefined || !belongsTo(marksFrom(record.data), marks)) continue;
        const found = registry.task(key);
        if (found === undefined) this.#lost.set(documentId('task', key), params);
        // Another process has registered the task again meanwhile.
        else if (found.functionMissing) this.#give(key, params);
      }
    }
  }

  #give(key: TokenKey, params: ParamsFunction): void {
    const { registry } = this.#parts;
    const { notify, enrolment, version } = registry.task(key) as TaskEntry;
    registry.setTask({ key, params, notify, functionMissing: false, enrolment, version });
  }
}
