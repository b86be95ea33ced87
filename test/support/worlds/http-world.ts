import { createHandler, type Handler, type HandlerOptions } from '../../../src/http/index.js';
import type { TokenManager, TokenManagerOptions } from '../../../src/index.js';
import { APPID, World } from './world.js';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** The body: parsed JSON, other bodies as text, `undefined` without one. */
  readonly body: unknown;
}

export interface Asked {
  readonly method?: string;
  /** The body, which is sent as JSON unless it is text. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly peer?: string;
}

/** Sends a request to a handler. */
export async function askHandler(
  handler: Pick<Handler, 'fetch'>,
  path: string,
  { method, body, headers, peer }: Asked = {},
): Promise<Answered> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const sends = text === undefined ? {} : { body: text };
  const request = new Request(`http://tokens.test${path}`, {
    method: method ?? (text === undefined ? 'GET' : 'POST'),
    headers: { ...headers },
    ...sends,
  });
  const response = await handler.fetch(request, { peer });
  const answer = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const answered = answer === '' ? undefined : isJson ? JSON.parse(answer) : answer;
  return { status: response.status, headers: response.headers, body: answered };
}

/** Runs a manager that answers over HTTP, without a socket. */
export class HttpProcess {
  readonly tokens: TokenManager;
  readonly handler: Handler;

  constructor(world: World, options: Partial<HandlerOptions> = {}, managerOptions: TokenManagerOptions = {}) {
    // Nothing listens on this port: no test calls the real WeChat.
    this.tokens = world.manager({ wechat: { origins: ['http://127.0.0.1:1'] }, ...managerOptions });
    this.handler = createHandler(this.tokens, { anonymous: true, ...options });
  }

  ask(path: string, asked?: Asked): Promise<Answered> {
    return askHandler(this.handler, path, asked);
  }
}

/** Provides a world whose manager answers over HTTP. */
export class HttpWorld extends World {
  readonly tokens: TokenManager;
  readonly handler: Handler;
  readonly #process: HttpProcess;

  constructor(options: Partial<HandlerOptions> = {}, managerOptions: TokenManagerOptions = {}) {
    super();
    this.#process = new HttpProcess(this, options, managerOptions);
    this.tokens = this.#process.tokens;
    this.handler = this.#process.handler;
  }

  ask(path: string, asked?: Asked): Promise<Answered> {
    return this.#process.ask(path, asked);
  }
}

export const TASK = `/task/${APPID}/0`;
