import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { FakeWeChat } from '../../../src/testing/index.js';
import { listening, portOf } from '../worlds/recording-wechat.js';

/** The content of a downloaded picture. */
export const PICTURE: Buffer = Buffer.from([0xff, 0xd8, 0xff, 0xe0, ...new Array<number>(5_000).fill(7)]);

/**
 * Adds business calls to a fake WeChat: users, media and messages, for valid tokens alone. All other requests are passed to
 * the fake.
 */
export class BusinessWeChat implements AsyncDisposable {
  readonly #fake: FakeWeChat;
  readonly #server: Server;
  /** The number of calls that succeeded, by path. */
  readonly succeeded = new Map<string, number>();
  /** The number of calls whose token was not valid. */
  refused = 0;

  private constructor(fake: FakeWeChat) {
    this.#fake = fake;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(fake: FakeWeChat): Promise<BusinessWeChat> {
    const business = new BusinessWeChat(fake);
    await listening(business.#server);
    return business;
  }

  get origin(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', this.#fake.origin);
    const answer = ANSWERS.get(url.pathname);
    if (answer === undefined) return this.#passOn(request, body, response);
    if (!this.#fake.isValid(url.searchParams.get('access_token') ?? '')) {
      this.refused += 1;
      response.end('{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}');
      return;
    }
    this.succeeded.set(url.pathname, (this.succeeded.get(url.pathname) ?? 0) + 1);
    answer(url.searchParams, body, response);
  }

  async #passOn(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const answer = await fetch(`${this.#fake.origin}${url}`, {
      method,
      ...(method !== 'GET' && { body: new Uint8Array(body) }),
    });
    response.setHeader('content-type', 'application/json');
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

type Answer = (query: URLSearchParams, body: Buffer, response: ServerResponse) => void;

const ANSWERS: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ['/cgi-bin/user/info', (query, _body, response) => json(response, { subscribe: 1, openid: query.get('openid') })],
  ['/sns/userinfo', (query, _body, response) => json(response, { openid: query.get('openid'), nickname: 'nick' })],
  ['/cgi-bin/user/get', (_query, _body, response) => json(response, { total: 1, count: 1, data: { openid: ['o1'] } })],
  [
    '/cgi-bin/media/upload',
    (query, body, response) => {
      if (!body.includes(PICTURE)) return json(response, { errcode: 40004, errmsg: 'invalid media type' });
      json(response, { type: query.get('type'), media_id: 'MEDIA-1', created_at: 1 });
    },
  ],
  [
    '/cgi-bin/media/get',
    (_query, _body, response) => {
      response.writeHead(200, {
        'content-type': 'image/jpeg',
        'content-disposition': 'attachment; filename="picture.jpg"',
        'content-length': PICTURE.length,
      });
      response.end(PICTURE);
    },
  ],
  [
    '/cgi-bin/message/custom/send',
    (_query, body, response) => {
      const message = JSON.parse(body.toString()) as { touser?: string };
      json(
        response,
        message.touser === 'o1' ? { errcode: 0, errmsg: 'ok' } : { errcode: 40003, errmsg: 'invalid openid' },
      );
    },
  ],
]);

/** Answers as WeChat does, whose JSON is labelled as text. */
function json(response: ServerResponse, value: object): void {
  response.setHeader('content-type', 'text/plain');
  response.end(JSON.stringify(value));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
