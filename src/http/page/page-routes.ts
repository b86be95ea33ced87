import { problemDetails } from '../routing/problem-details.js';
import type { RequestContext } from '../routing/request-context.js';
import { RouteFailure } from '../routing/route-failure.js';
import type { RouteServices } from '../routing/route-services.js';
import type { Route } from '../routing/router.js';
import { StatusPage } from './status-page.js';

/**
 * Creates the route of the status page. It is served to every caller, since it contains no data; its requests go through
 * the access check.
 */
export function pageRoutes(services: RouteServices): readonly Route[] {
  let page: StatusPage | undefined;
  const answer = (context: RequestContext) => {
    page ??= new StatusPage(services.merchantPages?.publicUrl);
    return page.answer(needsKey(context, services));
  };
  return [{ path: '/', methods: ['GET'], scope: 'open', changes: false, contract: problemDetails, answer }];
}

/** Returns whether the page needs a key, so that it prompts for one at once and not after a refused request. */
function needsKey(context: RequestContext, { access }: RouteServices): boolean {
  try {
    context.require('read', undefined);
    return false;
  } catch (error) {
    return error instanceof RouteFailure && access.takesKeys;
  }
}
