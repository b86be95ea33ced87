import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import {
  type ApiKeyOptions,
  createApiKey,
  createHandler,
  type Handler,
  type HandlerOptions,
} from '../../../src/http/index.js';
import { type Clock, TokenManager, type TokenStore } from '../../../src/index.js';
import { sendBytes } from './raw-bytes.js';
import { listening, portOf, RecordingWeChat } from './recording-wechat.js';
import { APPID } from './world.js';

export const SECRET = 'secret-of-the-app';

export interface GatewayOptions {
  readonly clock?: Clock;
  readonly store?: TokenStore;
  readonly handler?: Partial<HandlerOptions>;
  readonly key?: Partial<ApiKeyOptions>;
}

/** Runs a token server whose calls reach a recording WeChat, over real sockets. */
export class GatewayWorld {
  readonly wechat: RecordingWeChat;
  readonly tokens: TokenManager;
  readonly key: string;
  readonly #handler: Handler;
  readonly #server: Server;

  private constructor(wechat: RecordingWeChat, tokens: TokenManager, handler: Handler, server: Server, key: string) {
    this.wechat = wechat;
    this.tokens = tokens;
    this.key = key;
    this.#handler = handler;
    this.#server = server;
  }

  static async start({ clock, store, handler = {}, key: given = {} }: GatewayOptions = {}): Promise<GatewayWorld> {
    const wechat = await RecordingWeChat.start();
    const tokens = new TokenManager({
      wechat: { origins: [wechat.origin] },
      ...(clock !== undefined && { clock }),
      ...(store !== undefined && { store }),
    });
    const { key, entry } = createApiKey({ scopes: ['call'], ...given });
    const mounted = createHandler(tokens, { contracts: ['proxy'], keys: [entry], ...handler });
    const server = createServer((request, response) => mounted.node(request, response));
    await listening(server);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    return new GatewayWorld(wechat, tokens, mounted, server, key);
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Returns the handler, for a server of another kind. */
  get handler(): Handler {
    return this.#handler;
  }

  /** Sends a call with the key. */
  call(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${this.key}`);
    return fetch(`http://127.0.0.1:${this.port}/proxy/${APPID}${path}`, { ...init, headers });
  }

  /** Sends a request as an SDK does, without the key. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, init);
  }

  /** Sends a call with the key to the fetch handler, without a socket of its own. */
  callByFetch(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${this.key}`);
    return this.fetchHandler(new Request(`http://localhost/proxy/${APPID}${path}`, { ...init, headers }));
  }

  /** Sends a request to the fetch handler as it is. */
  fetchHandler(request: Request): Promise<Response> {
    return this.#handler.fetch(request);
  }

  /** Opens a connection to the server. */
  connect(): Socket {
    return connect(this.port, '127.0.0.1');
  }

  /** Sends bytes as they are, and returns what is answered until the connection is closed. */
  send(bytes: string): Promise<string> {
    return sendBytes(this.port, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tokens.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await this.wechat[Symbol.asyncDispose]();
  }
}
