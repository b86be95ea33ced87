import { isWithin } from '../../../gateway/canonical-path.js';

export const TOKEN_PATH = '/cgi-bin/token';
export const STABLE_TOKEN_PATH = '/cgi-bin/stable_token';
export const TICKET_PATH = '/cgi-bin/ticket/getticket';
export const COMPONENT_TOKEN_PATH = '/cgi-bin/component/api_component_token';
export const AUTHORIZER_TOKEN_PATH = '/cgi-bin/component/api_authorizer_token';
export const QUERY_AUTH_PATH = '/cgi-bin/component/api_query_auth';

/**
 * The paths that this server answers itself. At WeChat some of them would end the tokens that this server keeps, so that
 * no other spelling of them may pass.
 */
const ANSWERED: readonly string[] = [
  TOKEN_PATH,
  STABLE_TOKEN_PATH,
  TICKET_PATH,
  COMPONENT_TOKEN_PATH,
  AUTHORIZER_TOKEN_PATH,
];

const USER_RENEWAL = '/sns/oauth2/refresh_token';
/** The paths whose answers contain the token of a user. */
const USER_GRANTS: readonly string[] = [
  '/sns/oauth2/access_token',
  USER_RENEWAL,
  '/sns/oauth2/component/access_token',
  '/sns/oauth2/component/refresh_token',
];
const SNS = '/sns';
/** The paths at which a platform acts for an authorizer, with its own token instead of the secret of the authorizer. */
const COMPONENT_FORMS: readonly string[] = ['/sns/component', '/sns/oauth2/component'];
const USER_CALLS: readonly string[] = ['/sns/userinfo', '/sns/auth'];

/** Returns whether this server answers a comparable path itself. */
export function isAnswered(path: string): boolean {
  return ANSWERED.some((answered) => isWithin(path, answered));
}

/** Returns whether a comparable path answers with the token of a user. */
export function isUserGrant(path: string): boolean {
  return USER_GRANTS.includes(path);
}

/** Returns whether a comparable path renews the token of a user, which needs no secret. */
export function isUserRenewal(path: string): boolean {
  return path === USER_RENEWAL;
}

/**
 * Returns whether WeChat asks for the pair of the app at a comparable path, or for its appid alone. A token is no credential
 * there: with one of its own, a caller could use the pair of any other app.
 */
export function takesPair(path: string): boolean {
  return isWithin(path, SNS) && !isUserCall(path) && !COMPONENT_FORMS.some((form) => isWithin(path, form));
}

/** Returns whether a comparable path is called with the token of a user. */
export function isUserCall(path: string): boolean {
  return USER_CALLS.includes(path);
}
