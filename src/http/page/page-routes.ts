import { type Call, RouteFailure } from '../call.js';
import { nativeContract } from '../contracts/native.js';
import type { Route } from '../router.js';
import { StatusPage } from './status-page.js';

/** The page itself holds nothing, so everybody may have it; what it asks for goes through the access check. */
export function pageRoutes(): readonly Route[] {
  let page: StatusPage | undefined;
  const answer = (call: Call) => {
    page ??= new StatusPage();
    return page.answer(needsKey(call));
  };
  return [{ path: '/', methods: ['GET'], scope: 'open', contract: nativeContract, answer }];
}

/** A page that knows asks for a key at once, and not after a request that is refused. */
function needsKey(call: Call): boolean {
  try {
    call.require('read', undefined);
    return false;
  } catch (error) {
    return error instanceof RouteFailure && error.failure.status === 401;
  }
}
