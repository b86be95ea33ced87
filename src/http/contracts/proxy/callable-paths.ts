import { isWithin } from '../../../gateway/canonical-path.js';
import { isUserCall } from '../wechat/wechat-paths.js';

/**
 * The paths that no key may call: they hand out tokens or users' identities, or act on the quota of the whole app. They are
 * routes of the token server itself, or have no place in a program without tokens.
 */
const REFUSED: readonly string[] = [
  '/cgi-bin/token',
  '/cgi-bin/stable_token',
  '/cgi-bin/ticket',
  '/cgi-bin/openapi/rid/get',
  '/cgi-bin/openapi/quota/clear',
  '/cgi-bin/component/api_component_token',
  '/cgi-bin/component/api_authorizer_token',
  '/cgi-bin/component/api_query_auth',
  '/cgi-bin/component/api_get_authorizer_list',
  '/cgi-bin/component/api_get_authorizer_info',
  '/cgi-bin/component/api_start_push_ticket',
];
const QUOTA_CLEARING = /\/clear_quota/;
const SNS = '/sns';
const COMPONENT = '/cgi-bin/component';

/** Returns whether no key may call a comparable path, whatever its paths. */
export function isNeverCalled(path: string): boolean {
  if (REFUSED.some((refused) => isWithin(path, refused)) || QUOTA_CLEARING.test(path)) return true;
  return isWithin(path, SNS) && !isUserCall(path);
}

/**
 * Returns whether a key may call a comparable path. The paths of a component are only called by a key that names them
 * exactly, since most of them act for all its authorizers.
 *
 * @param paths - the paths of the key in comparable form; `undefined` for a key without any.
 */
export function mayCall(path: string, paths: readonly string[] | undefined): boolean {
  if (isNeverCalled(path)) return false;
  if (isWithin(path, COMPONENT)) return paths?.includes(path) === true;
  return paths === undefined || paths.some((allowed) => isWithin(path, allowed));
}
