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
  ['UNREACHABLE', 'check that it runs and can be reached from here'],
  ['ECONNREFUSED', 'check that it runs and can be reached from here'],
  ['ENOTFOUND', 'check the name of the host'],
  ['ACCESS_DENIED', 'check the URL'],
  ['WRONGPASS', 'check the URL'],
  ['NOAUTH', 'add it to the URL'],
  ['ERR', 'check the URL, including the number of the database'],
  ['TABLE_UNFIT', 'choose another one with ?table=, or use the release that created it'],
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
