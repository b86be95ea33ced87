import { createServer, type Server } from 'node:http';
import { createHandler, type HandlerOptions } from '../../../src/http/index.js';
import { MemoryStore, TokenManager, type TokenManagerOptions, type TokenStore } from '../../../src/index.js';
import { FakeClock, FakeWeChat, type FakeWeChatOptions } from '../../../src/testing/index.js';
import { shared } from '../stores/shared-store.js';
import { listening, portOf } from './recording-wechat.js';
import { APPID } from './world.js';

export const SECRET = 'CANARY-secret-of-the-app';
export const COMPONENT = 'wxcomponent00000001';

export interface SdkWorldOptions {
  readonly wechat?: Partial<FakeWeChatOptions>;
  readonly handler?: Partial<HandlerOptions>;
  readonly manager?: TokenManagerOptions;
  /** A function that wraps the store that all processes share. */
  readonly store?: (store: TokenStore) => TokenStore;
  /** Whether the app is registered. */
  readonly isRegistered?: boolean;
}

/** The JSON that an SDK gets. */
export type SdkAnswer = Readonly<Record<string, unknown>>;

/** One process with the contract `wechat`, over a real socket. */
export class SdkServer {
  readonly tokens: TokenManager;
  readonly #server: Server;

  private constructor(tokens: TokenManager, server: Server) {
    this.tokens = tokens;
    this.#server = server;
  }

  static async start(tokens: TokenManager, options: Partial<HandlerOptions>): Promise<SdkServer> {
    const { node } = createHandler(tokens, { contracts: ['wechat'], trust: ['10.0.0.0/8'], ...options });
    const server = createServer((request, response) => node(request, response));
    await listening(server);
    return new SdkServer(tokens, server);
  }

  get origin(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.origin}${path}`, init);
  }

  /** Sends a request as an SDK does: with a body as JSON if there is one. */
  async ask(path: string, body?: object): Promise<SdkAnswer> {
    const answer = await this.fetch(path, body && { method: 'POST', body: JSON.stringify(body) });
    return (await answer.json()) as SdkAnswer;
  }

  async askToken(appid: string = APPID, secret: string = SECRET): Promise<string> {
    const answer = await this.ask(tokenPath(appid, secret));
    if (typeof answer['access_token'] !== 'string') throw new Error(`no token: ${JSON.stringify(answer)}`);
    return answer['access_token'];
  }

  async close(): Promise<void> {
    await this.tokens.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Runs token servers that take the place of a fake WeChat. They share a store and a clock. */
export class SdkWorld implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly wechat: FakeWeChat;
  readonly store: TokenStore;
  readonly server: SdkServer;
  readonly #options: SdkWorldOptions;
  readonly #servers: SdkServer[] = [];

  private constructor(
    clock: FakeClock,
    wechat: FakeWeChat,
    store: TokenStore,
    first: SdkServer,
    options: SdkWorldOptions,
  ) {
    this.clock = clock;
    this.wechat = wechat;
    this.store = store;
    this.server = first;
    this.#servers.push(first);
    this.#options = options;
  }

  static async start(options: SdkWorldOptions = {}): Promise<SdkWorld> {
    const clock = new FakeClock();
    const apps = { [APPID]: { secret: SECRET }, [COMPONENT]: { secret: SECRET } };
    const wechat = await FakeWeChat.start({ clock, apps, ...options.wechat });
    const memory = new MemoryStore({ clock });
    const store = options.store?.(memory) ?? memory;
    const first = await startServer(clock, wechat, store, options);
    const world = new SdkWorld(clock, wechat, store, first, options);
    if (options.isRegistered !== false) await first.tokens.register({ appid: APPID, secret: SECRET });
    return world;
  }

  get tokens(): TokenManager {
    return this.server.tokens;
  }

  /** Starts another process on the same store, which may have a clock of its own. */
  async another({ clock = this.clock }: { readonly clock?: FakeClock } = {}): Promise<SdkServer> {
    const server = await startServer(clock, this.wechat, this.store, this.#options);
    this.#servers.push(server);
    return server;
  }

  /** Registers a platform that has a ticket. */
  async registerComponent(): Promise<void> {
    await this.tokens.register({ appid: COMPONENT, secret: SECRET });
    const value = this.wechat.pushVerifyTicket(COMPONENT);
    await this.tokens.put(COMPONENT, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
  }

  /** Registers a merchant that has authorized the platform. */
  async registerAuthorizer(authorizer: string): Promise<void> {
    const refreshToken = this.wechat.authorizeMerchant(COMPONENT, authorizer);
    const task = {
      type: 'authorizer_access_token',
      subject: authorizer,
      params: { authorizer_refresh_token: refreshToken },
    } as const;
    await this.tokens.register({ appid: COMPONENT, tasks: [task] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.close();
    await this.wechat.close();
  }
}

export function tokenPath(appid: string = APPID, secret: string = SECRET): string {
  return `/cgi-bin/token?grant_type=client_credential&appid=${appid}&secret=${secret}`;
}

function startServer(
  clock: FakeClock,
  wechat: FakeWeChat,
  store: TokenStore,
  { handler = {}, manager = {} }: SdkWorldOptions,
): Promise<SdkServer> {
  const tokens = new TokenManager({ clock, store: shared(store), wechat: { origins: [wechat.origin] }, ...manager });
  return SdkServer.start(tokens, handler);
}
