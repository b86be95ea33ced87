import { Semaphore } from '../../../core/concurrency/semaphore.js';
import { isAppid } from '../../../core/model/token-key.js';
import { appStatus } from '../../../core/pushes/app-status.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { pageLimitIn } from '../../routing/page-limit.js';
import type { RequestContext } from '../../routing/request-context.js';
import { badRequest } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';

/** The number of lists that are read at once, for the reason that holds for those of tasks. */
const MAX_AT_ONCE = 4;

/** Returns a function that answers with one page of the apps that the caller may see. */
export function appListing(services: RouteServices): (context: RequestContext) => Promise<HttpAnswer> {
  const reads = new Semaphore(MAX_AT_ONCE);
  return async (context) => {
    const limit = pageLimitIn(context);
    const appid = appidIn('appid', context);
    const after = appidIn('after', context);
    if (appid !== undefined) context.require('read', appid);
    const appids = appid === undefined ? context.appids : new Set([appid]);
    await services.start();
    // One more app than the page holds is read, to know whether there is another page.
    const apps = await reads.run(() => appStatus({ appids, after, limit: limit + 1 }, services));
    const hasMore = apps.length > limit;
    return jsonAnswer(200, { apps: apps.slice(0, limit), ...(hasMore ? { after: apps[limit - 1]?.appid } : {}) });
  };
}

function appidIn(name: string, context: RequestContext): string | undefined {
  const appid = context.query(name);
  if (appid === undefined || isAppid(appid)) return appid;
  throw badRequest(`${name} must be an appid`);
}
