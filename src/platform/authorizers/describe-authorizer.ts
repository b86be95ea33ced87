import { engineOf } from '../../core/engine/engine-of.js';
import { assertAppid } from '../../core/model/token-key.js';
import { numberIn, objectIn, textIn } from '../authorizations/answer-fields.js';
import { AuthorizationDocuments } from '../authorizations/authorization-documents.js';
import { profileOf, userNameOf } from '../authorizations/authorizer-profile.js';
import { AuthorizerProfiles } from './authorizer-profiles.js';
import { type PlatformManager, platformApiOf } from './platform-calls.js';

/**
 * The state of an account at WeChat. The union is open: WeChat may add states, which are shown as their numbers.
 *
 * @public
 */
export type AuthorizerAccountState = 'normal' | 'cancelled' | 'banned' | 'warned' | 'frozen' | (string & {});

/**
 * An account that has authorized a third-party platform, as WeChat describes it.
 *
 * @public
 */
export interface AuthorizerDescription {
  /** The appid of the account. */
  readonly appid: string;
  /** The name that its users see. */
  readonly name: string;
  /** The kind of the account. */
  readonly kind: 'officialAccount' | 'miniProgram';
  /** The state of the account. */
  readonly state: AuthorizerAccountState;
  /** The original id of the account, such as `gh_0123456789ab`, to which messages are addressed. */
  readonly userName: string;
  /** The company or person that owns the account; empty if WeChat does not say. */
  readonly principalName: string;
  /** The URL of its picture; empty if there is none. */
  readonly headImage: string;
  /** The ids of the permission sets that it has granted. */
  readonly permissions: readonly number[];
}

const NORMAL = 1;
const STATES: ReadonlyMap<number, AuthorizerAccountState> = new Map<number, AuthorizerAccountState>([
  [NORMAL, 'normal'],
  [14, 'cancelled'],
  [16, 'banned'],
  [18, 'warned'],
  [19, 'frozen'],
]);

/**
 * Describes an account that has authorized a third-party platform. WeChat is asked each time, and what it says of the name, the
 * kind and the permissions is remembered for `authorizers`.
 *
 * @throws TypeError for an appid that is none; a `TokenError` of `get` for the token of the platform, or with `errcode` 61003 if
 *   the account has not authorized the platform.
 *
 * @example
 * ```ts
 * const { name, permissions } = await describeAuthorizer(tokens, component, 'wx0123456789abcdef');
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/api_get_authorizer_info.html
 * @public
 */
export async function describeAuthorizer(
  manager: PlatformManager,
  component: string,
  authorizer: string,
): Promise<AuthorizerDescription> {
  assertAppid(authorizer);
  const api = platformApiOf(manager, component);
  const { store, reader } = engineOf(manager);
  const profiles = new AuthorizerProfiles(new AuthorizationDocuments(store, reader), api);
  const answer = await profiles.ask({ component, authorizer });
  const info = objectIn(answer, 'authorizer_info');
  const state = numberIn(info, 'account_status') ?? NORMAL;
  return {
    appid: authorizer,
    ...profileOf(answer),
    state: STATES.get(state) ?? String(state),
    userName: userNameOf(answer) ?? '',
    principalName: textIn(info, 'principal_name') ?? '',
    headImage: textIn(info, 'head_img') ?? '',
  };
}
