import { NOT_QUEUED, type Queued } from '../concurrency/due-queue.js';
import type { TaskParams } from '../model/registration.js';
import type { TokenKey } from '../model/token-key.js';
import { tokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordHolder, RecordHolders } from '../records/record-cache.js';
import { KeyMap } from './key-map.js';

/** A task as it is registered. */
export interface RegisteredTask {
  readonly key: TokenKey;
  readonly params: TaskParams | undefined;
  /** The URL that is told of new tokens. */
  readonly notify: string | undefined;
  /** Its params come from a function that this process does not have. */
  readonly functionMissing: boolean;
  readonly enrolment?: string | undefined;
  readonly version: number;
}

/** Returns whether the params of a task are a function: only the processes that have it can refresh the task. */
export function hasParamsFunction({ params }: RegisteredTask): boolean {
  return typeof params === 'function';
}

/** Holds a task in this process: one object as long as it is registered, with all that is held of its key. */
export class TaskEntry implements RegisteredTask, RecordHolder, Queued {
  readonly key: TokenKey;
  params: TaskParams | undefined;
  notify: string | undefined;
  functionMissing: boolean;
  enrolment: string | undefined;
  version: number;
  record: CachedRecord | undefined = undefined;
  place: number = NOT_QUEUED;

  constructor(key: TokenKey, { params, notify, functionMissing, enrolment, version }: RegisteredTask) {
    this.key = key;
    this.params = params;
    this.notify = notify;
    this.functionMissing = functionMissing;
    this.enrolment = enrolment;
    this.version = version;
  }

  update({ params, notify, functionMissing, enrolment, version }: RegisteredTask): void {
    this.params = params;
    this.notify = notify;
    this.functionMissing = functionMissing;
    this.enrolment = enrolment;
    this.version = version;
  }
}

/** Holds the tasks of this process. There may be a million, so that no name is held more often than it has to be. */
export class TaskEntries implements RecordHolders {
  readonly #tasks = new KeyMap<TaskEntry>();
  readonly #types = new Map<string, string>();

  of(key: TokenKey): TaskEntry | undefined {
    return this.#tasks.get(key);
  }

  find(appid: string, type: string, subject: string | undefined): TaskEntry | undefined {
    return this.#tasks.find(appid, type, subject);
  }

  all(): Iterable<TaskEntry> {
    return this.#tasks.values();
  }

  ofApp(appid: string): Iterable<TaskEntry> {
    return this.#tasks.of(appid);
  }

  /**
   * @param appid - the name as it is held of the app.
   */
  add(task: RegisteredTask, appid: string): TaskEntry {
    const { type, subject } = task.key;
    const key = tokenKey(appid, this.#typeName(type), subject === undefined ? undefined : ownCopy(subject));
    const held = new TaskEntry(key, task);
    this.#tasks.set(key, held);
    return held;
  }

  delete(key: TokenKey): void {
    this.#tasks.delete(key);
  }

  #typeName(type: string): string {
    const known = this.#types.get(type);
    if (known === undefined) this.#types.set(type, type);
    return known ?? type;
  }
}

/** Copies a part of a string, which would keep the whole of it in memory: an id, or the body of a request. */
function ownCopy(text: string): string {
  return Array.from(text).join('');
}
