import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

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
export class RecordingWeChat implements AsyncDisposable {
  readonly calls: ReachedWeChat[] = [];
  /** The number of tokens that were issued. */
  issued = 0;
  answering: Answering = (_request, response) => response.end('{"errcode":0,"errmsg":"ok"}');
  /** Runs instead of reading the request. */
  onRequest: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly #server: Server;

  /** @param prefix - the beginning of each token, before its number. */
  private constructor(prefix: string) {
    this.#server = createServer((request, response) => {
      if (request.url?.startsWith('/cgi-bin/stable_token') === true) {
        this.issued += 1;
        response.end(JSON.stringify({ access_token: `${prefix}-${this.issued}`, expires_in: 7200 }));
      } else if (this.onRequest !== undefined) this.onRequest(request, response);
      else this.#record(request, response).catch(() => response.destroy());
    });
  }

  static async start(prefix = 'TOKEN'): Promise<RecordingWeChat> {
    const wechat = new RecordingWeChat(prefix);
    await listening(wechat.#server);
    return wechat;
  }

  get origin(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  async #record(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers, rawHeaders } = request;
    const call = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('latin1') };
    this.calls.push(call);
    this.answering(call, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
