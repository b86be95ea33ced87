import { NOT_QUEUED, type Queued } from '../concurrency/due-queue.js';
import type { TaskParams } from '../model/registration.js';
import type { TokenKey } from '../model/token-key.js';
import { tokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordHolder, RecordHolders } from '../records/record-cache.js';
import { KeyMap } from './key-map.js';

/** A task in its registered state. */
export interface RegisteredTask {
  readonly key: TokenKey;
  readonly params: TaskParams | undefined;
  /** The URL that is notified of new tokens. */
  readonly notify: string | undefined;
  /** Whether the params come from a function that this process does not have. */
  readonly functionMissing: boolean;
  readonly enrolment?: string | undefined;
  readonly version: number;
}

/** Returns whether the params of a task are a function, so that only processes that have it can refresh the task. */
export function hasParamsFunction({ params }: RegisteredTask): boolean {
  return typeof params === 'function';
}

/**
 * Represents a registered task in this process: one object for as long as it is registered, which holds everything that
 * is cached of its key.
 */
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

/** Holds the task entries of this process. There may be a million, so no name is stored more often than necessary. */
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
   * Adds a task.
   *
   * @param appid - the app's name as it is already stored, so that the string is shared.
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

/**
 * Copies a part of a string, so that it does not keep the whole string in memory, such as an id or the body of a
 * request.
 */
function ownCopy(text: string): string {
  return Array.from(text).join('');
}
