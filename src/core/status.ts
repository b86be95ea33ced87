import { assertInteger, assertNames } from './assert-options.js';
import { type DeliveryStatus, deliveryStatus } from './delivery-status.js';
import type { DocumentReader } from './document-reader.js';
import { isTokenError } from './errors.js';
import type { Failures } from './failures.js';
import { type KeyDocument, NO_KEY_DOCUMENT, readKeyDocument } from './key-document.js';
import { describeKind } from './redact.js';
import type { Registry } from './registry.js';
import type { StoredDocument } from './store.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';
import { assertAppid, assertSubject, documentId, keyId, parseKey, subjectSegment, type TokenKey } from './token-key.js';

/**
 * How a task stands. It holds no secret.
 *
 * @public
 */
export interface TaskStatus {
  /** Names the task in `after`. */
  readonly id: string;
  readonly appid: string;
  readonly type: string;
  readonly subject: string | undefined;
  /**
   * `fresh`: not due yet. `due`: being refreshed, or soon to be; the token is still good. `expired`: it has ended.
   * `missing`: there has been none yet.
   */
  readonly state: 'fresh' | 'due' | 'expired' | 'missing';
  /** All instants are epoch milliseconds on the store's clock. */
  readonly obtainedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly dueAt: number | undefined;
  readonly version: number | undefined;
  /** When the refresh token ends, where that is known: the user has to authorize again before. */
  readonly refreshTokenExpiresAt: number | undefined;
  /** The last failure since the last success. */
  readonly lastError: TaskFailure | undefined;
  /** Where the task has `notify`: what its target was told. */
  readonly delivery: DeliveryStatus | undefined;
  /** This process lacks the function that gives the task its params, and leaves the work to one that has it. */
  readonly functionMissing: boolean;
}

/**
 * @public
 */
export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly errcode: number | undefined;
  readonly errmsg: string | undefined;
  readonly rid: string | undefined;
  /** The address that has to be put on WeChat's IP whitelist. */
  readonly ip: string | undefined;
  readonly attempts: number;
  readonly at: number;
  readonly retryAt: number;
}

/**
 * Which tasks `status` shows.
 *
 * @public
 */
export interface StatusQuery {
  readonly appid?: string;
  /** Only with `appid`. */
  readonly type?: string;
  /** Only with `type`. */
  readonly subject?: string;
  /** Only tasks that follow the one with this `id`, in the store's order. */
  readonly after?: string;
  /** At most so many: 1 or more. Default: all. */
  readonly limit?: number;
}

export interface StatusParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly registry: Registry;
  readonly failures: Failures;
  readonly clock: StoreClock;
}

/**
 * @throws TypeError naming what is wrong with the query.
 */
export function assertStatusQuery(query: StatusQuery, assertType: (type: unknown) => void): void {
  assertNames(query, ['appid', 'type', 'subject', 'after', 'limit'], 'the query of status');
  const { appid, type, subject, after, limit } = query;
  if (appid !== undefined) assertAppid(appid);
  if (type !== undefined) assertType(type);
  assertSubject(subject);
  if (type !== undefined && appid === undefined) throw new TypeError('status takes a type only together with an appid');
  if (subject !== undefined && type === undefined)
    throw new TypeError('status takes a subject only together with a type');
  if (limit !== undefined) assertInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER);
  if (after !== undefined && (typeof after !== 'string' || parseKey(`task/${after}`) === undefined)) {
    throw new TypeError(`after must be the id of a task, got ${describeKind(after)}`);
  }
}

const PAGE = 100;

/** Reads how tasks stand from the store, a page at a time. */
export async function* taskStatus(query: StatusQuery, parts: StatusParts): AsyncGenerator<TaskStatus> {
  const { appid, type, subject, limit = Number.POSITIVE_INFINITY } = query;
  const segments = [appid, type, subject === undefined ? undefined : subjectSegment(subject)];
  const prefix = ['task', ...segments.filter((segment) => segment !== undefined)].join('/');
  let after = query.after === undefined ? undefined : `task/${query.after}`;
  for (let left = limit; left > 0; ) {
    const size = Math.min(PAGE, left);
    const keys: TokenKey[] = [];
    const page = after === undefined ? { limit: size } : { limit: size, after };
    for await (const { id } of parts.store.list(prefix, page)) {
      after = id;
      const key = parseKey(id);
      if (key !== undefined) keys.push(key);
    }
    yield* await statusOf(keys, parts);
    if (keys.length < size) return;
    left -= keys.length;
  }
}

async function statusOf(keys: readonly TokenKey[], parts: StatusParts): Promise<TaskStatus[]> {
  if (keys.length === 0) return [];
  const told = keys.filter((key) => parts.registry.task(key)?.notify !== undefined);
  const ids = [...keys.map((key) => documentId('key', key)), ...told.map((key) => documentId('delivery', key))];
  const documents = await parts.store.get(ids);
  const deliveries = new Map(told.map((key, index) => [key, documents[keys.length + index]]));
  return Promise.all(keys.map((key, index) => statusOfKey(key, documents[index], deliveries.get(key), parts)));
}

async function statusOfKey(
  key: TokenKey,
  stored: StoredDocument | undefined,
  delivery: StoredDocument | undefined,
  parts: StatusParts,
): Promise<TaskStatus> {
  const { registry, failures, clock } = parts;
  const { document, unreadable } = await readStatus(stored, parts);
  const { grant } = document;
  return {
    id: keyId(key),
    appid: key.appid,
    type: key.type,
    subject: key.subject,
    state: stateOf(document, clock.now()),
    obtainedAt: grant?.obtainedAt,
    expiresAt: grant?.expiresAt,
    dueAt: grant?.dueAt,
    version: grant === undefined ? undefined : document.recordVersion,
    refreshTokenExpiresAt: document.rotation?.expiresAt,
    lastError: unreadable ?? lastError(document, key, failures),
    delivery: await deliveryStatus(registry.task(key)?.notify, delivery, document, parts),
    functionMissing: registry.task(key)?.functionMissing ?? false,
  };
}

/** A document that cannot be read is the trouble of its own key. */
async function readStatus(
  stored: StoredDocument | undefined,
  { store, reader, clock }: StatusParts,
): Promise<{ document: KeyDocument; unreadable?: TaskFailure }> {
  try {
    return { document: await reader.read(stored, readKeyDocument) };
  } catch (error) {
    if (store.failing || !isTokenError(error)) throw error;
    const { code, message, errcode, errmsg, rid, ip } = error;
    const now = clock.now();
    return {
      document: NO_KEY_DOCUMENT,
      unreadable: { code, message, errcode, errmsg, rid, ip, attempts: 0, at: now, retryAt: now },
    };
  }
}

function stateOf({ grant }: KeyDocument, now: number): TaskStatus['state'] {
  if (grant === undefined) return 'missing';
  if (grant.expiresAt <= now) return 'expired';
  return grant.dueAt <= now ? 'due' : 'fresh';
}

function lastError(document: KeyDocument, key: TokenKey, failures: Failures): TaskFailure | undefined {
  const remembered = failures.remembered(key);
  const trying = document.trying ?? (remembered?.local === true ? remembered.trying : undefined);
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
