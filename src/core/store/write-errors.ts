import { TokenError, type TokenErrorFacts } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { RegistrationState } from './registration-check.js';

/** Returns the error for a document that is contended, after repeated conflicting writes. */
export function contended(what: string, facts: TokenErrorFacts = {}): TokenError {
  const message = `other processes kept changing ${what}: try again later`;
  return new TokenError('STORE_UNAVAILABLE', message, { ...facts, retryable: true });
}

/** Returns the error for the document of a key that is contended. */
export function isChangedMeanwhile(key: TokenKey): TokenError {
  return contended('the stored record', key);
}

/** Returns the error for a registration that is no longer the one for which the grant was requested. */
export function goneError(key: TokenKey, state: RegistrationState): TokenError {
  return state === 'awaited' ? isAwaited(key) : notRegistered(key);
}

/**
 * Returns the error for a registration that is missing because the store was replaced, and that may be put back at any
 * moment.
 */
export function isAwaited(key: TokenKey): TokenError {
  const message = `the store was replaced, and the registration of ${key.appid} has not been put back yet`;
  return new TokenError('STORE_UNAVAILABLE', message, { ...key, retryable: true });
}

/** Returns the error for a registration that was deleted while a refresh was in progress. */
export function notRegistered(key: TokenKey): TokenError {
  const message = `${key.appid} was unregistered, or evicted by the store, while its ${key.type} was refreshed`;
  return new TokenError('NOT_REGISTERED', message, key);
}

/** Returns the error for tasks that are to be added to an app which does not exist any more. */
export function unregisteredError(appid: string): TokenError {
  return new TokenError('NOT_REGISTERED', `${appid} is no longer registered, so that no task can be added to it`, {
    appid,
  });
}
