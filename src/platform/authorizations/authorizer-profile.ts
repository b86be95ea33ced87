import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { objectIn, permissionsIn, textIn } from './answer-fields.js';

/** The facts that a list shows of an authorizer, as WeChat described it last. */
export interface AuthorizerProfile {
  /** The name that its users see; empty if it has none yet. */
  readonly name: string;
  readonly kind: 'officialAccount' | 'miniProgram';
  /** The ids of the permission sets that it has granted. */
  readonly permissions: readonly number[];
}

/** Returns the profile in an answer of `api_get_authorizer_info`. */
export function profileOf(answer: JsonObject): AuthorizerProfile {
  const info = objectIn(answer, 'authorizer_info');
  return {
    name: textIn(info, 'nick_name') ?? '',
    kind: info['MiniProgramInfo'] === undefined ? 'officialAccount' : 'miniProgram',
    permissions: permissionsIn(objectIn(answer, 'authorization_info')),
  };
}

/** Returns the profile in a stored document; `undefined` if there is none. */
export function storedProfile(profile: unknown): AuthorizerProfile | undefined {
  if (!isJsonObject(profile)) return undefined;
  const { name, kind, permissions } = profile;
  if (typeof name !== 'string' || (kind !== 'officialAccount' && kind !== 'miniProgram')) return undefined;
  const ids = Array.isArray(permissions) ? permissions : [];
  return { name, kind, permissions: ids.filter((id): id is number => typeof id === 'number') };
}

/** Returns the original id of an account in an answer of `api_get_authorizer_info`; `undefined` if there is none. */
export function userNameOf(answer: JsonObject): string | undefined {
  return textIn(objectIn(answer, 'authorizer_info'), 'user_name');
}
