import { Semaphore } from '../../../core/concurrency/semaphore.js';
import { engineOf } from '../../../core/engine/engine-of.js';
import { assertAppid } from '../../../core/model/token-key.js';
import { AuthorizationDocuments } from '../../../platform/authorizations/authorization-documents.js';
import { authorizers, type KnownAuthorizer } from '../../../platform/authorizers/authorizers.js';
import { describeAuthorizer } from '../../../platform/authorizers/describe-authorizer.js';
import { assertRegistered } from '../../../platform/authorizers/registered-platform.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { pageLimitIn } from '../../routing/page-limit.js';
import { problemDetails } from '../../routing/problem-details.js';
import type { RequestContext } from '../../routing/request-context.js';
import { RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';

type Services = Pick<RouteServices, 'manager'>;

/** The number of lists that are read at once, as of lists of tasks: many at once would make the store's commands time out. */
const MAX_LISTS = 4;
/** The number of accounts about which WeChat is asked at once. */
const MAX_DESCRIBED = 4;

/**
 * Creates the routes of the accounts that have authorized a platform. Their param is named `appid`, because access may be
 * limited to the platform.
 */
export function authorizersRoutes(services: Services): readonly Route[] {
  const lists = new Semaphore(MAX_LISTS);
  const descriptions = new Semaphore(MAX_DESCRIBED);
  const route = { methods: ['GET'], scope: 'read', contract: problemDetails } as const;
  return [
    {
      ...route,
      path: '/platform/:appid/authorizers',
      changes: false,
      answer: (context) => lists.run(() => list(context, services)),
    },
    {
      ...route,
      path: '/platform/:appid/authorizers/:authorizer',
      // It uses WeChat's quota, so that no page of another origin may cause it.
      changes: true,
      answer: (context) => descriptions.run(() => describe(context, services)),
    },
  ];
}

async function list(context: RequestContext, { manager }: Services): Promise<HttpAnswer> {
  const component = context.param('appid');
  const limit = pageLimitIn(context);
  const after = context.query('after');
  if (after !== undefined) assertAppid(after);
  await assertRegistered(engineOf(manager), component);
  const page: KnownAuthorizer[] = [];
  // One more than the page holds is read, to know whether there is another page.
  const options = { limit: limit + 1, ...(after !== undefined && { after }) };
  for await (const authorizer of authorizers(manager, component, options)) {
    if (page.length === limit) return jsonAnswer(200, { authorizers: page, after: page.at(-1)?.appid });
    page.push(authorizer);
  }
  return jsonAnswer(200, { authorizers: page });
}

/** Describes an account of the list. Others are refused, so that WeChat is not asked about invented ones. */
async function describe(context: RequestContext, { manager }: Services): Promise<HttpAnswer> {
  const engine = engineOf(manager);
  const [component, authorizer] = [context.param('appid'), context.param('authorizer')];
  assertAppid(authorizer);
  await assertRegistered(engine, component);
  const documents = new AuthorizationDocuments(engine.store, engine.reader);
  const { authorization } = await documents.read({ component, authorizer });
  if (authorization === undefined) {
    throw new RouteFailure({ status: 404, message: `no authorization of ${component} by this account is known` });
  }
  return jsonAnswer(200, await describeAuthorizer(manager, component, authorizer));
}
