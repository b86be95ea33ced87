import { isTokenError } from '../model/errors.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import type { StoredDocument } from '../model/store.js';
import {
  assertAppid,
  assertSubject,
  documentId,
  keyId,
  parseKey,
  subjectSegment,
  type TokenKey,
} from '../model/token-key.js';
import { documentIsUnreadable, type Waiting } from '../model/waiting-texts.js';
import { assertInteger, readFields } from '../primitives/assert-options.js';
import { describeKind } from '../primitives/redact.js';
import type { BackgroundCoolDowns } from '../records/background-cool-downs.js';
import type { RetryStates } from '../records/retry-states.js';
import type { CallbackRelay } from '../refresh/callback-relay.js';
import { unsealTask } from '../registry/registration-document.js';
import type { Registry } from '../registry/registry.js';
import type { RegisteredTask } from '../registry/task-entry.js';
import type { DocumentReader } from '../store/document-reader.js';
import { type KeyDocument, NO_KEY_DOCUMENT, readKeyDocument } from '../store/key-document.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { deliveryStatus } from './delivery-status.js';
import { KnownKeys } from './known-keys.js';
import type { StatusQuery, TaskFailure, TaskStatus } from './task-status.js';
import { type WaitingParts, waitingAfter, waitingOf } from './waiting.js';

export interface StatusParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly registry: Registry;
  readonly retryStates: RetryStates;
  readonly clock: StoreClock;
  readonly coolDowns: BackgroundCoolDowns;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly refreshes: boolean;
  readonly callbacks: Pick<CallbackRelay, 'attached'>;
}

/** The pattern of what a store accepts after `task/`. A store would fail for any other id, and count as unavailable. */
const TASK_ID = /^[!-.0-~]{1,384}(?:\/[!-.0-~]{1,384}){1,2}$/;

/**
 * Returns the query with each field read once.
 *
 * @throws TypeError naming the invalid field of the query.
 */
export function readStatusQuery(query: StatusQuery, assertType: (type: unknown) => void): StatusQuery {
  const names = ['appid', 'type', 'subject', 'after', 'limit'] as const;
  const fields = readFields<StatusQuery>(query, names, 'the query of status');
  const { appid, type, subject, after, limit } = fields;
  if (appid !== undefined) assertAppid(appid);
  if (type !== undefined) assertType(type);
  assertSubject(subject);
  if (type !== undefined && appid === undefined) throw new TypeError('status takes a type only together with an appid');
  if (subject !== undefined && type === undefined)
    throw new TypeError('status takes a subject only together with a type');
  if (limit !== undefined) assertInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER);
  if (after !== undefined && (typeof after !== 'string' || !TASK_ID.test(after))) {
    throw new TypeError(`after must be the id of a task, got ${describeKind(after)}`);
  }
  return fields;
}

const PAGE = 100;

interface ListedTask {
  readonly key: TokenKey;
  /** The registered task; `undefined` if its document is unreadable. */
  readonly task: RegisteredTask | undefined;
  /** The reason why the document is unreadable. */
  readonly unreadable?: TaskFailure | undefined;
}

interface ReadTask extends ListedTask {
  readonly listed: ListedTask;
  readonly document: KeyDocument;
  readonly lastError: TaskFailure | undefined;
}

/** Reads the status of tasks from the store, a page at a time. */
export async function* taskStatus(query: StatusQuery, parts: StatusParts): AsyncGenerator<TaskStatus> {
  const { appid, type, subject, limit = Number.POSITIVE_INFINITY } = query;
  const segments = [appid, type, subject === undefined ? undefined : subjectSegment(subject)];
  const prefix = ['task', ...segments.filter((segment) => segment !== undefined)].join('/');
  let after = query.after === undefined ? undefined : `task/${query.after}`;
  for (let left = limit; left > 0; ) {
    const size = Math.min(PAGE, left);
    const documents: StoredDocument[] = [];
    const page = after === undefined ? { limit: size } : { limit: size, after };
    for await (const document of parts.store.list(prefix, page)) documents.push(document);
    const listed = await Promise.all(documents.map((document) => listedTask(document, parts)));
    const tasks = listed.filter((task) => task !== undefined);
    yield* await statusOf(tasks, parts);
    if (documents.length < size) return;
    after = documents.at(-1)?.id;
    left -= tasks.length;
  }
}

/** Reads a task from its stored document, since a process of a fleet caches only tasks that it has used. */
async function listedTask(stored: StoredDocument, parts: StatusParts): Promise<ListedTask | undefined> {
  const key = parseKey(stored.id);
  if (key === undefined) return undefined;
  const decode = (document: StoredDocument | undefined): RegisteredTask | undefined =>
    unsealTask(key, document, parts.registry.task(key));
  const { found, unreadable } = await readable(stored, decode, parts);
  if (unreadable !== undefined) return { key, task: undefined, unreadable };
  return found === undefined ? undefined : { key, task: found };
}

