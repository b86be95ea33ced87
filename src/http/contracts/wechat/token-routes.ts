import { isTokenError } from '../../../core/model/errors.js';
import { tokenKey } from '../../../core/model/token-key.js';
import type { KnownTokens } from '../../../gateway/tokens/known-tokens.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { requestFieldsOf } from '../../routing/body-fields.js';
import { assertForwardable } from '../../routing/forwarded-call.js';
import type { RequestContext } from '../../routing/request-context.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';
import type { PairCheck } from './pair-check.js';
import { handedOutToken } from './served-token.js';
import { ERRCODES, refusedWith, wechatAnswers } from './wechat-answers.js';
import { STABLE_TOKEN_PATH, TOKEN_PATH } from './wechat-paths.js';

const GRANT_TYPE = 'client_credential';
/** The refusals of a forced refresh after which the current token is answered, as WeChat does beyond its own limit. */
const UNFORCED: ReadonlySet<string> = new Set(['QUOTA_EXHAUSTED', 'REFRESH_DISABLED']);

/** Creates the routes that hand out the token of an app for its pair, whatever the mode of the app. */
export function tokenRoutes(services: RouteServices, known: KnownTokens, pairs: PairCheck): readonly Route[] {
  const route = { scope: 'open', changes: true, contract: wechatAnswers } as const;
  const answer = (context: RequestContext): Promise<HttpAnswer> => handOut(context, services, known, pairs);
  return [
    { ...route, path: TOKEN_PATH, methods: ['GET', 'POST'], answer },
    { ...route, path: STABLE_TOKEN_PATH, methods: ['POST'], answer },
  ];
}

async function handOut(
  context: RequestContext,
  services: RouteServices,
  known: KnownTokens,
  pairs: PairCheck,
): Promise<HttpAnswer> {
  assertForwardable(context);
  const fields = await requestFieldsOf(context);
  if (fields.value('grant_type') !== GRANT_TYPE) {
    throw refusedWith(ERRCODES.invalidGrantType, `invalid grant_type: it must be ${GRANT_TYPE}`);
  }
  const key = tokenKey(
    await pairs.appOf(context, fields.text('appid'), fields.text('secret')),
    'access_token',
    undefined,
  );
  const force = fields.value('force_refresh');
  if (context.request.path === STABLE_TOKEN_PATH && (force === true || force === 'true'))
    await refreshByForce(key.appid, services);
  const { record, expiresIn } = await handedOutToken(services, known, key);
  return jsonAnswer(200, { access_token: record.value, expires_in: expiresIn });
}

async function refreshByForce(appid: string, { manager }: RouteServices): Promise<void> {
  try {
    await manager.refresh(appid, 'access_token', { force: true });
  } catch (error) {
    if (!isTokenError(error) || !UNFORCED.has(error.code)) throw error;
  }
}
