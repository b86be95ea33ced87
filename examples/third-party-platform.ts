// #region third-party-platform
import type { TokenManager } from 'wechat-token-manager';

/** A push of WeChat to the platform, decrypted. */
export interface PlatformPush {
  readonly AppId: string;
  readonly CreateTime: number;
  readonly InfoType: string;
  readonly ComponentVerifyTicket?: string;
  readonly AuthorizerAppid?: string;
}

/** `authorization_info` in the answer of api_query_auth. */
export interface AuthorizationInfo {
  readonly authorizer_appid: string;
  readonly authorizer_access_token: string;
  readonly expires_in: number;
  readonly authorizer_refresh_token: string;
}

const TICKET_SECONDS = 12 * 3_600;

export async function startPlatform(tokens: TokenManager, component: string, secret: string): Promise<void> {
  await tokens.register({ appid: component, secret, tasks: ['component_access_token'] });
}

/** A ticket every ten minutes: the token of the platform waits for the first one, and for the next when one is refused. */
export async function onPush(tokens: TokenManager, push: PlatformPush): Promise<void> {
  if (push.InfoType === 'component_verify_ticket' && push.ComponentVerifyTicket !== undefined) {
    await tokens.put(push.AppId, 'component_verify_ticket', {
      value: push.ComponentVerifyTicket,
      expiresInSeconds: TICKET_SECONDS,
      obtainedAt: push.CreateTime * 1_000, // an older one that comes late changes nothing
    });
  } else if (push.InfoType === 'unauthorized' && push.AuthorizerAppid !== undefined) {
    for (const type of ['jsapi_ticket', 'authorizer_access_token'] as const) {
      await tokens.unregister(push.AppId, type, { subject: push.AuthorizerAppid });
    }
  }
}

/** A merchant has authorized the platform: from now on its token and its ticket are kept fresh. */
export async function onAuthorized(tokens: TokenManager, component: string, info: AuthorizationInfo): Promise<void> {
  const subject = info.authorizer_appid;
  await tokens.put(
    component,
    'authorizer_access_token',
    {
      value: info.authorizer_access_token,
      expiresInSeconds: info.expires_in,
      refreshToken: info.authorizer_refresh_token,
    },
    { subject },
  );
  await tokens.register({
    appid: component,
    tasks: [
      { type: 'authorizer_access_token', subject },
      { type: 'jsapi_ticket', subject },
    ],
  });
}
// #endregion
