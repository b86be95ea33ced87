import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { HandlerOptions } from '../../../src/http/index.js';
import { HttpWorld } from './http-world.js';

/** Provides a world whose manager answers on a socket to a browser, with one time for both. */
export class PageWorld extends HttpWorld {
  /** The errors in the pages, as their consoles show them. */
  readonly complaints: string[] = [];
  /** The paths and queries of the requests, without those of the page itself. */
  readonly asked: string[] = [];
  /** Whether connections are cut before they are answered. */
  isDown = false;
  /** A function that answers instead of the handler, where it returns something. */
  instead: ((url: string) => object | undefined) | undefined;
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #pages: Page[] = [];

  /**
   * Creates a world.
   *
   * @param listener - in place of the handler, with the handler in it.
   */
  constructor(
    browser: Browser,
    options: Partial<HandlerOptions> = {},
    listener: (world: PageWorld) => RequestListener = (world) => world.handler.node,
  ) {
    super({ contracts: ['native'], ...options });
    this.#browser = browser;
    const answer = listener(this);
    this.#server = createServer((request, response) => {
      if (this.isDown) {
        request.socket.destroy();
        return;
      }
      this.#setDate(response);
      const url = request.url ?? '';
      if (url.includes('tokens?') || request.method === 'POST') this.asked.push(url);
      const scripted = this.instead?.(url);
      if (scripted === undefined) answer(request, response);
      else response.setHeader('Content-Type', 'application/json').end(JSON.stringify(scripted));
    });
  }

  /** Opens the page and stops its clock at the server's time. */
  async open(path = '/', options: BrowserContextOptions = {}): Promise<Page> {
    if (!this.#server.listening) await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    const { port } = this.#server.address() as AddressInfo;
    const context = await this.#browser.newContext({ locale: 'en-GB', timezoneId: 'Asia/Shanghai', ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    this.#pages.push(page);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    await page.clock.install({ time: this.clock.now() - 60_000 });
    await page.clock.pauseAt(this.clock.now());
    await page.goto(`http://127.0.0.1:${port}${path}`);
    return page;
  }

  /** Lets time pass for the server and for the browser. */
  async pass(page: Page, ms: number): Promise<void> {
    await this.clock.advance(ms);
    await page.clock.fastForward(ms);
  }

  /** Waits until the server has received what the page has requested so far: a later request has been answered. */
  async received(page: Page): Promise<void> {
    await page.evaluate("fetch('healthz').then((response) => response.text())");
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const page of this.#pages) await page.context().close();
    this.#server.closeAllConnections();
    this.#server.close();
    await super[Symbol.asyncDispose]();
  }

  #setDate(response: ServerResponse): void {
    response.sendDate = false;
    response.setHeader('Date', new Date(this.clock.now()).toUTCString());
  }
}
