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
  readonly #apps = new Map<string, Map<string, OwnRegistration>>();

  has(id: string): boolean {
    return this.#apps.get(appidOf(id))?.has(id) === true;
  }

  appids(): Iterable<string> {
    return this.#apps.keys();
  }

  /** Returns the documents of an app by their ids. */
  of(appid: string): ReadonlyMap<string, OwnRegistration> {
    return this.#apps.get(appid) ?? new Map();
  }

  /** Returns the marks of the enrolment of an app, or of a task and its app. */
  marks(id: string): EnrolmentMarks {
    const documents = this.of(appidOf(id));
    const app = documents.get(appDocumentId(appidOf(id)));
    const document = documents.get(id);
    return { app: app && markFrom(app.content), task: document && markFrom(document.content) };
  }

  note(id: string, content: JsonObject, version: number): void {
    const appid = appidOf(id);
    const documents = this.#apps.get(appid) ?? new Map<string, OwnRegistration>();
    documents.set(id, { content, version });
    this.#apps.set(appid, documents);
  }

  /**
   * Updates the content of one of these documents after another process has changed it. A restored backup, which shows
   * an earlier state, is ignored.
   */
  update(id: string, content: JsonObject, version: number): void {
    const known = this.#apps.get(appidOf(id))?.get(id);
    if (known !== undefined && known.version < version) this.note(id, content, version);
  }

  /**
   * Makes all of these documents newer than those in any store until they are noted again, since their versions belong
   * to another history.
   */
  displace(): void {
    for (const documents of this.#apps.values()) {
      for (const [id, { content }] of documents) documents.set(id, { content, version: Number.POSITIVE_INFINITY });
    }
  }

  /** Forgets a task, or an app with its tasks. */
  forget(id: string): void {
    const appid = appidOf(id);
    const documents = this.#apps.get(appid);
    documents?.delete(id);
    if (id === appDocumentId(appid) || documents?.size === 0) this.#apps.delete(appid);
  }
}
