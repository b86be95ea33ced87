import { isTokenError, safeCause } from '../../core/errors.js';

/** Why a server cannot start though its options are right: one line, for whoever started it. */
export class StartFailure extends Error {
  override readonly name: string = 'StartFailure';
}

/** A store that does not work: not there, not writable, too slow. */
export function unusableStore(directory: string, error: unknown): StartFailure {
  const cause = isTokenError(error) ? error.cause : error;
  const reason = cause instanceof Error ? safeCause(cause).message : (error as Error).message;
  return new StartFailure(`the store ${directory} cannot be used: ${reason.replace(/^Error /, '')}`);
}
