import { type Call, RouteFailure } from '../call.js';
import { nativeContract } from '../contracts/native.js';
import type { RouteContext } from '../route-context.js';
import type { Route } from '../router.js';
import { StatusPage } from './status-page.js';

/** The page itself holds nothing, so everybody may have it; what it asks for goes through the access check. */
export function pageRoutes(context: RouteContext): readonly Route[] {
  let page: StatusPage | undefined;
  const answer = (call: Call) => {
    page ??= new StatusPage();
    return page.answer(needsKey(call, context));
  };
  return [{ path: '/', methods: ['GET'], scope: 'open', changes: false, contract: nativeContract, answer }];
}

/** A page that knows asks for a key at once, and not after a request that is refused. */
function needsKey(call: Call, { access }: RouteContext): boolean {
  try {
    call.require('read', undefined);
    return false;
  } catch (error) {
    return error instanceof RouteFailure && access.takesKeys;
  }
}
