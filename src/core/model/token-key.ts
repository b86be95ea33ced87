import { describeName } from '../primitives/redact.js';

/**
 * The name of one token.
 *
 * @public
 */
export interface TokenKey {
  /** The app. */
  readonly appid: string;
  /** The type's name, such as `access_token`. */
  readonly type: string;
  /** The user or merchant that the token belongs to, if that is not the app itself: an `openid`, or an `authorizer_appid`. */
  readonly subject?: string;
}

const NAME = /^[A-Za-z0-9_.@-]{1,64}$/;
const SUBJECT = /^[\x21-\x7e]{1,128}$/;

export function isAppid(appid: unknown): appid is string {
  return typeof appid === 'string' && NAME.test(appid);
}

export function assertAppid(appid: unknown): asserts appid is string {
  if (!isAppid(appid)) {
    throw new TypeError(`appid must be 1 to 64 characters of A-Z a-z 0-9 _ . @ -, got ${describeName(appid)}`);
  }
}

export function assertTypeName(type: unknown): asserts type is string {
  if (typeof type !== 'string' || !NAME.test(type)) {
    throw new TypeError(`type must be 1 to 64 characters of A-Z a-z 0-9 _ . @ -, got ${describeName(type)}`);
  }
}

export function assertSubject(subject: unknown): asserts subject is string | undefined {
  if (subject !== undefined && (typeof subject !== 'string' || !SUBJECT.test(subject))) {
    throw new TypeError(
      `subject must be 1 to 128 printable ASCII characters without spaces, got ${describeName(subject)}`,
    );
  }
}

export function tokenKey(appid: string, type: string, subject: string | undefined): TokenKey {
  return subject === undefined ? { appid, type } : { appid, type, subject };
}

/** The kinds of documents, which are the first segments of their ids. */
export const DOCUMENT_KINDS = [
  'app',
  'task',
  'key',
  'delivery',
  'limit',
  'quarantine',
  'store',
  'value',
  'owed',
  'authorization',
  'codes',
  'check',
  'recovery',
] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

/**
 * Returns the id of a key, `appid/type` or `appid/type/subject`. It is unique among keys, and is the tail of their
 * document ids.
 */
export function keyId(key: TokenKey): string {
  return key.subject === undefined
    ? `${key.appid}/${key.type}`
    : `${key.appid}/${key.type}/${subjectSegment(key.subject)}`;
}

/** Returns the subject as a segment of an id, with `/` escaped, because that separates segments. */
export function subjectSegment(subject: string): string {
  // The common case is fast, because almost no subject contains these characters, and each refresh builds many ids.
  if (!subject.includes('/') && !subject.includes('%')) return subject;
  return subject.replace(/[%/]/g, escapeCharacter);
}

export function documentId(kind: DocumentKind, key: TokenKey): string {
  return `${kind}/${keyId(key)}`;
}

/** The lane of deliveries in the schedule of a fleet; the lane of a key is the name of its type. */
export const DELIVERY_LANE = 'deliver';

export function appDocumentId(appid: string): string {
  return `app/${appid}`;
}

/** Returns the appid of a document: the second segment of its id. */
export function appidOf(id: string): string {
  const start = id.indexOf('/') + 1;
  const end = id.indexOf('/', start);
  return end === -1 ? id.slice(start) : id.slice(start, end);
}

/** Returns the ids of the documents of the app and the task of a key. */
export function registrationIds(key: TokenKey): [app: string, task: string] {
  return [appDocumentId(key.appid), documentId('task', key)];
}

/**
 * Returns the key in the id of a task or key document, as the inverse of {@link documentId}; `undefined` for any other
 * id.
 */
export function parseKey(id: string): TokenKey | undefined {
  return keyIn('task', id) ?? keyIn('key', id);
}

/** Returns the key in the id of a document of this kind; `undefined` for an id of another kind. */
export function keyIn(kind: DocumentKind, id: string): TokenKey | undefined {
  if (!id.startsWith(kind) || id[kind.length] !== '/') return undefined;
  const appidStart = kind.length + 1;
  const appidEnd = id.indexOf('/', appidStart);
  if (appidEnd === -1) return undefined;
  const appid = id.slice(appidStart, appidEnd);
  const typeEnd = id.indexOf('/', appidEnd + 1);
  if (typeEnd === -1) return { appid, type: id.slice(appidEnd + 1) };
  const subject = id.slice(typeEnd + 1);
  const isEscaped = subject.includes('%');
  return {
    appid,
    type: id.slice(appidEnd + 1, typeEnd),
    subject: isEscaped ? subject.replace(/%25|%2F/g, decodeURIComponent) : subject,
  };
}

function escapeCharacter(character: string): string {
  return character === '%' ? '%25' : '%2F';
}
