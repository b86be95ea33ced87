import { LONGEST_RETRY_MS } from '../model/backoff.js';
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

/** A grant as it is stored: with instants instead of durations. */
export interface StoredGrant {
  readonly value: string;
  readonly obtainedAt: number;
  readonly expiresAt: number;
  readonly dueAt: number;
  /**
   * The scope that the user has consented to; absent: `scope` of the answer. It stands within the grant, where a release
   * that does not know it keeps it for as long as this grant is stored, and not for the next one.
   */
  readonly scope?: string;
  /** WeChat's answer; the value is not in it a second time, see {@link withoutValue}. */
  readonly result?: JsonObject;
}

/** The course of the attempts to refresh a key since the last success. */
export interface RetryState {
  readonly attempts: number;
  readonly failedAt: number;
  readonly retryAt: number;
  /** The versions of what it was made with: earlier releases retry when these change. */
  readonly registration: string;
  /** A hash of what it was made with: another one clears the failure. Absent where an earlier release wrote it. */
  readonly input?: string;
  /** Whether `retryAt` comes from the back-off of a passing failure, which waiting callers may cut short. */
  readonly backingOff: boolean;
  readonly error: FailureFacts;
}

/** A follower's report that a value is stale. */
export interface StaleReport {
  /** The hash of the value. */
  readonly value: string;
  readonly at: number;
}

/** The state of a key as the store remembers it. */
export interface KeyDocument {
  /** The document's version, 0 when there is none. */
  readonly version: number;
  /** The version at which the grant was stored: that of the record. */
  readonly recordVersion: number;
  readonly grant?: StoredGrant;
  /** A grant that was got for a registration before the present one: it is not answered, and stays until it is replaced. */
  readonly hidden?: StoredGrant;
  readonly trying?: RetryState | undefined;
  readonly rotation?: Rotation | undefined;
  /** The marks of the registration that the record belongs to. Absent where an earlier release wrote it. */
  readonly enrolment?: EnrolmentMarks | undefined;
  /** The report of a process that may not refresh the key, and has seen the value of the grant rejected. */
  readonly report?: StaleReport | undefined;
  /** The instant at which the store was found to have lost the document, by a process that does not hold the record. */
  readonly lostAt?: number | undefined;
  /** Whether it stands in the schedule: a writer that does not know of a task must not take it out. */
  readonly isScheduled?: boolean;
  /** Fields of another release, kept through a rewrite. */
  readonly unknown: JsonObject;
}

export const NO_KEY_DOCUMENT: KeyDocument = { version: 0, recordVersion: 0, unknown: {} };

/**
 * @throws what {@link unseal} throws.
 */
export function readKeyDocument(document: StoredDocument | undefined): KeyDocument {
  if (document === undefined) return NO_KEY_DOCUMENT;
  const content = unseal(document);
  const { grant, trying, rotation, recordVersion, report, lostAt, enrolment: _enrolment, ...unknown } = content;
  const enrolment = marksFrom(content);
  return {
    version: document.version,
    recordVersion: typeof recordVersion === 'number' ? recordVersion : document.version,
    unknown,
    ...(enrolment === undefined ? {} : { enrolment }),
    ...(document.due === undefined ? {} : { isScheduled: true }),
    ...(typeof lostAt === 'number' ? { lostAt } : {}),
    ...(isJsonObject(grant) ? { grant: grant as unknown as StoredGrant } : {}),
    ...(isJsonObject(trying) ? { trying: trying as unknown as RetryState } : {}),
    ...(isJsonObject(report) ? { report: report as unknown as StaleReport } : {}),
    ...(isJsonObject(rotation) ? { rotation: rotation as unknown as Rotation } : {}),
  };
}

/** Returns the content of a document with a new grant, which ends all trying and all waiting, and answers all reports. */
export function contentWithGrant(before: KeyDocument, grant: StoredGrant): JsonObject {
  return { ...contentBesideGrant(before), grant: { ...grant } };
}

/** Returns the content of a document whose grant stays and whose state of trying is replaced. */
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

function contentBesideGrant({ rotation, enrolment, unknown }: KeyDocument): JsonObject {
  return {
    ...unknown,
    ...(enrolment === undefined ? {} : { enrolment: { ...enrolment } }),
    ...(rotation === undefined ? {} : { rotation: { ...rotation } as unknown as JsonObject }),
  };
}

/** Returns whether a document says nothing of a token, as it does where none was stored or it was deleted. */
export function isAbsent({ grant, hidden }: KeyDocument): boolean {
  return grant === undefined && hidden === undefined;
}

/** Returns the grant whose value has been reported stale, if that is still in force. */
export function reportedGrant({ grant, report }: KeyDocument): StoredGrant | undefined {
  if (grant === undefined || report === undefined) return undefined;
  return report.value === secretHash(grant.value) ? grant : undefined;
}

/** Returns what a document is written with so that the schedule knows of it, where there is a task. */
export function withDue(key: TokenKey, document: KeyDocument, hadTask: boolean, at: number): { readonly due?: Due } {
  return hadTask || document.isScheduled === true ? { due: { lane: key.type, at } } : {};
}

/** Returns when the key wants attention next. An instant that a clock which was set back has left in the future is not waited for. */
export function nextDueAt(document: KeyDocument, now: number): number {
  const { grant, trying } = document;
  const grantDueAt = grant === undefined || reportedGrant(document) !== undefined ? 0 : dueOf(grant, now);
  return Math.max(grantDueAt, heldBackUntil(trying, now));
}

/**
 * Returns until when a failure forbids attempts: for no longer from now than it did when it was noted, and not at all where it
 * was noted by a clock that has been set back since.
 */
export function heldBackUntil(trying: RetryState | undefined, now: number): number {
  if (trying === undefined || trying.failedAt > now + FUTURE_TOLERANCE_MS) return 0;
  return Math.min(trying.retryAt, now + Math.min(trying.retryAt - trying.failedAt, LONGEST_RETRY_MS));
}

const ESCAPE = '\u0000';
const VALUE_MARK = `${ESCAPE}value`;

/** Returns the answer with a mark wherever it holds the value, so that a document holds the secret once. */
export function withoutValue(result: JsonObject, value: string): JsonObject {
  return mapStrings(result, (text) => {
    if (text === value) return VALUE_MARK;
    return text.startsWith(ESCAPE) ? ESCAPE + text : text;
  }) as JsonObject;
}

/** Undoes {@link withoutValue}. */
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
