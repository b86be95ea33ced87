import { createFetch, type TokenManager, type WeChatFetch } from '../../../../src/index.js';
import { APPID, World } from '../../../support/worlds/world.js';
import { BusinessServer } from './business-server.js';

export interface Scene extends AsyncDisposable {
  readonly world: World;
  readonly server: BusinessServer;
  readonly tokens: TokenManager;
  readonly wechat: WeChatFetch;
}

/** A manager whose first token is `token-1`, and a server in place of WeChat. */
export async function scene(): Promise<Scene> {
  const [world, server] = [new World(), await BusinessServer.start()];
  const tokens = await world.registered({ wechat: { origins: [server.origin] } });
  return {
    world,
    server,
    tokens,
    wechat: createFetch(tokens, APPID),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}