async function statusOf(tasks: readonly ListedTask[], parts: StatusParts): Promise<TaskStatus[]> {
  if (tasks.length === 0) return [];
  const told = tasks.filter(({ task }) => task?.notify !== undefined);
  const ids = [
    ...tasks.map(({ key }) => documentId('key', key)),
    ...told.map(({ key }) => documentId('delivery', key)),
  ];
  const documents = await parts.store.get(ids);
  const deliveries = new Map(told.map((task, index) => [task, documents[tasks.length + index]]));
  const read = await Promise.all(tasks.map((task, index) => readTask(task, documents[index], parts)));
  const waiting = await waitingAmong(read, parts);
  return Promise.all(
    read.map(async (task) => {
      const delivery = await deliveryStatus(task.task?.notify, deliveries.get(task.listed), task.document, parts);
      return { ...statusOfTask(task, waiting.get(task), parts), delivery };
    }),
  );
}

async function readTask(listed: ListedTask, stored: StoredDocument | undefined, parts: StatusParts): Promise<ReadTask> {
  const { found, unreadable } = await readable(stored, readKeyDocument, parts);
  const document = found ?? NO_KEY_DOCUMENT;
  const unreadableBecause = listed.unreadable ?? unreadable;
  const lastError = unreadableBecause ?? lastErrorOf(document, listed.key, parts.retryStates);
  return { ...listed, listed, document, lastError, unreadable: unreadableBecause };
}

/** Returns what the tasks wait for that have no usable token and lack an input of their refresh. */
async function waitingAmong(tasks: readonly ReadTask[], parts: StatusParts): Promise<Map<ReadTask, Waiting>> {
  const { store, clock, refreshes, refresherOf, callbacks, coolDowns } = parts;
  const now = clock.now();
  const known = new KnownKeys(parts);
  const judged: WaitingParts = {
    refresherOf,
    known: (key) => known.of(key),
    isStoreWritable: !store.failsToWrite,
    refreshes,
    asksUrls: callbacks.attached !== undefined,
    now,
  };
  const without = tasks.filter(({ document: { grant } }) => grant === undefined || grant.expiresAt <= now);
  for (const { key, task, document } of without) known.add(key, task, document);
  const waiting = new Map<ReadTask, Waiting>();
  do {
    for (const task of without) {
      const { key, unreadable, lastError } = task;
      const found =
        unreadable === undefined
          ? waitingAfter(key, waitingOf(key, judged), coolDowns.lackOf(key), lastError !== undefined)
          : documentIsUnreadable(key, unreadable.message);
      if (found === undefined) waiting.delete(task);
      else waiting.set(task, found);
    }
  } while (await known.readWanted());
  return waiting;
}

function statusOfTask(
  { key, task, document, lastError }: ReadTask,
  waiting: Waiting | undefined,
  { clock }: StatusParts,
): Omit<TaskStatus, 'delivery'> {
  const { grant } = document;
  return {
    id: keyId(key),
    appid: key.appid,
    type: key.type,
    subject: key.subject,
    state: waiting === undefined ? stateOf(document, clock.now()) : 'waiting',
    waitingFor: waiting?.waitingFor,
    reason: waiting?.reason,
    remedy: waiting?.remedy,
    obtainedAt: grant?.obtainedAt,
    expiresAt: grant?.expiresAt,
    dueAt: grant?.dueAt,
    version: grant === undefined ? undefined : document.recordVersion,
    refreshTokenExpiresAt: document.rotation?.expiresAt,
    lastError,
    functionMissing: task?.functionMissing ?? false,
  };
}

/** Reads a document. An unreadable one affects only its own key. */
async function readable<Found>(
  stored: StoredDocument | undefined,
  decode: (document: StoredDocument | undefined) => Found,
  { store, reader, clock }: StatusParts,
): Promise<{ readonly found?: Found; readonly unreadable?: TaskFailure }> {
  try {
    return { found: await reader.read(stored, decode) };
  } catch (error) {
    if (store.failsToRead || !isTokenError(error)) throw error;
    const { code, message, errcode, errmsg, rid, ip } = error;
    const now = clock.now();
    return { unreadable: { code, message, errcode, errmsg, rid, ip, attempts: 0, at: now, retryAt: now } };
  }
}

function stateOf({ grant }: KeyDocument, now: number): Exclude<TaskStatus['state'], 'waiting'> {
  if (grant === undefined) return 'missing';
  if (grant.expiresAt <= now) return 'expired';
  return grant.dueAt <= now ? 'due' : 'fresh';
}

function lastErrorOf(document: KeyDocument, key: TokenKey, retryStates: RetryStates): TaskFailure | undefined {
  const trying = retryStates.counting(key, document.trying);
  if (trying === undefined) return undefined;
  const { code, message, ...facts } = trying.error;
  const { errcode, errmsg, rid, ip } = facts as Partial<TaskFailure>;
  return {
    code,
    message,
    errcode,
    errmsg,
    rid,
    ip,
    attempts: trying.attempts,
    at: trying.failedAt,
    retryAt: trying.retryAt,
  };
}
