import { createHandler, type Handler, type HandlerOptions } from '../../../src/http/index.js';
import type { TokenManager } from '../../../src/index.js';
import { COMPONENT, PlatformWorld } from './platform-world.js';

export const PUBLIC_URL = 'https://platform.test/wx';
export const START = `/platform/${COMPONENT}/authorize`;
export const BACK = `/platform/${COMPONENT}/authorized`;

export interface Opened {
  readonly headers?: Readonly<Record<string, string>>;
  readonly peer?: string;
  readonly method?: string;
}

/** A page as a browser gets it. */
export interface OpenedPage {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** The cookie that is set, with its value alone. */
  readonly cookie: string | undefined;
}

/** A browser without pictures and scripts, which keeps the cookie of one platform. */
export class PlainBrowser {
  readonly #handler: Handler;
  readonly #peer: string;
  cookie: string | undefined;

  constructor(handler: Handler, peer = '203.0.113.7') {
    this.#handler = handler;
    this.#peer = peer;
  }

  async open(path: string, { headers, peer = this.#peer, method = 'GET' }: Opened = {}): Promise<OpenedPage> {
    const cookie = this.cookie === undefined ? {} : { cookie: this.cookie };
    const request = new Request(`http://inner.test${path}`, { method, headers: { ...cookie, ...headers } });
    const response = await this.#handler.fetch(request, { peer });
    const set = response.headers.get('set-cookie')?.split(';')[0];
    if (set !== undefined) this.cookie = set;
    return { status: response.status, headers: response.headers, html: await response.text(), cookie: set };
  }

  /** Opens the start page, and returns the link to WeChat. */
  async begin(query = ''): Promise<URL> {
    const { html } = await this.open(`${START}${query}`);
    return linkIn(html);
  }

  /** Comes back from WeChat with a code. */
  comeBack(link: URL, code: string, options: Opened = {}): Promise<OpenedPage> {
    return this.open(backTo(link, code), options);
  }
}

/** Returns the path at which the browser comes back from the page behind a link. */
function backTo(link: URL, code: string): string {
  const back = new URL(link.searchParams.get('redirect_uri') as string);
  back.searchParams.set('auth_code', code);
  back.searchParams.set('expires_in', '3600');
  return back.pathname.replace(new URL(PUBLIC_URL).pathname, '') + back.search;
}

export function linkIn(html: string): URL {
  const [, url = ''] = /<a href="([^"]+)"/.exec(html) ?? [];
  return new URL(url.replaceAll('&amp;', '&'));
}

/** Provides a platform whose merchants find the pages of an authorization. */
export class MerchantWorld extends PlatformWorld {
  /** Returns a server on the same store. */
  server(options: Partial<HandlerOptions> = {}): { readonly tokens: TokenManager; readonly handler: Handler } {
    const { tokens, receiver } = this.process();
    const report = (error: Error): void => void this.errors.push(error);
    const given = { contracts: ['push'], publicUrl: PUBLIC_URL, push: receiver, onError: report } as const;
    return { tokens, handler: createHandler(tokens, { trust: ['192.0.2.1'], ...given, ...options }) };
  }

  /** Returns a server of a registered platform that has a ticket. */
  async serving(
    options: Partial<HandlerOptions> = {},
  ): Promise<{ readonly tokens: TokenManager; readonly handler: Handler }> {
    await this.receiving();
    return this.server(options);
  }

  /** Lets a merchant confirm an authorization at WeChat, and returns the code. */
  confirm(code: string): string {
    this.authorized(code);
    return code;
  }
}
