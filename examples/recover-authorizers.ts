// #region recover-authorizers
import type { TokenManager } from 'wechat-token-manager';
import { authorizers, recoverAuthorizers } from 'wechat-token-manager/platform';

/** After the loss of a store: restores the authorizers of the platform, and returns those that have to authorize again. */
export async function recover(
  tokens: TokenManager,
  component: string,
  log: (line: string) => void = console.log,
): Promise<string[]> {
  const { restored, total } = await recoverAuthorizers(tokens, component, {
    onProgress: ({ present, restored, needAuthorization, total }) => {
      log(`${present + restored + needAuthorization} of ${total} authorizers`);
    },
  });
  log(`${restored} of ${total} were restored`);
  const lost: string[] = [];
  for await (const { appid, state } of authorizers(tokens, component)) {
    if (state === 'needsAuthorization') lost.push(appid);
  }
  return lost;
}
// #endregion recover-authorizers
