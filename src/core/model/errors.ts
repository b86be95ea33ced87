import { copyFields } from '../primitives/assert-options.js';
import { isError, memberOf } from '../primitives/foreign-objects.js';
import { describeKind } from '../primitives/redact.js';
import { StoreFailure } from '../primitives/store-failure.js';

/**
 * The reason why a token could not be had. The union is open: later releases may add codes, so a `switch` needs a default.
 *
 * - `NOT_REGISTERED`: The app was never registered or was unregistered, or the store has lost it. Remedy: Call `register`;
 *   configure the store so that it evicts nothing.
 * - `INPUT_MISSING`: The app's secret, the params or a token that a refresh depends on is missing. Remedy: Register what the
 *   message names.
 * - `UPSTREAM_UNAVAILABLE`: WeChat did not answer, or answered that it is busy (-1). Remedy: None; the manager retries. If it
 *   persists, check network and proxy.
 * - `UPSTREAM_REJECTED`: WeChat rejected the request. Remedy: Remove the cause that `errcode` and `errmsg` name; after
 *   40164 and 61004 put `ip` on the IP whitelist.
 * - `QUOTA_EXHAUSTED`: A limit of WeChat (45009, 45011) was reached, or the limit of this library for `force`. Remedy: Wait until
 *   `retryAt`.
 * - `REAUTHORIZATION_REQUIRED`: The authorization of the user or merchant is no longer valid. Remedy: Have the user or
 *   merchant authorize again.
 * - `REFRESH_DISABLED`: This manager does not refresh (`refresh: 'never'`), and the store has no usable token, or `force` was
 *   requested. Remedy: Check that a process that refreshes is running, and that the key has a task.
 * - `STORE_UNAVAILABLE`: The store failed, or holds a document of a newer release or one that no key decrypts. Remedy: See the
 *   message, which says which it is, and `cause`, the error of the store.
 * - `TIMEOUT`: The call's own deadline passed. Remedy: Raise `timeoutMs`, or try again: the refresh continues.
 * - `CLOSED`: The manager has been closed. Remedy: None.
 *
 * @public
 */
export type TokenErrorCode =
  | 'NOT_REGISTERED'
  | 'INPUT_MISSING'
  | 'UPSTREAM_UNAVAILABLE'
  | 'UPSTREAM_REJECTED'
  | 'QUOTA_EXHAUSTED'
  | 'REAUTHORIZATION_REQUIRED'
  | 'REFRESH_DISABLED'
  | 'STORE_UNAVAILABLE'
  | 'TIMEOUT'
  | 'CLOSED'
  | (string & {});

/** The codes of this library's `TokenError`. An application's refresher may throw any other. */
export const TOKEN_ERROR_CODES: readonly string[] = [
  'NOT_REGISTERED',
  'INPUT_MISSING',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_REJECTED',
  'QUOTA_EXHAUSTED',
  'REAUTHORIZATION_REQUIRED',
  'REFRESH_DISABLED',
  'STORE_UNAVAILABLE',
  'TIMEOUT',
  'CLOSED',
];

/**
 * The facts that are known about a failure, each as a field of the error.
 *
 * @public
 */
export interface TokenErrorFacts {
  /** The app that the failure is about. */
  readonly appid?: string | undefined;
  /** The type of the token that could not be had. */
  readonly type?: string | undefined;
  /** The user or merchant that the token belongs to, if that is not the app itself. */
  readonly subject?: string | undefined;
  /** WeChat's error code. */
  readonly errcode?: number | undefined;
  /** WeChat's message, without its `rid` tail. */
  readonly errmsg?: string | undefined;
  /** The id under which WeChat's support finds the request. */
  readonly rid?: string | undefined;
  /** The address that WeChat saw, which has to be put on the IP whitelist. */
  readonly ip?: string | undefined;
  /** The instant at which the next attempt is due, in epoch milliseconds. */
  readonly retryAt?: number | undefined;
  /** Whether the same attempt may succeed later without any change. */
  readonly retryable?: boolean | undefined;
  /** Whether the cause lies with this host (its address, its network), so that another one may well succeed. */
  readonly hostOnly?: boolean | undefined;
  /** The error that led to this one, such as that of the store. */
  readonly cause?: unknown;
}

/**
 * Reports a failure: the one error of this library for everything that is not misuse (which is a `TypeError`).
 *
 * Tell errors apart by `code`, not by `instanceof`: it survives two copies of the package. No field ever holds a secret,
 * a request or a response.
 *
 * @example
 * ```ts
 * try {
 *   await tokens.get(appid, 'access_token');
 * } catch (error) {
 *   const { code, errcode, ip } = error as TokenError;
 *   if (code === 'UPSTREAM_REJECTED') console.error(errcode, ip);
 * }
 * ```
 *
 * @public
 */
export class TokenError extends Error {
  override readonly name: string = 'TokenError';
  /** The kind of the failure, by which errors are told apart. */
  readonly code: TokenErrorCode;
  declare readonly appid?: string;
  declare readonly type?: string;
  declare readonly subject?: string;
  declare readonly errcode?: number;
  declare readonly errmsg?: string;
  declare readonly rid?: string;
  declare readonly ip?: string;
  declare readonly retryAt?: number;
  readonly retryable: boolean;
  readonly hostOnly: boolean;

