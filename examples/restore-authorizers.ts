// #region restore-authorizers
import type { TokenManager } from 'wechat-token-manager';

interface AuthorizerList {
  readonly errcode?: number;
  readonly total_count: number;
  readonly list?: readonly { readonly authorizer_appid: string; readonly refresh_token: string }[];
}

const PAGE_SIZE = 500; // the most that WeChat returns at once

/** After the loss of a store: registers every authorizer of the platform again, with the refresh token that WeChat has. */
export async function restoreAuthorizers(
  tokens: TokenManager,
  component: string,
  origin = 'https://api.weixin.qq.com',
): Promise<void> {
  let offset = 0;
  let page: AuthorizerList;
  do {
    page = await tokens.call(component, 'component_access_token', async (token) => {
      const url = `${origin}/cgi-bin/component/api_get_authorizer_list?component_access_token=${token}`;
      const body = JSON.stringify({ component_appid: component, offset, count: PAGE_SIZE });
      const response = await fetch(url, { method: 'POST', body });
      return (await response.json()) as AuthorizerList;
    });
    if (page.list === undefined) throw new Error(`WeChat refused the list with ${page.errcode}`);
    const listed = page.list.filter(({ refresh_token }) => refresh_token !== ''); // the others have to authorize again
    const tasks = listed.map(({ authorizer_appid: subject, refresh_token: authorizer_refresh_token }) => {
      return { type: 'authorizer_access_token' as const, subject, params: { authorizer_refresh_token } };
    });
    await tokens.register({ appid: component, tasks });
    offset += PAGE_SIZE;
  } while (offset < page.total_count);
}
// #endregion
