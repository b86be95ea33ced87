import { assertAppid } from '../../core/model/token-key.js';
import { readFields } from '../../core/primitives/assert-options.js';
import { describeNumber, describeValue, describeWord } from '../../core/primitives/redact.js';
import { type PlatformManager, platformApiOf } from './platform-calls.js';

/**
 * The options of `authorizationUrl`.
 *
 * @public
 */
export interface AuthorizationUrlOptions {
  /**
   * The page to which WeChat sends the merchant afterwards, with the parameters `auth_code` and `expires_in`.
   *
   * @bounds an http or https URL
   */
  readonly redirectUri: string;
  /**
   * The accounts that may be authorized: 1 official accounts, 2 mini programs, 3 both, 4 promoters, 5 channels, 6 all, 8 talent
   * assistants.
   *
   * @bounds 1, 2, 3, 4, 5, 6 or 8
   */
  readonly authType: number;
  /**
   * The only account that may be authorized. It takes precedence over `authType`.
   *
   * @defaultValue any account
   * @bounds an appid
   */
  readonly bizAppid?: string;
  /**
   * The form of the link: `page` for a browser on a computer, where a code is scanned, `wechat` for WeChat itself.
   *
   * @defaultValue `'page'`
   * @bounds `'page'` or `'wechat'`
   */
  readonly form?: 'page' | 'wechat';
}

const NAMES = ['redirectUri', 'authType', 'bizAppid', 'form'] as const;
const AUTH_TYPES: ReadonlySet<unknown> = new Set([1, 2, 3, 4, 5, 6, 8]);

/**
 * Returns the URL at which a merchant authorizes a third-party platform. It contains a new pre-authorization code, which works
 * once and for some minutes, so that each visitor needs a URL of its own. WeChat accepts it only on a page of the domain that is
 * set in the platform's console.
 *
 * @throws TypeError for options that are not; a `TokenError` of `get` for the token of the platform, or of the request for the
 *   code.
 *
 * @example
 * ```ts
 * const url = await authorizationUrl(tokens, component, { redirectUri: 'https://example.com/authorized', authType: 3 });
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Authorization_Process_Technical_Description.html
 * @public
 */
export async function authorizationUrl(
  manager: PlatformManager,
  component: string,
  options: AuthorizationUrlOptions,
): Promise<string> {
  const checked = checkedOptions(options);
  const { value } = await platformApiOf(manager, component).preAuthCode(component);
  return authorizationLink(component, value, checked);
}

/** Returns the URL at which the holder of a pre-authorization code authorizes a platform. */
export function authorizationLink(
  component: string,
  preAuthCode: string,
  { redirectUri, authType, bizAppid, form }: AuthorizationUrlOptions,
): string {
  const fields = {
    component_appid: component,
    pre_auth_code: preAuthCode,
    redirect_uri: redirectUri,
    auth_type: String(authType),
    ...(bizAppid !== undefined && { biz_appid: bizAppid }),
  };
  if (form !== 'wechat') return `https://mp.weixin.qq.com/cgi-bin/componentloginpage?${new URLSearchParams(fields)}`;
  const inWeChat = new URLSearchParams({ action: 'bindcomponent', no_scan: '1', ...fields });
  return `https://open.weixin.qq.com/wxaopen/safe/bindcomponent?${inWeChat}#wechat_redirect`;
}

/** Returns whether WeChat knows a type of accounts that may be authorized. */
export function isAuthType(authType: unknown): authType is number {
  return AUTH_TYPES.has(authType);
}

function checkedOptions(options: AuthorizationUrlOptions): AuthorizationUrlOptions {
  const fields = readFields<AuthorizationUrlOptions>(options, NAMES, 'the options of authorizationUrl');
  const { redirectUri, authType, bizAppid, form = 'page' } = fields;
  if (typeof redirectUri !== 'string' || !isWebUrl(redirectUri)) {
    throw new TypeError(`redirectUri must be an http or https URL, got ${describeValue(redirectUri)}`);
  }
  if (!isAuthType(authType)) {
    throw new TypeError(`authType must be one of ${[...AUTH_TYPES].join(', ')}, got ${describeNumber(authType)}`);
  }
  if (bizAppid !== undefined) assertAppid(bizAppid);
  if (form !== 'page' && form !== 'wechat') {
    throw new TypeError(`form must be 'page' or 'wechat', got ${describeWord(form)}`);
  }
  return { redirectUri, authType, form, ...(bizAppid !== undefined && { bizAppid }) };
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
