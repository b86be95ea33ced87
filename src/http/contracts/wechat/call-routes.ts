import { tokenKey } from '../../../core/model/token-key.js';
import { comparablePath, isCanonicalPath } from '../../../gateway/canonical-path.js';
import type { GatewayAnswer } from '../../../gateway/gateway.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { assertForwardable, forward } from '../../routing/forwarded-call.js';
import type { RequestContext } from '../../routing/request-context.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';
import { type CallCredentials, hasCredential, singleOf } from './call-credentials.js';
import type { PassedGrants } from './passed-grants.js';
import { servedToken } from './served-token.js';
import { AUTHORIZER_TYPE } from './token-types.js';
import { ERRCODES, refusedWith, wechatAnswers } from './wechat-answers.js';
import { isAnswered, isUserGrant, isUserRenewal, QUERY_AUTH_PATH, TICKET_PATH } from './wechat-paths.js';

/** The types of the tickets that are answered here, by WeChat's names. */
const TICKETS: ReadonlyMap<string, string> = new Map([
  ['jsapi', 'jsapi_ticket'],
  ['wx_card', 'wx_card_ticket'],
]);
const TICKET_OWNERS: ReadonlySet<string> = new Set(['access_token', AUTHORIZER_TYPE]);

export interface CallParts {
  readonly services: RouteServices;
  readonly credentials: CallCredentials;
  readonly grants: PassedGrants;
}

/** Creates the routes of the calls that pass, and of the tickets. Requests without a credential are not for them. */
export function callRoutes(parts: CallParts): readonly Route[] {
  const route = { scope: 'open', changes: true, contract: wechatAnswers } as const;
  return [
    { ...route, path: TICKET_PATH, methods: ['GET'], answer: (context) => ticket(context, parts) },
    {
      ...route,
      path: '/*',
      methods: ['GET', 'POST'],
      accepts: hasCredential,
      answer: (context) => pass(context, parts),
    },
  ];
}

/** Answers with the ticket of the app or authorizer whose token is presented. */
async function ticket(context: RequestContext, parts: CallParts): Promise<HttpAnswer> {
  const { services, credentials } = parts;
  assertForwardable(context);
  const credential = await credentials.of(context, TICKET_PATH);
  const type = TICKETS.get(singleOf(context.request.search, 'type')?.toLowerCase() ?? '');
  const owner = credential.token?.of;
  if (type === undefined || owner === undefined || !TICKET_OWNERS.has(owner.type)) {
    return forward(context, services.gateway, { ...credential, path: TICKET_PATH, keyId: undefined });
  }
  const { record, expiresIn } = await servedToken(services, tokenKey(owner.appid, type, owner.subject));
  return jsonAnswer(200, { errcode: 0, errmsg: 'ok', ticket: record.value, expires_in: expiresIn });
}

async function pass(context: RequestContext, parts: CallParts): Promise<HttpAnswer> {
  const { services, credentials } = parts;
  const { path } = context.request;
  assertForwardable(context);
  if (!isCanonicalPath(path)) {
    throw refusedWith(ERRCODES.invalidUrl, 'invalid url: a path is segments of letters, digits, _ - and inner dots');
  }
  const comparable = comparablePath(path);
  if (isAnswered(comparable))
    throw refusedWith(ERRCODES.invalidUrl, 'invalid url: this server answers another spelling');
  const { appid, token, assertAllowed } = await credentials.of(context, comparable);
  const isOpen = isUserRenewal(comparable);
  const outlivesCaller = comparable === QUERY_AUTH_PATH;
  const call = { appid, token, assertAllowed, path, keyId: undefined, isOpen, outlivesCaller };
  const answer = await forward(context, services.gateway, call);
  await keepGrants(answer, comparable, appid, parts);
  return answer;
}

/**
 * Keeps the tokens in an answer, if the path is one of those that hand them out.
 *
 * @param appid - the app whose credential the call carried: the platform, where it acts for an authorizer.
 */
async function keepGrants(answer: GatewayAnswer, path: string, appid: string, { grants }: CallParts): Promise<void> {
  if (path === QUERY_AUTH_PATH) await grants.storeExchangedGrant(answer, appid);
  else if (isUserGrant(path)) await grants.rememberUser(answer, appid);
}
