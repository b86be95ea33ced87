import type { Grant } from '../../core/model/refresher.js';
import type { JsonObject } from '../../core/primitives/json.js';
import { numberIn, objectsIn, textIn } from './answer-fields.js';
import type { Granted } from './authorization-documents.js';

/** The result of the exchange of an authorization code. */
export interface ExchangedCode extends Granted {
  readonly authorizer: string;
  /** The time of WeChat's answer, in epoch milliseconds; `undefined` if the answer names none. */
  readonly at: number | undefined;
}

/** The parts of an authorization that WeChat names again. */
export interface NamedAuthorization {
  readonly refreshToken: string;
  readonly permissions: readonly number[];
}

/** A code with which one visitor can authorize a platform. */
export interface PreAuthCode {
  readonly value: string;
  readonly expiresInSeconds: number;
}

/** An authorizer in WeChat's list. */
export interface ListedAuthorizer {
  readonly appid: string;
  readonly refreshToken: string | undefined;
  /** The instant of the authorization, in epoch milliseconds. */
  readonly authorizedAt: number;
}

export interface AuthorizerPage {
  /** The number of all authorizers. */
  readonly total: number;
  readonly authorizers: readonly ListedAuthorizer[];
}

/** Returns the tokens of an authorizer in an answer; `undefined` if there are none. */
export function grantIn(info: JsonObject): Grant | undefined {
  const value = textIn(info, 'authorizer_access_token');
  const expiresInSeconds = numberIn(info, 'expires_in');
  if (value === undefined || expiresInSeconds === undefined) return undefined;
  const refreshToken = textIn(info, 'authorizer_refresh_token');
  return { value, expiresInSeconds, ...(refreshToken !== undefined && { refreshToken }) };
}

/** Returns the page of the list of authorizers that is in an answer. */
export function authorizerPageIn(answer: JsonObject): AuthorizerPage {
  const authorizers = objectsIn(answer, 'list').flatMap((one): ListedAuthorizer[] => {
    const appid = textIn(one, 'authorizer_appid');
    if (appid === undefined) return [];
    const authorizedAt = (numberIn(one, 'auth_time') ?? 0) * 1_000;
    return [{ appid, refreshToken: textIn(one, 'refresh_token'), authorizedAt }];
  });
  return { total: numberIn(answer, 'total_count') ?? 0, authorizers };
}
