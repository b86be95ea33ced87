import { unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import { isTokenError, type TokenError } from './errors.js';
import type { JsonObject } from './json.js';
import { isJsonObject } from './json.js';
import type { AccessTokenMode, AppCredentials } from './refresher.js';
import type { TaskParams } from './registration.js';
import type { StoredDocument } from './store.js';
import type { SupervisedStore } from './supervised-store.js';
import { appDocumentId, documentId, keyId, parseKey, type TokenKey } from './token-key.js';

/** An app as it is registered. */
export interface RegisteredApp {
  readonly appid: string;
  readonly secret: string | undefined;
  readonly accessToken: AccessTokenMode | undefined;
  readonly version: number;
}

/** A task as it is registered. */
export interface RegisteredTask {
  readonly key: TokenKey;
  readonly params: TaskParams | undefined;
  /** The URL that is told of new tokens. */
  readonly notify: string | undefined;
  /** Its params come from a function that this process does not have. */
  readonly functionMissing: boolean;
  readonly version: number;
}

export interface RegistryListener {
  taskAdded(key: TokenKey): void;
  /** It was there, and was registered anew. */
  taskReplaced(key: TokenKey): void;
  taskRemoved(key: TokenKey): void;
  /** The secret, the mode, or the params of a task changed: what failed before may work now. */
  registrationChanged(appid: string): void;
}

/** The apps and tasks that this process knows: what the store remembers, and the functions that it cannot. */
export class Registry {
  readonly #apps = new Map<string, RegisteredApp>();
  readonly #tasks = new Map<string, Map<string, RegisteredTask>>();
  readonly #unreadable = new Map<string, TokenError>();
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #listener: RegistryListener;

  constructor(store: SupervisedStore, reader: DocumentReader, listener: RegistryListener) {
    this.#store = store;
    this.#reader = reader;
    this.#listener = listener;
  }

  /**
   * @throws the `TokenError` of an app whose document cannot be read.
   */
  app(appid: string): RegisteredApp | undefined {
    const error = this.#unreadable.get(appid);
    if (error !== undefined) throw error;
    return this.#apps.get(appid);
  }

  knows(appid: string): boolean {
    return this.#apps.has(appid);
  }

  task(key: TokenKey): RegisteredTask | undefined {
    return this.#tasks.get(key.appid)?.get(keyId(key));
  }

  *tasks(): Iterable<RegisteredTask> {
    for (const tasks of this.#tasks.values()) yield* tasks.values();
  }

  tasksOf(appid: string): Iterable<RegisteredTask> {
    return this.#tasks.get(appid)?.values() ?? [];
  }

  credentials(app: RegisteredApp, byDefault: AccessTokenMode): AppCredentials {
    return { appid: app.appid, secret: app.secret, accessToken: app.accessToken ?? byDefault };
  }

  /** Tells one registration of a key from another: a failure is bound to the one it was made with. */
  fingerprint(key: TokenKey): string {
    return `${this.#apps.get(key.appid)?.version ?? 0}:${this.task(key)?.version ?? 0}`;
  }

  /** Reads every app and task that the store remembers. */
  async load(): Promise<void> {
    const seen = new Set<string>();
    for (const kind of ['app', 'task']) {
      for await (const document of this.#store.list(kind)) {
        seen.add(document.id);
        await this.#adoptDocument(document.id, document);
      }
    }
    const known = [...this.#apps.keys()].map(appDocumentId);
    for (const { key } of this.tasks()) known.push(documentId('task', key));
    for (const id of known) if (!seen.has(id)) await this.reload(id);
  }

  /** Reads one app or task again; a document that is gone is forgotten. */
  async reload(id: string): Promise<void> {
    const before = this.#held(id);
    const [document] = await this.#store.get([id]);
    // What was registered while the store was read is newer than what was read.
    if (this.#held(id) === before) await this.#adoptDocument(id, document);
  }

  setApp(app: RegisteredApp): void {
    const before = this.#apps.get(app.appid);
    if (before !== undefined && before.version > app.version) return;
    this.#unreadable.delete(app.appid);
    this.#apps.set(app.appid, app);
    if (before?.version !== app.version) this.#listener.registrationChanged(app.appid);
  }

  setTask(task: RegisteredTask): void {
    const { appid } = task.key;
    let tasks = this.#tasks.get(appid);
    if (tasks === undefined) this.#tasks.set(appid, (tasks = new Map()));
    const before = tasks.get(keyId(task.key));
    if (before !== undefined && before.version > task.version) return;
    tasks.set(keyId(task.key), task);
    if (before === undefined) this.#listener.taskAdded(task.key);
    else if (before.version !== task.version || before.functionMissing !== task.functionMissing) {
      this.#listener.taskReplaced(task.key);
      this.#listener.registrationChanged(appid);
    }
  }

  removeTask(key: TokenKey): void {
    const tasks = this.#tasks.get(key.appid);
    if (tasks?.delete(keyId(key)) !== true) return;
    if (tasks.size === 0) this.#tasks.delete(key.appid);
    this.#listener.taskRemoved(key);
  }

  removeApp(appid: string): void {
    for (const task of [...this.tasksOf(appid)]) this.removeTask(task.key);
    this.#unreadable.delete(appid);
    this.#apps.delete(appid);
  }

  #held(id: string): RegisteredApp | RegisteredTask | undefined {
    const key = parseKey(id);
    return key === undefined ? this.#apps.get(id.slice('app/'.length)) : this.task(key);
  }

  async #adoptDocument(id: string, document: StoredDocument | undefined): Promise<void> {
    const key = parseKey(id);
    const appid = key?.appid ?? id.slice('app/'.length);
    let content: JsonObject | undefined;
    try {
      content = await this.#reader.read(document, (found) => (found === undefined ? undefined : unseal(found)));
    } catch (error) {
      if (isTokenError(error) && key === undefined) this.#unreadable.set(appid, error);
      if (this.#store.failing) throw error;
      return;
    }
    if (content === undefined || document === undefined) {
      if (key === undefined) this.removeApp(appid);
      else this.removeTask(key);
    } else if (key === undefined) {
      this.setApp(appFrom(appid, content, document.version));
    } else {
      this.setTask(taskFrom(key, content, document.version, this.task(key)));
    }
  }
}

export function appFrom(appid: string, content: JsonObject, version: number): RegisteredApp {
  const { secret, accessToken } = content;
  return {
    appid,
    secret: typeof secret === 'string' ? secret : undefined,
    accessToken: accessToken === 'stable' || accessToken === 'plain' ? accessToken : undefined,
    version,
  };
}

function taskFrom(
  key: TokenKey,
  content: JsonObject,
  version: number,
  before: RegisteredTask | undefined,
): RegisteredTask {
  const notify = typeof content['notify'] === 'string' ? content['notify'] : undefined;
  if (content['paramsFunction'] === true) {
    const known = typeof before?.params === 'function' ? before.params : undefined;
    return { key, params: known, notify, functionMissing: known === undefined, version };
  }
  const { params } = content;
  const isKnown = isJsonObject(params) || typeof params === 'string';
  return { key, params: isKnown ? params : undefined, notify, functionMissing: false, version };
}
