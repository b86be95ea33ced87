// #region custom-refresher
import { defineRefresher, type Refresher, TokenError } from 'wechat-token-manager';

interface WeComAnswer {
  readonly errcode?: number;
  readonly errmsg?: string;
  readonly access_token?: string;
  readonly expires_in?: number;
}

/**
 * WeCom has a token for each app of a corporation, so that the appid is `<corpid>.<agentid>`:
 * `register({ appid: 'ww0123456789abcdef.1000002', secret: corpsecret, tasks: ['wecom_access_token'] })`
 */
export function weComRefresher(origin = 'https://qyapi.weixin.qq.com'): Refresher<'wecom_access_token'> {
  return defineRefresher({
    type: 'wecom_access_token',
    async refresh({ app, signal }) {
      const [corpid = ''] = app.appid.split('.');
      if (app.secret === undefined)
        throw new TokenError('INPUT_MISSING', `${app.appid} is registered without a secret`);
      const query = new URLSearchParams({ corpid, corpsecret: app.secret });
      // The signal ends the whole attempt after 15 s; one request should not take that long.
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(6_000)]);
      const response = await fetch(`${origin}/cgi-bin/gettoken?${query}`, { signal: deadline });
      const { errcode = 0, errmsg, access_token = '', expires_in = 0 } = (await response.json()) as WeComAnswer;
      if (errcode === -1) throw new TokenError('UPSTREAM_UNAVAILABLE', 'WeCom is busy', { errcode, retryable: true });
      if (errcode !== 0) throw new TokenError('UPSTREAM_REJECTED', `WeCom answered ${errcode}`, { errcode, errmsg });
      return { value: access_token, expiresInSeconds: expires_in };
    },
  });
}
// #endregion
