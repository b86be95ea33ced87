import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  readonly token: string | null;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = (received: Received, response: ServerResponse) => void;

const STALE = '{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}';

/** Answers calls as WeChat does: 40001 to tokens that are dead, and whatever else a test wants. */
export class BusinessServer implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly dead = new Set<string>();
  stale = STALE;
  contentType = 'application/json; encoding=utf-8';
  answer: Answer = (_, response) => void response.end('{"errcode":0,"ok":true}');
  readonly #server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => void chunks.push(chunk));
    message.once('end', () => {
      const { method = '', url = '', headers } = message;
      const token = new URL(url, 'http://server.invalid').searchParams.get('access_token');
      const received = { method, path: url, token, headers, body: Buffer.concat(chunks).toString() };
      this.received.push(received);
      response.setHeader('content-type', this.contentType);
      if (this.dead.has(String(token))) response.end(this.stale);
      else this.answer(received, response);
    });
  });

  static async start(): Promise<BusinessServer> {
    const server = new BusinessServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The tokens that came, in order. */
  get tokens(): (string | null)[] {
    return this.received.map(({ token }) => token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
