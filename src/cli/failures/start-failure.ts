import { isTokenError, safeCause } from '../../core/model/errors.js';
import { isError } from '../../core/primitives/foreign-objects.js';
import { failureText } from './failure-text.js';

/** Reports why a server cannot start although its options are valid. The message has one line. */
export class StartFailure extends Error {
  override readonly name: string = 'StartFailure';
}

/** The names of the store errors whose messages are made for users. */
const TELLING = new Set(['RedisFailure', 'SqlFailure', 'FileFailure']);
/** The advice to the user, by the code of such an error. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['UNREACHABLE', 'see whether it runs, and whether it can be reached from here'],
  ['ECONNREFUSED', 'see whether it runs, and whether it can be reached from here'],
  ['ENOTFOUND', 'see whether the name of the host is right'],
  ['ACCESS_DENIED', 'see what the URL says'],
  ['WRONGPASS', 'see what the URL says'],
  ['NOAUTH', 'put it into the URL'],
  ['ERR', 'see what the URL says, the number of the database too'],
  ['TABLE_UNFIT', 'name another one with ?table=, or use the release that created it'],
]);

/** Returns the error for a store that cannot be used, for example because it is missing, not writable or too slow. */
export function unusableStore(shown: string, error: unknown): StartFailure {
  if (error instanceof StartFailure) return error;
  const cause = isTokenError(error) ? error.cause : error;
  if (isError(cause) && TELLING.has(cause.name)) {
    const advice = ADVICE.get(String((cause as NodeJS.ErrnoException).code));
    return new StartFailure(`the store ${shown} cannot be used: ${cause.message}${advice ? `; ${advice}` : ''}`);
  }
  const reason = isError(cause) ? safeCause(cause).message : failureText(error);
  return new StartFailure(`the store ${shown} cannot be used: ${reason.replace(/^Error /, '')}`);
}
