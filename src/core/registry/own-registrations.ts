import { type EnrolmentMarks, markFrom } from '../model/enrolment.js';
import { appDocumentId, appidOf } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';

/** The document of an app or a task, as it was last known. */
export interface OwnRegistration {
  readonly content: JsonObject;
  readonly version: number;
}

/**
 * Remembers the apps and tasks that this process has registered itself, in their last known state, so that it can put
 * them back into a store that has lost them. They are never evicted.
 */
export class OwnRegistrations {
  /** The apps by their appids, apart from the tasks: most apps of a large fleet have none, and a map takes 200 bytes. */
  readonly #apps = new Map<string, OwnRegistration>();
  /** The tasks by their appids and ids. */
  readonly #tasks = new Map<string, Map<string, OwnRegistration>>();

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  get(id: string): OwnRegistration | undefined {
    const appid = appidOf(id);
    return id === appDocumentId(appid) ? this.#apps.get(appid) : this.#tasks.get(appid)?.get(id);
  }

  appids(): Iterable<string> {
    return new Set([...this.#apps.keys(), ...this.#tasks.keys()]);
  }

  /** Returns the ids of the tasks of an app. */
  taskIds(appid: string): string[] {
    return [...(this.#tasks.get(appid)?.keys() ?? [])];
  }

  /** Returns the ids of an app and of its tasks. */
  ids(appid: string): string[] {
    return [...this.taskIds(appid), ...(this.#apps.has(appid) ? [appDocumentId(appid)] : [])];
  }

  /** Returns the marks of the enrolment of an app, or of a task and its app. */
  marks(id: string): EnrolmentMarks {
    const app = this.#apps.get(appidOf(id));
    const document = this.get(id);
    return { app: app && markFrom(app.content), task: document && markFrom(document.content) };
  }

  note(id: string, content: JsonObject, version: number): void {
    const appid = appidOf(id);
    if (id === appDocumentId(appid)) {
      this.#apps.set(appid, { content, version });
      return;
    }
    const tasks = this.#tasks.get(appid) ?? new Map<string, OwnRegistration>();
    tasks.set(id, { content, version });
    this.#tasks.set(appid, tasks);
  }

  /**
   * Updates the content of one of these documents after another process has changed it. A restored backup, which shows
   * an earlier state, is ignored.
   */
  update(id: string, content: JsonObject, version: number): void {
    const known = this.get(id);
    if (known !== undefined && known.version < version) this.note(id, content, version);
  }

  /**
   * Makes all of these documents newer than those in any store until they are noted again, since their versions belong
   * to another history.
   */
  displace(): void {
    for (const documents of [this.#apps, ...this.#tasks.values()]) {
      for (const [id, { content }] of documents) documents.set(id, { content, version: Number.POSITIVE_INFINITY });
    }
  }

  /** Forgets a task, or an app with its tasks. */
  forget(id: string): void {
    const appid = appidOf(id);
    const tasks = this.#tasks.get(appid);
    tasks?.delete(id);
    if (id === appDocumentId(appid)) this.#apps.delete(appid);
    if (id === appDocumentId(appid) || tasks?.size === 0) this.#tasks.delete(appid);
  }
}
