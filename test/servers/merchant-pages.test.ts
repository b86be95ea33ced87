import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { accessibilityProblems, launchBrowser, NO_BROWSER } from '../support/servers/browser.js';
import { BACK, MerchantWorld, START } from '../support/worlds/merchant-world.js';

const skips = NO_BROWSER !== undefined && process.env.CI === undefined;
const CODE = 'CANARY-code';

describe.skipIf(skips)(`the pages for merchants in a browser${skips ? `: ${NO_BROWSER}` : ''}`, () => {
  let browser: Browser;
  let world: MerchantWorld;
  let server: Server;
  let site: string;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(() => browser?.close());

  afterEach(async () => {
    vi.restoreAllMocks();
    await page.context().close();
    server.closeAllConnections();
    server.close();
    await world[Symbol.asyncDispose]();
  });

  /** Opens the start page in a browser whose requests to WeChat are answered here: the merchant confirms at once. */
  async function open(options: BrowserContextOptions): Promise<{ readonly referrers: string[] }> {
    world = new MerchantWorld();
    server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { handler } = await world.serving({ publicUrl: site });
    server.on('request', handler.node);
    world.confirm(CODE);
    complaints = [];
    const referrers: string[] = [];
    const context = await browser.newContext(options);
    await context.route(/^https:\/\/(?:mp|open)\.weixin\.qq\.com\//, async (route) => {
      const { referer = '' } = await route.request().allHeaders();
      referrers.push(referer);
      const back = new URL(new URL(route.request().url()).searchParams.get('redirect_uri') as string);
      back.searchParams.set('auth_code', CODE);
      const body = `<script>location.href = ${JSON.stringify(back.href)}</script>`;
      await route.fulfill({ contentType: 'text/html', body });
    });
    page = await context.newPage();
    page.on('console', (message) => void complaints.push(message.text()));
    page.on('pageerror', (error) => void complaints.push(error.message));
    await page.goto(site + START);
    return { referrers };
  }

  test.each([
    ['en-GB', 'Continue to WeChat', 'Your account is authorized', 'light'],
    ['zh-CN', '前往微信授权', '授权成功', 'dark'],
  ] as const)(
    'lead to WeChat and back, and leave no code in the address: %s',
    async (locale, link, title, colorScheme) => {
      const { referrers } = await open({ locale, colorScheme });
      expect(await accessibilityProblems(page)).toEqual([]);
      await page.getByRole('link', { name: link }).click();
      await page.getByRole('heading', { name: title }).waitFor();
      expect(page.url()).toBe(`${site}${BACK}?result=authorized`);
      expect(referrers).toEqual([`${site}/`]);
      expect(await accessibilityProblems(page)).toEqual([]);
      await page.reload();
      await page.getByRole('heading', { name: title }).waitFor();
      expect(world.platform.countOf('api_query_auth')).toBe(1);
      expect(complaints).toEqual([]);
    },
  );
});
