import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHandler, type HandlerOptions } from '../../../src/http/index.js';
import { TokenManager } from '../../../src/index.js';
import { FakeWeChat } from '../../../src/testing/index.js';

export const APP_SECRET = 'CANARY-the-secret-of-the-app';

/** Runs a token server on a port, with a WeChat of its own. */
export class TokenServer implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  readonly tokens: TokenManager;
  readonly url: string;
  readonly #server: Server;

  private constructor(wechat: FakeWeChat, tokens: TokenManager, server: Server) {
    this.wechat = wechat;
    this.tokens = tokens;
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(appids: readonly string[], options: Partial<HandlerOptions> = {}): Promise<TokenServer> {
    const apps = Object.fromEntries(appids.map((appid) => [appid, { secret: APP_SECRET }]));
    const wechat = await FakeWeChat.start({ apps });
    const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
    const access = options.keys === undefined ? { anonymous: true } : {};
    const handler = createHandler(tokens, { contracts: ['scheduler', 'native'], ...access, ...options });
    const server = createServer(handler.node).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TokenServer(wechat, tokens, server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.tokens.close();
    await this.wechat.close();
  }
}
