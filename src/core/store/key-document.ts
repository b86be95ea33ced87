import { LONGEST_RETRY_MS, MAX_WAIT_OF_CALLERS_MS } from '../model/backoff.js';
import { type EnrolmentMarks, marksFrom } from '../model/enrolment.js';
import type { FailureFacts } from '../model/failure-facts.js';
import { dueOf, FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import type { Rotation } from '../model/rotation.js';
import type { Due, StoredDocument } from '../model/store.js';
import type { TokenKey } from '../model/token-key.js';
import type { JsonObject, JsonValue } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';
import { secretHash } from '../primitives/secret-hash.js';
import { unseal } from './document-codec.js';

/** A grant in its stored form, with instants instead of durations. */
export interface StoredGrant {
  readonly value: string;
  readonly obtainedAt: number;
  readonly expiresAt: number;
  readonly dueAt: number;
  /**
   * The scope that the user has consented to; if absent, `scope` of the answer applies. The field is part of the grant,
   * so that a release that does not know it preserves it with this grant, but not beyond it.
   */
  readonly scope?: string;
  /** WeChat's answer, in which marks replace the value (see {@link withoutValue}). */
  readonly result?: JsonObject;
}

/** The attempts to refresh a key since the last success. */
export interface RetryState {
  readonly attempts: number;
  readonly failedAt: number;
  readonly retryAt: number;
  /**
   * The versions of the documents that the attempt was made with, for earlier releases, which retry when these change.
   */
  readonly registration: string;
  /**
   * The fingerprint of the input of the attempt; a different input clears the failure. Absent if an earlier release
   * wrote the retry state.
   */
  readonly input?: string;
  /** Whether `retryAt` comes from the back-off after a temporary failure, which waiting callers may cut short. */
  readonly backingOff: boolean;
  readonly error: FailureFacts;
}

/** The report of a follower that a value is stale. */
export interface StaleReport {
  /** The hash of the value. */
  readonly value: string;
  readonly at: number;
}

/** The stored state of a key. */
export interface KeyDocument {
  /** The version of the document; 0 if there is none. */
  readonly version: number;
  /** The version with which the grant was stored, which is that of the record. */
  readonly recordVersion: number;
  readonly grant?: StoredGrant;
  /** A grant that was obtained for an earlier registration. It is not served, but stays stored until it is replaced. */
  readonly hidden?: StoredGrant;
  readonly trying?: RetryState | undefined;
  readonly rotation?: Rotation | undefined;
  /** The marks of the registration that the record belongs to; absent if an earlier release wrote the document. */
  readonly enrolment?: EnrolmentMarks | undefined;
  /**
   * The instant at which the last forced refresh asked for its token. Tokens that were asked for earlier may have leaked, and
   * are good for nothing any more.
   */
  readonly revokedAt?: number | undefined;
  /** The report of a follower that has seen the value of the grant rejected. */
  readonly report?: StaleReport | undefined;
  /** The instant at which a process without the record found that the store had lost the document. */
  readonly lostAt?: number | undefined;
  /**
   * Whether the document is in the schedule of the fleet, from which a writer that does not know of the task must not
   * remove it.
   */
  readonly isScheduled?: boolean;
  /** The fields of another release, which are preserved when the document is rewritten. */
  readonly unknown: JsonObject;
}

export const NO_KEY_DOCUMENT: KeyDocument = { version: 0, recordVersion: 0, unknown: {} };

/**
 * Reads the state of a key from its document.
 *
 * @throws what {@link unseal} throws.
 */
export function readKeyDocument(document: StoredDocument | undefined): KeyDocument {
  if (document === undefined) return NO_KEY_DOCUMENT;
  const content = unseal(document);
  const {
    grant,
    trying,
    rotation,
    recordVersion,
    report,
    lostAt,
    revokedAt,
    enrolment: _enrolment,
    ...unknown
  } = content;
  const enrolment = marksFrom(content);
  return {
    version: document.version,
    recordVersion: typeof recordVersion === 'number' ? recordVersion : document.version,
    unknown,
    ...(enrolment === undefined ? {} : { enrolment }),
    ...(document.due === undefined ? {} : { isScheduled: true }),
    ...(typeof lostAt === 'number' ? { lostAt } : {}),
    ...(typeof revokedAt === 'number' ? { revokedAt } : {}),
    ...(isJsonObject(grant) ? { grant: grant as unknown as StoredGrant } : {}),
    ...(isJsonObject(trying) ? { trying: trying as unknown as RetryState } : {}),
    ...(isJsonObject(report) ? { report: report as unknown as StaleReport } : {}),
    ...(isJsonObject(rotation) ? { rotation: rotation as unknown as Rotation } : {}),
  };
}

/**
 * Returns the content of a document with a new grant. It has no retry state, report or `lostAt`, since the grant
 * settles these.
 */
export function contentWithGrant(before: KeyDocument, grant: StoredGrant): JsonObject {
  return { ...contentBesideGrant(before), grant: { ...grant } };
}

/** Returns the content of a document with the same grant and another retry state. */
export function contentWithRetryState(before: KeyDocument, trying: RetryState | undefined): JsonObject {
  const { hidden, grant = hidden, recordVersion, report, lostAt } = before;
  return {
    ...contentBesideGrant(before),
    ...(grant === undefined ? {} : { grant: { ...grant }, recordVersion }),
    ...(trying === undefined ? {} : { trying: { ...trying } }),
    ...(report === undefined ? {} : { report: { ...report } }),
    ...(lostAt === undefined ? {} : { lostAt }),
  };
}

function contentBesideGrant({ rotation, enrolment, revokedAt, unknown }: KeyDocument): JsonObject {
  return {
    ...unknown,
    ...(enrolment === undefined ? {} : { enrolment: { ...enrolment } }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(rotation === undefined ? {} : { rotation: { ...rotation } as unknown as JsonObject }),
  };
}

/** Returns whether a document contains no token, because none was stored or it was deleted. */
export function isAbsent({ grant, hidden }: KeyDocument): boolean {
  return grant === undefined && hidden === undefined;
}

/**
 * Returns the grant if its value has been reported stale; `undefined` if there is no such report, or only one about an
 * earlier value.
 */
export function reportedGrant({ grant, report }: KeyDocument): StoredGrant | undefined {
  if (grant === undefined || report === undefined) return undefined;
  return report.value === secretHash(grant.value) ? grant : undefined;
}

/** Returns the option that writes a document with its due, if the key has a task or is in the schedule already. */
export function withDue(key: TokenKey, document: KeyDocument, hadTask: boolean, at: number): { readonly due?: Due } {
  return hadTask || document.isScheduled === true ? { due: { lane: key.type, at } } : {};
}

/**
 * Returns the next due of the key. An instant in the far future that was written before the clock was set back is not
 * waited for.
 */
export function nextDueAt(document: KeyDocument, now: number): number {
  const { grant, trying } = document;
  const grantDueAt = grant === undefined || reportedGrant(document) !== undefined ? 0 : dueOf(grant, now);
  return Math.max(grantDueAt, heldBackUntil(trying, now));
}

/**
 * Returns the end of the cool-down after a failure. The remaining time is never longer than the original cool-down, and
 * there is none if the failure was noted before the clock was set back.
 */
export function heldBackUntil(trying: RetryState | undefined, now: number): number {
  if (trying === undefined || trying.failedAt > now + FUTURE_TOLERANCE_MS) return 0;
  return Math.min(trying.retryAt, now + Math.min(trying.retryAt - trying.failedAt, LONGEST_RETRY_MS));
}

const ESCAPE = '\u0000';
const VALUE_MARK = `${ESCAPE}value`;

/**
 * Returns the answer with a mark in place of each occurrence of the value, so that the document contains the secret
 * only once.
 */
export function withoutValue(result: JsonObject, value: string): JsonObject {
  return mapStrings(result, (text) => {
    if (text === value) return VALUE_MARK;
    return text.startsWith(ESCAPE) ? ESCAPE + text : text;
  }) as JsonObject;
}

/** Reverses {@link withoutValue}. */
export function withValue(result: JsonObject, value: string): JsonObject {
  return mapStrings(result, (text) => {
    if (text === VALUE_MARK) return value;
    return text.startsWith(ESCAPE) ? text.slice(ESCAPE.length) : text;
  }) as JsonObject;
}

function mapStrings(json: JsonValue | undefined, map: (text: string) => string): JsonValue | undefined {
  if (typeof json === 'string') return map(json);
  if (Array.isArray(json)) return json.map((item) => mapStrings(item, map) as JsonValue);
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, mapStrings(item, map)]));
}

/**
 * Returns when callers may try again: while a temporary failure rejects them, an attempt is made at least every 5 s.
 */
export function retryAtForCallers(trying: RetryState): number {
  return trying.backingOff ? Math.min(trying.retryAt, trying.failedAt + MAX_WAIT_OF_CALLERS_MS) : trying.retryAt;
}
