import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, NO_BROWSER } from '../support/servers/browser.js';
import { APP_SECRET, TokenServer } from '../support/servers/token-server.js';

const APPID = 'wx0123456789abcdef';
const CONTRACTS = ['scheduler', 'wetoken', 'native'] as const;
/** The names of another site and of the server in its network: Chromium sends them no `Sec-Fetch-Site` over plain HTTP. */
const ELSEWHERE = 'elsewhere.test';
const NAME = 'tokens.corp';

const skips = NO_BROWSER !== undefined && process.env.CI === undefined;

describe.skipIf(skips)(`pages in a browser${skips ? `: ${NO_BROWSER}` : ''}`, () => {
  let browser: Browser;
  let site: Server;

  beforeAll(async () => {
    browser = await launchBrowser([ELSEWHERE, NAME]);
    site = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end('<h1>page</h1>'));
    await once(site.listen(0, '127.0.0.1'), 'listening');
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  async function registered(options: object): Promise<TokenServer> {
    const server = await TokenServer.start([APPID], { contracts: CONTRACTS, ...options });
    await server.tokens.register({ appid: APPID, secret: APP_SECRET, tasks: ['access_token'] });
    return server;
  }

  const named = (server: TokenServer, name: string): string => server.url.replace('127.0.0.1', name);

  async function open(url: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(url);
    return page;
  }

  /** Returns whether a secret opens the app to a request with a wrong key, which its address alone does not admit. */
  async function opens(server: TokenServer, secret: string): Promise<boolean> {
    const headers = { authorization: 'Bearer none' };
    const answer = await fetch(`${server.url}/${APPID}/wechat/token/get?secret=${secret}`, { headers });
    return ((await answer.json()) as { errcode: number }).errcode === 0;
  }

  test('an image of another site does not replace the secret of an app', async () => {
    await using server = await registered({ anonymous: false, trust: ['127.0.0.0/8'] });
    const page = await open(`http://${ELSEWHERE}:${(site.address() as AddressInfo).port}/`);
    for (const host of [NAME, '127.0.0.1', 'localhost']) {
      const image = `${named(server, host)}/wechat/app/create?appid=${APPID}&secret=replaced`;
      const blocked = page.waitForEvent('requestfailed', (request) => request.url() === image);
      await page.evaluate(`
        const image = new Image();
        image.referrerPolicy = 'no-referrer';
        image.src = ${JSON.stringify(image)};
      `);
      // The server has answered, and the browser hides from the page even whether that was an image.
      expect((await blocked).failure()?.errorText).toContain('ERR_BLOCKED_BY_RESPONSE');
    }
    expect([await opens(server, 'replaced'), await opens(server, APP_SECRET)]).toEqual([false, true]);
  });

  test('a page whose name was rebound to the server reads and changes nothing', async () => {
    await using server = await registered({ anonymous: true });
    const rebound = named(server, ELSEWHERE);
    const page = await open(`${rebound}/`);
    const statusOf = (path: string, init: object = {}): Promise<number> =>
      page.evaluate(`fetch('${path}', ${JSON.stringify(init)}).then(({ status }) => status)`);
    expect(await statusOf('/tokens')).toBe(403);
    expect(await statusOf(`/task/${APPID}/0`, { headers: { Authorization: 'Bearer any' } })).toBe(403);
    const body = JSON.stringify({ appid: APPID, appsecret: 'replaced', tasks: [{ type: 0 }] });
    expect(await statusOf('/registe', { method: 'POST', body })).toBe(403);
    const link = await page.goto(`${rebound}/tokens`);
    expect(link?.status()).toBe(403);
  });

  test('the status page works under a configured host name', async () => {
    await using server = await registered({ anonymous: true, hostNames: [NAME] });
    const first = await server.tokens.get(APPID, 'access_token');
    const page = await open(`${named(server, NAME)}/`);
    await page.getByRole('button', { name: `Refresh access_token of ${APPID}` }).click();
    await page.getByRole('status').getByText('was refreshed.').waitFor();
    expect(await server.tokens.get(APPID, 'access_token')).not.toBe(first);
  });
});
