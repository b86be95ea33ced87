import { isTokenError } from '../model/errors.js';
import { memberOf } from '../primitives/foreign-objects.js';
import { isBlob, isResponse, type ResponseReading, readBeginning, readBlob } from './response-beginning.js';
import { isStaleBody, isStaleCode, staleVerdict } from './stale-body.js';

const MAX_CAUSES = 8;

/**
 * The outcome of a call: a result or an error.
 *
 * @public
 */
export type CallOutcome =
  | { readonly result: unknown; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: unknown };

/**
 * Returns whether this outcome means that WeChat rejected the token as stale. It recognizes the answer in all forms in
 * which HTTP clients return it; an outcome that cannot be read does not count as stale.
 */
export async function isStaleAnswer(outcome: CallOutcome, reading: ResponseReading): Promise<boolean> {
  const { result, error } = outcome;
  if (error !== undefined) return isStaleError(error, reading);
  return isStaleBody(result) || isStaleReply(result, reading);
}

/** Returns whether the error of a refresher means that the token that it used was stale. */
export function isStaleTokenError(error: unknown): boolean {
  return isTokenError(error) && isStaleCode(error.errcode);
}

/** Returns whether an error, or one of its causes, contains the answer for a stale token. */
async function isStaleError(error: unknown, reading: ResponseReading): Promise<boolean> {
  let cause = error;
  for (let depth = 0; depth <= MAX_CAUSES && cause !== undefined; depth += 1) {
    if (isOfAnotherToken(cause)) return false;
    if (isStaleBody(cause) || (isStaleCode(memberOf(cause, 'code')) && !isDatabaseError(cause))) return true;
    if (await isStaleReply(cause, reading)) return true;
    if (await isStaleReply(memberOf(cause, 'response'), reading)) return true;
    cause = memberOf(cause, 'cause');
  }
  return false;
}

/**
 * Returns whether an error is that of a manager which could not get a token for the function of the call: WeChat then rejected the
 * secret or the token that was sent for that one, such as with 40001, and not the token of the call. Managers name the type, which
 * the application's own errors seldom do.
 */
function isOfAnotherToken(error: unknown): boolean {
  return isTokenError(error) && error.type !== undefined;
}

/**
 * Returns whether an error comes from a database: 40001 is also an SQLSTATE, which PostgreSQL drivers put in `code`.
 */
function isDatabaseError(error: unknown): boolean {
  return typeof memberOf(error, 'severity') === 'string' || typeof memberOf(error, 'sqlState') === 'string';
}

/**
 * Returns whether the body of a `Response`, or of an HTTP client's result that has the body in one of its members, is
 * the answer for a stale token.
 */
async function isStaleReply(reply: unknown, reading: ResponseReading): Promise<boolean> {
  if (isResponse(reply)) return staleVerdict(await readBeginning(reply, isDecided, reading)) === true;
  for (const body of [reply, memberOf(reply, 'data'), memberOf(reply, 'body')]) {
    if (isBlob(body) && staleVerdict(await readBlob(body, reading)) === true) return true;
    if (body !== reply && isStaleBody(body)) return true;
  }
  return isSuperagentResponse(reply) && isStaleBody(memberOf(reply, 'text'));
}

function isDecided(beginning: string): boolean {
  return staleVerdict(beginning) !== undefined;
}

/**
 * Returns whether a reply is a response of superagent. That parses only bodies labelled as JSON, so WeChat's answers
 * are often in `text`.
 */
function isSuperagentResponse(reply: unknown): boolean {
  const hasObjects = ['header', 'links', 'body'].every((name) => typeof memberOf(reply, name) === 'object');
  return hasObjects && typeof memberOf(reply, 'statusType') === 'number';
}
