import { tokenKey } from '../../../core/model/token-key.js';
import { secondsLeft } from '../../../core/primitives/lifetime-left.js';
import { type Failure, olderStatusOf, retryAfterOf } from '../../messages/error-status.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { requestFieldsOf } from '../../routing/body-fields.js';
import type { RequestContext } from '../../routing/request-context.js';
import { badRequest } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Contract, Route } from '../../routing/router.js';

/** The least remaining lifetime of an answered token. The published client discards tokens with less, and asks again. */
const LEAST_LEFT_MS = 61_000;
const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

const contract: Contract = {
  fail(failure: Failure): HttpAnswer {
    return jsonAnswer(olderStatusOf(failure), { errcode: 400, errmsg: failure.message }, retryAfterOf(failure));
  },
};

/** The names of a kind of token in paths, as a type, and in answers. */
interface Kind {
  readonly path: 'token' | 'ticket';
  readonly type: 'access_token' | 'jsapi_ticket';
  readonly field: 'access_token' | 'ticket';
}

const KINDS: readonly Kind[] = [
  { path: 'token', type: 'access_token', field: 'access_token' },
  { path: 'ticket', type: 'jsapi_ticket', field: 'ticket' },
];

/**
 * Creates the routes of the wetoken contract, which report `errcode` 0 or 400. The app's own secret in the query gives
 * access to them.
 */
export function wetokenRoutes(services: RouteServices): readonly Route[] {
  const ofKinds = KINDS.flatMap((kind): Route[] => [
    {
      path: `/:appid/wechat/${kind.path}/get`,
      methods: ['GET'],
      scope: 'read',
      changes: false,
      opensWithSecret: true,
      contract,
      answer: (context) => get(context, kind, services),
    },
    {
      path: `/:appid/wechat/${kind.path}/refresh`,
      methods: ['GET', 'POST'],
      scope: 'read',
      changes: true,
      opensWithSecret: true,
      contract,
      answer: (context) => refreshIfDue(context, kind, services),
    },
  ]);
  const create: Route = {
    path: '/wechat/app/create',
    methods: ['GET', 'POST'],
    scope: 'register',
    changes: true,
    contract,
    answer: (context) => createApp(context, services),
  };
  return [create, ...ofKinds];
}

async function createApp(context: RequestContext, { manager }: RouteServices): Promise<HttpAnswer> {
  const fields = await requestFieldsOf(context);
  const [appid, secret] = [fields.text('appid'), fields.text('secret')];
  if (appid === undefined) throw badRequest('appid is required');
  if (secret === undefined) throw badRequest('secret is required');
  context.require('register', appid);
  await manager.register({ appid, secret, tasks: KINDS.map(({ type }) => type) });
  return jsonAnswer(200, { errcode: 0, errmsg: 'success' });
}

async function get(context: RequestContext, kind: Kind, services: RouteServices): Promise<HttpAnswer> {
  return answerWith(context.param('appid'), kind, LEAST_LEFT_MS, services);
}

async function refreshIfDue(context: RequestContext, kind: Kind, services: RouteServices): Promise<HttpAnswer> {
  const { manager, records } = services;
  const appid = context.param('appid');
  // This loads the record into memory.
  await manager.getRecord(appid, kind.type);
  const held = records.cache.get(tokenKey(appid, kind.type, undefined));
  // A longer remaining lifetime than the current token has makes the call join or start a refresh.
  const leastMs = held !== undefined && records.isDue(held) ? records.leftMs(held) + 1 : 0;
  return answerWith(appid, kind, Math.max(leastMs, LEAST_LEFT_MS), services);
}

async function answerWith(
  appid: string,
  { type, field }: Kind,
  minValidityMs: number,
  { manager, records, clock, knownTokens }: RouteServices,
): Promise<HttpAnswer> {
  const record = await manager.getRecord(appid, type, { minValidityMs });
  const key = tokenKey(appid, type, undefined);
  await knownTokens.noteHandedOut(key, record);
  const expiresAt = records.presentEndOf(key, record);
  return jsonAnswer(200, {
    errcode: 0,
    errmsg: 'success',
    [field]: record.value,
    expires_in: secondsLeft(expiresAt, clock.now()),
    expires_date: shanghaiTime(expiresAt),
  });
}

/** Formats an instant as `YYYYMMDDHHmmss` in Chinese time, which has had no daylight saving time since 1991. */
function shanghaiTime(at: number): string {
  return new Date(at + SHANGHAI_OFFSET_MS).toISOString().replace(/\D/g, '').slice(0, 14);
}
