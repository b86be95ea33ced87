import { isTokenError, type TokenError } from '../../core/model/errors.js';

const NOT_AUTHORIZED = 61_003;
/** The code was used or is none of this platform, or it has expired. */
const CODE_REFUSED: ReadonlySet<unknown> = new Set([61_009, 61_010]);

/** Returns whether WeChat has refused an authorization code: it was used, has expired, or is none of this platform. */
export function isCodeRefused(error: unknown): error is TokenError {
  return isTokenError(error) && CODE_REFUSED.has(error.errcode);
}

/** Returns whether WeChat says that the account has not authorized the platform. */
export function isNotAuthorized(error: unknown): error is TokenError {
  return isTokenError(error) && error.errcode === NOT_AUTHORIZED;
}
