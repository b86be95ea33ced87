import { tokenKey } from '../../../core/model/token-key.js';
import type { CachedRecord } from '../../../core/records/cached-record.js';
import { type Failure, olderStatusOf, retryAfterOf } from '../../messages/error-status.js';
import { type HttpAnswer, jsonAnswer, jsonTextAnswer } from '../../messages/http-message.js';
import { refreshOrderIn } from '../../routing/refresh-order.js';
import type { RequestContext } from '../../routing/request-context.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Contract, Route } from '../../routing/router.js';
import { registrationIn } from './scheduler-registration.js';

const contract: Contract = {
  fail(failure: Failure): HttpAnswer {
    const { status, message } = failure;
    return jsonAnswer(olderStatusOf(failure), { code: status, message, result: null }, retryAfterOf(failure));
  },
};

/** Creates the routes of the scheduler contract, which always answer with status 200 and report the outcome in `code`. */
export function schedulerRoutes(services: RouteServices): readonly Route[] {
  return [
    {
      path: '/registe',
      methods: ['POST'],
      scope: 'register',
      changes: true,
      contract,
      answer: (context) => register(context, services),
    },
    {
      path: '/task/:appid/:type',
      scope: 'read',
      changes: false,
      contract,
      answer: (context) => hit(context, services) ?? readOrRefresh(context, services),
    },
    { path: '/task', scope: 'open', changes: false, contract, answer: namesNoTask },
    { path: '/task/:appid', scope: 'open', changes: false, contract, answer: namesNoTask },
  ];
}

async function register(context: RequestContext, { manager, typeNumbers }: RouteServices): Promise<HttpAnswer> {
  const registration = registrationIn(await context.json(), typeNumbers, manager);
  context.require('register', registration.appid);
  await manager.register(registration);
  return success(registration.tasks?.length === 0 ? '' : 'success');
}

/**
 * Answers from memory without a promise if possible, as for most requests. A cached token without a task is not part of
 * this contract.
 */
function hit(context: RequestContext, services: RouteServices): HttpAnswer | Promise<HttpAnswer> | undefined {
  const { records, registry, coldLookups, closing, typeNumbers } = services;
  if (context.request.method !== 'GET' || context.request.search !== '') return undefined;
  const appid = context.param('appid');
  const named = context.param('type');
  const type = typeNumbers.name(named) ?? named;
  const held = records.hit(appid, type, undefined);
  if (held === undefined) {
    const confirming = closing.hasBegun ? undefined : coldLookups.confirming(appid, type);
    return confirming === undefined ? undefined : handOut(confirming, services);
  }
  return registry.task(held.key) === undefined ? undefined : handOut(held, services);
}

/** Answers with a token, which callers of the contract `wechat` may then present. */
function handOut(held: CachedRecord, { knownTokens }: RouteServices): HttpAnswer | Promise<HttpAnswer> {
  const noted = knownTokens.noteHandedOut(held.key, held);
  return noted === undefined ? success(held.value) : noted.then(() => success(held.value));
}

async function readOrRefresh(context: RequestContext, services: RouteServices): Promise<HttpAnswer> {
  const { manager, records, coldLookups, typeNumbers } = services;
  const appid = context.param('appid');
  const named = context.param('type');
  const type = typeNumbers.name(named) ?? named;
  const subject = context.query('subject');
  const options = subject === undefined ? undefined : { subject };
  if (!manager.hasType(type)) return noSuchTask();
  // `hasTask` throws a TypeError for an invalid key.
  const isKnown = manager.hasTask(appid, type, options) || (await coldLookups.hasTask(tokenKey(appid, type, subject)));
  if (!isKnown) return noSuchTask();
  const order = context.request.method === 'POST' ? refreshOrderIn(await context.text()) : undefined;
  if (order !== undefined) context.require('refresh', appid);
  const value = await (order === undefined
    ? manager.get(appid, type, options)
    : manager.refresh(appid, type, { ...options, ...order }));
  const held = records.cache.find(appid, type, subject);
  return held?.value === value ? handOut(held, services) : success(value);
}

function namesNoTask(): HttpAnswer {
  return contract.fail({ status: 404, message: 'the path of a task is /task/:appid/:type' });
}

function noSuchTask(): HttpAnswer {
  return contract.fail({ status: 400, message: 'no such task is registered' });
}

function success(result: string): HttpAnswer {
  // This is twice as fast as serializing the whole object, which is most of the work of a server.
  return jsonTextAnswer(200, `{"code":200,"message":"","result":${JSON.stringify(result)}}`);
}
