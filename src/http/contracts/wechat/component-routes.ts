import { isAppid, tokenKey } from '../../../core/model/token-key.js';
import type { JsonObject } from '../../../core/primitives/json.js';
import { arrivedBody } from '../../../gateway/request-body.js';
import type { KnownTokens } from '../../../gateway/tokens/known-tokens.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { assertForwardable, forward } from '../../routing/forwarded-call.js';
import type { RequestContext } from '../../routing/request-context.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';
import type { CallCredentials } from './call-credentials.js';
import type { PairCheck } from './pair-check.js';
import type { PassedGrants } from './passed-grants.js';
import { handedOutToken } from './served-token.js';
import { AUTHORIZER_TYPE, COMPONENT_TYPE } from './token-types.js';
import { ERRCODES, refusedWith, wechatAnswers } from './wechat-answers.js';
import { AUTHORIZER_TOKEN_PATH, COMPONENT_TOKEN_PATH } from './wechat-paths.js';

const REFRESH_TOKEN = 'authorizer_refresh_token';

export interface ComponentParts {
  readonly services: RouteServices;
  readonly known: KnownTokens;
  readonly pairs: PairCheck;
  readonly credentials: CallCredentials;
  readonly grants: PassedGrants;
}

/** Creates the routes that hand out the tokens of third-party platforms and their authorizers. */
export function componentRoutes(parts: ComponentParts): readonly Route[] {
  const route = { methods: ['POST'], scope: 'open', changes: true, contract: wechatAnswers } as const;
  return [
    { ...route, path: COMPONENT_TOKEN_PATH, answer: (context) => componentToken(context, parts) },
    { ...route, path: AUTHORIZER_TOKEN_PATH, answer: (context) => authorizerToken(context, parts) },
  ];
}

/**
 * Answers with the token of a component for its pair. The ticket in the body is not needed, since the manager receives
 * the tickets itself.
 */
async function componentToken(context: RequestContext, parts: ComponentParts): Promise<HttpAnswer> {
  const { services, known, pairs } = parts;
  assertForwardable(context);
  const body = await context.json();
  const appid = await pairs.appOf(context, textIn(body, 'component_appid'), textIn(body, 'component_appsecret'));
  const served = await handedOutToken(services, known, tokenKey(appid, COMPONENT_TYPE, undefined));
  return jsonAnswer(200, { component_access_token: served.record.value, expires_in: served.expiresIn });
}

/**
 * Answers with the token of a known authorizer. For another one, and for one that only the refresh token of the caller can
 * refresh, WeChat is asked, and the grant is stored.
 */
async function authorizerToken(context: RequestContext, parts: ComponentParts): Promise<HttpAnswer> {
  const { services, known, credentials, grants } = parts;
  assertForwardable(context);
  const body = await context.json();
  const credential = await credentials.of(context, AUTHORIZER_TOKEN_PATH);
  const { appid, token } = credential;
  if (token?.of.type !== COMPONENT_TYPE) {
    throw refusedWith(ERRCODES.invalidToken, 'invalid credential, component_access_token is needed');
  }
  const component = textIn(body, 'component_appid');
  const authorizer = textIn(body, 'authorizer_appid');
  if (component !== appid || !isAppid(authorizer)) {
    throw refusedWith(
      ERRCODES.invalidAppid,
      'component_appid must be that of the token, and authorizer_appid an appid',
    );
  }
  const key = { appid, type: AUTHORIZER_TYPE, subject: authorizer };
  const refreshToken = textIn(body, REFRESH_TOKEN);
  const { coldLookups, records } = services;
  const isKnown = await coldLookups.knows(key);
  if (!isKnown || (refreshToken !== undefined && (await coldLookups.needs(key, refreshToken)))) {
    // The body is written anew: of two members of one name, WeChat might read the other one than this server.
    const sent = {
      component_appid: appid,
      authorizer_appid: authorizer,
      authorizer_refresh_token: body[REFRESH_TOKEN] ?? '',
    };
    const answer = await forward(
      context,
      services.gateway,
      { ...credential, path: AUTHORIZER_TOKEN_PATH, keyId: undefined, outlivesCaller: true },
      arrivedBody(Buffer.from(JSON.stringify(sent))),
    );
    await grants.storeRefreshedGrant(answer, appid, authorizer);
    return answer;
  }
  const { record, expiresIn } = await handedOutToken(services, known, key);
  // The stored answer of WeChat has the refresh token too, but could not be read while the store fails.
  const held = records.cache.get(key)?.rotation?.token;
  return jsonAnswer(200, {
    authorizer_access_token: record.value,
    expires_in: expiresIn,
    authorizer_refresh_token: held ?? refreshToken,
  });
}

function textIn(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
