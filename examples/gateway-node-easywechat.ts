// #region gateway-node-easywechat
import { OfficialAccount } from 'node-easywechat';

/** @param server - the address of the token server, such as `http://10.0.0.5:9001`. */
export function createEasyWechat(server: string, appid: string, secret: string): OfficialAccount {
  return new OfficialAccount({
    app_id: appid,
    secret,
    use_stable_access_token: true,
    http: { baseURL: `${server}/` },
  });
}
// #endregion
