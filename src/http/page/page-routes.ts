import { nativeContract } from '../contracts/native/native-routes.js';
import { type Call, RouteFailure } from '../routing/request-context.js';
import type { RouteContext } from '../routing/route-services.js';
import type { Route } from '../routing/router.js';
import { StatusPage } from './status-page.js';

/** Serves the page to every caller, since it holds nothing itself; what it asks for goes through the access check. */
export function pageRoutes(context: RouteContext): readonly Route[] {
  let page: StatusPage | undefined;
  const answer = (call: Call) => {
    page ??= new StatusPage();
    return page.answer(needsKey(call, context));
  };
  return [{ path: '/', methods: ['GET'], scope: 'open', changes: false, contract: nativeContract, answer }];
}

/** Returns whether the page needs a key, so that it asks for one at once, and not after a request that is refused. */
function needsKey(call: Call, { access }: RouteContext): boolean {
  try {
    call.require('read', undefined);
    return false;
  } catch (error) {
    return error instanceof RouteFailure && access.takesKeys;
  }
}