  /**
   * @param message - a description of what went wrong, without secrets.
   * @param facts - `retryable` and `hostOnly` are `false` unless given.
   * @throws TypeError for a code or message that is no string, and for facts that cannot be read.
   */
  constructor(code: TokenErrorCode, message: string, facts: TokenErrorFacts = {}) {
    const { cause, retryable, hostOnly, ...known } = readFacts(code, message, facts);
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    for (const [name, fact] of Object.entries(known)) if (fact !== undefined) Object.assign(this, { [name]: fact });
    this.retryable = retryable ?? false;
    this.hostOnly = hostOnly ?? false;
  }

  /** Returns the facts without the cause, for logs. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, ...facts } = { ...this, name: this.name, message: this.message };
    return { name, code, message, ...facts };
  }
}

/** The names of the facts that a `TokenError` has besides code and message, in the order of its fields. */
const FACTS = [
  'appid',
  'type',
  'subject',
  'errcode',
  'errmsg',
  'rid',
  'ip',
  'retryAt',
  'retryable',
  'hostOnly',
  'cause',
] as const;

function readFacts(code: unknown, message: unknown, facts: unknown): TokenErrorFacts {
  if (typeof code !== 'string') throw new TypeError(`code must be a string, got ${describeKind(code)}`);
  if (typeof message !== 'string') throw new TypeError(`message must be a string, got ${describeKind(message)}`);
  return copyFields<TokenErrorFacts>(facts, FACTS, 'the facts of a TokenError');
}

export function closedError(): TokenError {
  return new TokenError('CLOSED', 'the manager has been closed');
}

/** Returns a copy of a `TokenError` with more facts. Any other error becomes the `cause` of a new one with `code`. */
export function toTokenError(
  error: unknown,
  code: TokenErrorCode,
  message: string,
  facts: TokenErrorFacts,
): TokenError {
  if (isTokenError(error)) {
    const { appid, type, subject, ...others } = facts;
    const key = error.appid === undefined ? { appid, type, subject } : {};
    return withFacts(error, { ...others, ...definedFacts(error), ...key });
  }
  return new TokenError(code, message, { ...facts, cause: safeCause(error) });
}

/** Returns a copy of the error in which `facts` replace those of the error. */
export function withFacts(error: TokenError, facts: TokenErrorFacts): TokenError {
  const copy = new TokenError(error.code, error.message, { ...definedFacts(error), ...facts });
  // The stack is assigned as a value: defining an accessor would make Node.js 20 format the stack of the copy as well.
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}

/**
 * Returns whether a value is a `TokenError`, judged by its shape and not by its class, so that errors of another copy
 * of this package count as well. It never throws.
 */
export function isTokenError(error: unknown): error is TokenError {
  try {
    if (!isError(error) || error.name !== 'TokenError') return false;
    return typeof (error as { code?: unknown }).code === 'string' && typeof error.message === 'string';
  } catch {
    return false;
  }
}

/**
 * Returns a copy of a foreign error that is safe to keep. Network and file errors contain URLs, headers and requests in
 * their fields and messages, including query strings with secrets, so only the class, the code and the stack frames are
 * copied, and the class and the code of the cause where the error itself has no code. An error of a store of this package
 * is returned unchanged, as its message contains none of these.
 */
export function safeCause(error: unknown): Error {
  try {
    return StoreFailure.is(error) ? error : safeCopy(error);
  } catch {
    return new Error('a value that cannot be inspected was thrown');
  }
}

const WORD = /^[\w$-]{1,64}$/;
const MAX_CAUSES = 8;

function safeCopy(error: unknown): Error {
  if (!isError(error)) return new Error(`${describeKind(error)} was thrown`);
  const { name, code } = error as Error & { readonly code?: unknown };
  const safe = new Error(describeWithCause(error));
  if (isWord(name)) safe.name = name;
  safe.stack = `${safe.message}\n${String(error.stack).split('\n').filter(isFrame).join('\n')}`;
  return isWord(code) ? Object.assign(safe, { code }) : safe;
}

/**
 * Returns the words of an error. One without a code is followed by its first cause that has one, because `fetch` throws the
 * same `TypeError` for every failure.
 */
function describeWithCause(error: Error): string {
  const own = wordsOf(error);
  let cause = codeOf(error) === undefined ? memberOf(error, 'cause') : undefined;
  for (let depth = 0; depth < MAX_CAUSES && isError(cause); depth++) {
    if (codeOf(cause) !== undefined) return `${own}, caused by ${wordsOf(cause)}`;
    cause = memberOf(cause, 'cause');
  }
  return own;
}

function wordsOf(error: Error): string {
  return [memberOf(error, 'name'), codeOf(error), memberOf(error, 'syscall')].filter(isWord).join(' ');
}

function codeOf(error: Error): string | undefined {
  const code = memberOf(error, 'code');
  if (typeof code === 'number') return String(code);
  return isWord(code) ? code : undefined;
}

function isWord(word: unknown): word is string {
  return typeof word === 'string' && WORD.test(word);
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}

function definedFacts(error: TokenError): TokenErrorFacts {
  // The error may come from another copy of this package, or only have the shape of a `TokenError`, so its fields are
  // read with care.
  const facts = FACTS.map((name) => [name, memberOf(error, name)] as const);
  return Object.fromEntries(facts.filter(([, value]) => value !== undefined));
}
