import type { PushCounts } from '../../../platform/pushes/push-counts.js';
import type { PushReceiving } from '../../../platform/pushes/push-request.js';
import { senderNetwork } from '../../access/sender-network.js';
import type { HttpAnswer } from '../../messages/http-message.js';
import { problemDetails } from '../../routing/problem-details.js';
import type { RequestContext } from '../../routing/request-context.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';

/** Creates the routes of WeChat's pushes. They need no key, since WeChat signs what it pushes. */
export function pushRoutes({
  pushReceiver,
  pushes,
}: Pick<RouteServices, 'pushReceiver'> & Partial<Pick<RouteServices, 'pushes'>>): readonly Route[] {
  const answer = (context: RequestContext): Promise<HttpAnswer> =>
    answerPush(context, pushReceiver as PushReceiving, pushes);
  const route = { scope: 'open', contract: problemDetails, answer } as const;
  return ['/push/:appid', '/push/:component/:appid'].flatMap((path): Route[] => [
    { ...route, path, methods: ['GET'], changes: false },
    { ...route, path, methods: ['POST'], changes: true },
  ]);
}

async function answerPush(
  context: RequestContext,
  receiver: PushReceiving,
  pushes: PushCounts | undefined,
): Promise<HttpAnswer> {
  const { method, search } = context.request;
  const isPush = method === 'POST';
  const body = isPush ? Buffer.from(await context.text()) : Buffer.alloc(0);
  const appid = context.param('appid');
  const component = context.param('component') || undefined;
  const {
    status,
    contentType,
    body: text,
  } = await receiver.receive(
    { method: isPush ? 'POST' : 'GET', appid, component, query: search, body },
    senderNetwork(context.request),
  );
  pushes?.note(status, component ?? appid);
  return { status, headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' }, body: text };
}
