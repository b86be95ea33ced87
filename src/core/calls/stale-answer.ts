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
 * Tells whether WeChat says in this outcome that the token was stale, in any of the shapes that HTTP clients give to its
 * answers. A shape that cannot be read is not stale.
 */
export async function isStaleAnswer(outcome: CallOutcome, reading: ResponseReading): Promise<boolean> {
  const { result, error } = outcome;
  if (error !== undefined) return isStaleError(error, reading);
  return isStaleBody(result) || isStaleReply(result, reading);
}

/** Tells whether a refresher's error says that the token it used was stale. */
export function isStaleTokenError(error: unknown): boolean {
  return isTokenError(error) && isStaleCode(error.errcode);
}

/** Looks at the error and at what it was caused by. */
async function isStaleError(error: unknown, reading: ResponseReading): Promise<boolean> {
  let cause = error;
  for (let depth = 0; depth <= MAX_CAUSES && cause !== undefined; depth += 1) {
    if (isStaleBody(cause) || (isStaleCode(memberOf(cause, 'code')) && !isDatabaseError(cause))) return true;
    if (await isStaleReply(cause, reading)) return true;
    if (await isStaleReply(memberOf(cause, 'response'), reading)) return true;
    cause = memberOf(cause, 'cause');
  }
  return false;
}

/** Returns whether an error is a database's: 40001 is also an SQLSTATE, which PostgreSQL's drivers have in `code`. */
function isDatabaseError(error: unknown): boolean {
  return typeof memberOf(error, 'severity') === 'string' || typeof memberOf(error, 'sqlState') === 'string';
}

/** Looks at the body of a `Response`, or of what an HTTP client hands out with the body in one of its members. */
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

/** Tells responses of superagent, which parses only what is labelled as JSON: WeChat's answers are often in `text`. */
function isSuperagentResponse(reply: unknown): boolean {
  const hasObjects = ['header', 'links', 'body'].every((name) => typeof memberOf(reply, name) === 'object');
  return hasObjects && typeof memberOf(reply, 'statusType') === 'number';
}
