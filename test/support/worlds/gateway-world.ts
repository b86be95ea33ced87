import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type ApiKeyOptions, createApiKey, createHandler, type HandlerOptions } from '../../../src/http/index.js';
import { type Clock, TokenManager } from '../../../src/index.js';

export const APPID = 'wx0123456789abcdef';
const SECRET = 'secret-of-the-app';

/** A request as it reached WeChat. */
export interface ReachedWeChat {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

type Answering = (request: ReachedWeChat, response: ServerResponse) => void;

/** A host of WeChat that issues a new token at each request for one, and records all other calls. */
class RecordingWeChat {
  readonly calls: ReachedWeChat[] = [];
  /** The number of tokens that were issued. */
  issued = 0;
  answering: Answering = (_request, response) => response.end('{"errcode":0,"errmsg":"ok"}');
  /** Runs instead of reading the request. */
  onRequest: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      if (request.url?.startsWith('/cgi-bin/stable_token') === true) {
        this.issued += 1;
        response.end(JSON.stringify({ access_token: `TOKEN-${this.issued}`, expires_in: 7200 }));
      } else if (this.onRequest !== undefined) this.onRequest(request, response);
      else this.#record(request, response).catch(() => response.destroy());
    });
  }

  async #record(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers, rawHeaders } = request;
    const call = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('latin1') };
    this.calls.push(call);
    this.answering(call, response);
  }
}

export interface GatewayOptions {
  readonly clock?: Clock;
  readonly handler?: Partial<HandlerOptions>;
  readonly key?: Partial<ApiKeyOptions>;
}

/** Runs a token server whose calls reach a recording WeChat, over real sockets. */
export class GatewayWorld {
  readonly wechat: RecordingWeChat;
  readonly tokens: TokenManager;
  readonly key: string;
  readonly #server: Server;

  private constructor(wechat: RecordingWeChat, tokens: TokenManager, server: Server, key: string) {
    this.wechat = wechat;
    this.tokens = tokens;
    this.key = key;
    this.#server = server;
  }

  static async start({ clock, handler = {}, key: given = {} }: GatewayOptions = {}): Promise<GatewayWorld> {
    const wechat = new RecordingWeChat();
    await listening(wechat.server);
    const tokens = new TokenManager({
      wechat: { origins: [`http://127.0.0.1:${portOf(wechat.server)}`] },
      ...(clock !== undefined && { clock }),
    });
    const { key, entry } = createApiKey({ scopes: ['call'], ...given });
    const { node } = createHandler(tokens, { contracts: ['proxy'], keys: [entry], ...handler });
    const server = createServer((request, response) => node(request, response));
    await listening(server);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    return new GatewayWorld(wechat, tokens, server, key);
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Sends a call with the key. */
  call(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${this.key}`);
    return fetch(`http://127.0.0.1:${this.port}/proxy/${APPID}${path}`, { ...init, headers });
  }

  /** Opens a connection to the server. */
  connect(): Socket {
    return connect(this.port, '127.0.0.1');
  }

  /** Sends bytes as they are, and returns what is answered until the connection is closed. */
  send(bytes: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = this.connect();
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.once('error', reject);
      socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
      socket.write(bytes, 'latin1');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tokens.close();
    for (const server of [this.#server, this.wechat.server]) {
      server.close();
      server.closeAllConnections();
    }
  }
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
