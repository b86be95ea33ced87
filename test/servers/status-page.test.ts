import express from 'express';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiKey, type HandlerOptions } from '../../src/http/index.js';
import { TokenError } from '../../src/index.js';
import { accessibilityProblems, launchBrowser, NO_BROWSER } from '../support/servers/browser.js';
import { HttpWorld } from '../support/worlds/http-world.js';
import { PageWorld } from '../support/worlds/page-world.js';
import { APPID, SECRET, TYPE } from '../support/worlds/world.js';

const IP = '203.0.113.77';
const NOT_ALLOWED = new TokenError('UPSTREAM_REJECTED', `WeChat answered 40164 (invalid ip ${IP}, not in whitelist)`, {
  errcode: 40164,
  ip: IP,
});

const skips = NO_BROWSER !== undefined && process.env.CI === undefined;

describe.skipIf(skips)(`the status page in a browser${skips ? `: ${NO_BROWSER}` : ''}`, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(() => browser?.close());

  async function withToken(world: PageWorld, appid: string = APPID): Promise<string> {
    await world.tokens.register({ appid, secret: SECRET, tasks: [TYPE] });
    return world.tokens.get(appid, TYPE);
  }

  async function withError(world: PageWorld, error: Error, appid: string = APPID): Promise<void> {
    world.wechat.always = error;
    await world.tokens.register({ appid, secret: SECRET, tasks: [TYPE] });
    await world.tokens.get(appid, TYPE).catch(() => undefined);
    world.wechat.always = undefined;
  }

  /** Returns the width of the bar as a share of its maximum. */
  async function shareShown(page: Page): Promise<number> {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const expression = `(() => {
      const bar = document.querySelector('.bar');
      return bar.querySelector('.fill').getBoundingClientRect().width / bar.getBoundingClientRect().width;
    })()`;
    return page.evaluate<number>(expression);
  }

  const rows = (page: Page): Locator => page.locator('tbody.task');
  const keyInput = (page: Page): Locator => page.getByRole('textbox', { name: 'API key' });
  const textOf = async (locator: Locator): Promise<string> => (await locator.allInnerTexts()).join('\n');

  test('the page shows each task with the time its token has left', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    expect(await rows(page).count()).toBe(1);
    expect(await textOf(rows(page))).toMatch(/access_token\s+wx0123456789abcdef\s+Fresh\s+2:00:00\s+until 10:00/);
    expect(await page.title()).toBe('Token status');
    expect(world.complaints).toEqual([]);
  });

  test('the time counts down by itself, and the bar shrinks', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    const asked = world.asked.length;
    expect(await shareShown(page)).toBeCloseTo(1, 2);
    await world.pass(page, 3_000);
    await page.getByText('1:59:57').waitFor();
    await world.received(page);
    expect(world.asked.length).toBe(asked);
    await world.pass(page, 3_597_000);
    await page.getByText('1:00:00').waitFor();
    expect(await shareShown(page)).toBeCloseTo(0.5, 2);
  });

  test('the page goes by the time of the server where the clock of the computer is wrong', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    await page.clock.setSystemTime(world.clock.now() - 86_400_000);
    await page.reload();
    await page.getByText('2:00:00', { exact: true }).waitFor();
  });

  test('the page polls every five seconds, and shows what has changed', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    expect(world.asked).toEqual(['/tokens?limit=500']);
    await withToken(world, 'wx-another');
    await world.pass(page, 5_000);
    await page.getByText('wx-another').waitFor();
    expect(world.asked).toEqual(['/tokens?limit=500', '/tokens?limit=500']);
  });

  test('the page sends no request while it is hidden, and one as soon as it is visible again', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    const show = (state: string): Promise<void> =>
      page.evaluate(`
        Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${state}' });
        document.dispatchEvent(new Event('visibilitychange'));
      `);
    await show('hidden');
    await world.pass(page, 60_000);
    await world.received(page);
    expect(world.asked).toHaveLength(1);
    await show('visible');
    await page.getByText('1:59:00').waitFor();
    expect(world.asked).toHaveLength(2);
  });

  test('the page sends no request before the rate limit allows it', async () => {
    const { key, entry } = createApiKey({ scopes: ['read'], perSecond: 0.05 });
    await using world = new PageWorld(browser, { anonymous: false, keys: [entry] });
    await withToken(world);
    const page = await world.open();
    await keyInput(page).fill(key);
    await page.keyboard.press('Enter');
    await page.getByText('2:00:00').waitFor();
    await world.pass(page, 5_000);
    await page.getByText('This API key has reached its rate limit').waitFor();
    await world.pass(page, 10_000);
    await world.received(page);
    expect(world.asked).toHaveLength(2);
    await world.pass(page, 10_000);
    await page.getByText('The server answers again.').waitFor();
    expect(world.asked).toHaveLength(3);
  });

  test('the page refreshes a token, says so, and neither shows nor keeps a token', async () => {
    await using world = new PageWorld(browser);
    const first = await withToken(world);
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    await world.pass(page, 3_600_000);
    await page.getByText('1:00:00').waitFor();
    await page.getByRole('button', { name: `Refresh access_token of ${APPID}` }).click();
    await page.getByRole('status').getByText(`access_token of ${APPID} was refreshed.`).waitFor();
    await page.getByText('2:00:00').waitFor();
    const second = await world.tokens.get(APPID, TYPE);
    expect(second).not.toBe(first);
    const shown = await page.content();
    for (const secret of [first, second, SECRET]) expect(shown).not.toContain(secret);
    expect(await page.evaluate('localStorage.length + sessionStorage.length + document.cookie.length')).toBe(0);
    expect(world.complaints).toEqual([]);
  });

  test('the button keeps the focus while its row moves', async () => {
    await using world = new PageWorld(browser);
    await withToken(world, 'wx-first');
    await world.clock.advance(60_000);
    await withToken(world, 'wx-second');
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    expect(await textOf(rows(page).last())).toContain('wx-second');
    await page.getByRole('button', { name: `Refresh access_token of wx-second` }).focus();
    await world.clock.advance(60_000);
    await world.tokens.refresh('wx-first', TYPE, { force: true });
    await page.clock.fastForward(60_000);
    await rows(page).first().getByText('wx-second').waitFor();
    const focused = await page.evaluate<string>('document.activeElement.getAttribute("aria-label")');
    expect(focused).toBe('Refresh access_token of wx-second');
  });

  test('the page says what went wrong and what to do, in both languages, failed tasks first', async () => {
    await using world = new PageWorld(browser);
    await withToken(world, 'wx-good');
    await withError(world, NOT_ALLOWED);
    const page = await world.open();
    const trouble = rows(page).first();
    await trouble.getByText("WeChat does not allow this server's address").waitFor();
    const text = await textOf(trouble);
    expect(text).toContain('No token');
    expect(text).toContain('40164');
    expect(text).toContain(`Add ${IP} to the IP whitelist of the account`);
    expect(text).toMatch(/retry in \d+/);
    expect(await page.title()).toBe('(1) Token status');

    await page.getByRole('button', { name: '中文' }).click();
    await trouble.getByText(`请把 ${IP} 加入「API IP 白名单」`).waitFor();
    expect(await page.title()).toBe('(1) Token 状态');
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.getByRole('button', { name: 'English' }).click();
    await trouble.getByText('What to do').waitFor();
  });

  test('the page is Chinese in a browser that prefers Chinese', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open('/', { locale: 'zh-TW' });
    await page.getByRole('heading', { name: 'Token 状态' }).waitFor();
    await page.getByRole('button', { name: `刷新 ${APPID} 的 access_token` }).waitFor();
  });

  test('the page shows markup in a message as text', async () => {
    await using world = new PageWorld(browser);
    const markup = '<img src=x onerror="document.title=1">';
    await withError(world, new TokenError('UPSTREAM_REJECTED', `WeChat answered ${markup}`));
    const page = await world.open();
    await page.getByText(markup).waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  test('the page says when a refused refresh is allowed again', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    const retryAt = world.clock.now() + 1_200_000;
    world.wechat.next(new TokenError('QUOTA_EXHAUSTED', 'WeChat answered 45009', { errcode: 45009, retryAt }));
    await page.getByRole('button', { name: /^Refresh/ }).click();
    const notice = page.getByRole('status');
    await notice.getByText('The daily quota of calls to WeChat is used up').waitFor();
    expect(await textOf(notice)).toContain('Next allowed at 09:00, in 1 h.');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    expect(await textOf(notice)).toBe('');
  });

  test('the page says that the server is unreachable and how old the rest is, counts on, and recovers', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open();
    await page.getByText('2:00:00').waitFor();
    world.isDown = true;
    await world.pass(page, 5_000);
    const banner = page.locator('#banner');
    await banner.getByText('The server cannot be reached').waitFor();
    await world.pass(page, 4_000);
    await banner.getByText('The data shown is 9 s old; the times still count down.').waitFor();
    await page.getByText('1:59:51').waitFor();
    world.isDown = false;
    await world.pass(page, 5_000);
    await page.getByText('The server answers again.').waitFor();
    expect(await banner.isVisible()).toBe(false);
  });

  test('the page asks for a key that is needed before it asks the server, and keeps it in memory only', async () => {
    const { key, entry } = createApiKey({ scopes: ['read', 'refresh'] });
    await using world = new PageWorld(browser, { anonymous: false, keys: [entry] });
    const token = await withToken(world);
    const page = await world.open();
    const input = keyInput(page);
    await input.waitFor();
    expect(await input.getAttribute('type')).toBe('password');
    expect(world.asked).toEqual([]);
    await input.fill(key);
    await page.getByRole('button', { name: 'Show the tasks' }).click();
    await page.getByText('2:00:00').waitFor();
    expect(await input.isVisible()).toBe(false);
    await page.getByRole('button', { name: /^Refresh/ }).click();
    await page.getByText('was refreshed.').waitFor();
    expect(world.complaints).toEqual([]);

    expect(await page.content()).not.toContain(key);
    expect(await page.content()).not.toContain(token);
    expect(await page.locator('#key').inputValue()).toBe('');
    expect(await page.evaluate('localStorage.length + sessionStorage.length + document.cookie.length')).toBe(0);
    expect(page.url()).not.toContain(key);
    await page.reload();
    await input.waitFor();
    expect(await rows(page).count()).toBe(0);
  });

  test('the page shows the keys and when they were used, once the list is opened', async () => {
    const limits = { scopes: ['read'], note: 'shop' } as const;
    const { key, entry } = createApiKey(limits);
    const other = createApiKey({ ...limits, note: 'warehouse', expiresAt: Date.UTC(2100) });
    await using world = new PageWorld(browser, { anonymous: false, keys: [entry, other.entry] });
    await withToken(world);
    const page = await world.open();
    await keyInput(page).fill(key);
    await page.keyboard.press('Enter');
    await page.getByText('2:00:00').waitFor();
    await page.getByText('API keys').click();
    await page.getByText(/^warehouse \(\w{8}\) · read · created .* · expires .*2100 · not used since/).waitFor();
    await page.getByText(/^shop \(\w{8}\) · read · created .* · last used 0 s ago$/).waitFor();
    expect(await page.content()).not.toContain(entry.hash);
    expect(world.complaints).toEqual([]);
  });

  test('the page shows the pushes to apps, and above the tasks a platform whose tickets have stopped', async () => {
    const component = 'wxcomponent000000';
    const push = { token: 'CANARY-push-token', encodingAesKey: 'CANARYkey'.padEnd(43, 'k') };
    await using world = new PageWorld(browser);
    await withToken(world);
    await world.tokens.register({ appid: component, secret: SECRET, push });
    await world.tokens.put(component, 'component_verify_ticket', { value: 'CANARY-ticket', expiresInSeconds: 43_200 });
    const page = await world.open();
    const stopped = page.getByText('WeChat has pushed no new verify ticket for 30 minutes');
    await page.getByText('Pushes of WeChat').click();
    await page
      .getByText(`${component} · encrypted · 1 key · no push since the server started · verify ticket 0 s old`)
      .waitFor();
    expect(await stopped.count()).toBe(0);
    await world.pass(page, 31 * 60_000);
    await stopped.waitFor();
    expect(await textOf(page.locator('#silences'))).toMatch(/wxcomponent000000[\s\S]*api_start_push_ticket/);
    await page.getByRole('button', { name: '中文' }).click();
    await page.getByText('已超过 30 分钟未收到新的验证票据').waitFor();
    await page.clock.resume();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.content()).not.toContain('CANARY');
    expect(world.complaints).toEqual([]);
  });

  describe('the authorizers of a platform', () => {
    const shop = { appid: 'wxshop1', state: 'authorized', since: Date.UTC(2026, 0, 1, 1) };
    const named = { name: '<b>Tea</b>', kind: 'miniProgram', permissions: [1, 15] };
    const first = [
      { ...shop, ...named },
      { ...shop, appid: 'wxshop2', state: 'needsAuthorization' },
    ];
    const second = [{ ...shop, appid: 'wxshop3', state: 'unauthorized' }];

    const pages = { contracts: ['native', 'push'], publicUrl: 'https://platform.example.com/a&b/' } as const;

    /** A server with two pages of authorizers. */
    async function withPlatform(options: Partial<HandlerOptions> = pages): Promise<PageWorld> {
      const world = new PageWorld(browser, options);
      await world.tokens.register({ appid: 'wxplatform', secret: SECRET, tasks: ['component_access_token'] });
      world.instead = (url) => {
        const { pathname, searchParams } = new URL(url, 'http://tokens.test');
        if (pathname !== '/platform/wxplatform/authorizers') return undefined;
        world.asked.push(url);
        return searchParams.has('after') ? { authorizers: second } : { authorizers: first, after: 'wxshop2' };
      };
      return world;
    }
    const lists = (world: PageWorld): number => world.asked.filter((url) => url.startsWith('/platform/')).length;

    test('the page lists the authorizers of a platform in pages, with a link to authorize again, once that is opened', async () => {
      await using world = await withPlatform();
      const page = await world.open();
      await page.getByText('Authorizers of platforms').waitFor();
      await world.pass(page, 10_000);
      await world.received(page);
      expect(lists(world)).toBe(0);
      await page.getByText('Authorizers of platforms').click();
      const lines = page.locator('.platform li');
      await lines.getByText('<b>Tea</b> (wxshop1) · mini program · authorized since').waitFor();
      expect(await textOf(lines)).toMatch(
        /authorized since 09:00 · permission sets 1, 15 · Authorize again\nwxshop2 · has to authorize again since 09:00 · /,
      );
      const link = page.getByRole('link', { name: 'Authorize again: wxshop2' });
      expect(await link.getAttribute('href')).toMatch(
        /^https:\/\/platform\.example\.com\/a&b\/platform\/wxplatform\/authorize\?auth_type=3&biz_appid=wxshop2$/,
      );
      const tea = page.getByRole('link', { name: 'Authorize again: <b>Tea</b> (wxshop1)' });
      expect(await tea.getAttribute('href')).toContain('auth_type=2&biz_appid=wxshop1');
      await page.getByRole('button', { name: 'Show more accounts' }).click();
      await lines.getByText('wxshop3 · authorization ended').waitFor();
      expect(await lines.count()).toBe(3);
      expect(await page.getByRole('button', { name: 'Show more accounts' }).isVisible()).toBe(false);
      expect(lists(world)).toBe(2);
      await page.getByRole('button', { name: '中文' }).click();
      await lines.getByText('wxshop2 · 09:00 起需要重新授权 · 重新授权').waitFor();
      expect(world.complaints).toEqual([]);
    });

    test('the page has no accessibility problem with the list of authorizers', async () => {
      await using world = await withPlatform();
      const page = await world.open('/', { viewport: { width: 360, height: 800 }, reducedMotion: 'reduce' });
      await page.getByText('Authorizers of platforms').click();
      await page.locator('.platform li').first().waitFor();
      await page.clock.resume();
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    });

    test('the page says why the authorizers of a platform cannot be read, and reads them when the list is opened again', async () => {
      await using world = await withPlatform({});
      const answering = world.instead;
      world.instead = undefined;
      const page = await world.open();
      await page.getByText('Authorizers of platforms').click();
      // The group of routes is not served here.
      await page.getByText(/^The authorizers could not be read: there is no such route$/).waitFor();
      world.instead = answering;
      await page.getByText('Authorizers of platforms').click();
      await page.getByText('Authorizers of platforms').click();
      await page.locator('.platform li').first().waitFor();
      expect(await page.getByText('could not be read').isVisible()).toBe(false);
    });

    test('the page shows when a platform was pushed to last above the accounts that have authorized it', async () => {
      await using world = await withPlatform();
      const { instead } = world;
      const push = { mode: 'encrypted', keys: 1, lastPushAt: world.clock.now() - 120_000 };
      world.instead = (url) => (url.startsWith('/apps?') ? { apps: [{ appid: 'wxplatform', push }] } : instead?.(url));
      const page = await world.open();
      await page.getByText('Authorizers of platforms').click();
      await page.locator('.platform').getByText('last push 2 min ago', { exact: true }).waitFor();
    });

    test('the page has no link to authorize again where the server has no pages for merchants', async () => {
      await using world = await withPlatform({ contracts: ['native', 'push'] });
      const page = await world.open();
      await page.getByText('Authorizers of platforms').click();
      const lines = page.locator('.platform li');
      await lines.first().waitFor();
      expect(await textOf(lines)).toMatch(/permission sets 1, 15\nwxshop2 · has to authorize again since 09:00$/);
      expect(await page.getByRole('link').count()).toBe(0);
    });

    test('the page shows no list of authorizers where there is no platform', async () => {
      await using world = new PageWorld(browser);
      await withToken(world);
      const page = await world.open();
      await page.getByText('2:00:00').waitFor();
      expect(await page.getByText('Authorizers of platforms').isVisible()).toBe(false);
    });
  });

  test('the page forgets the key, and what was seen with it', async () => {
    const { key, entry } = createApiKey({ scopes: ['read'] });
    await using world = new PageWorld(browser, { anonymous: false, keys: [entry] });
    await withToken(world);
    const page = await world.open();
    await keyInput(page).fill(key);
    await page.keyboard.press('Enter');
    await page.getByText('2:00:00').waitFor();
    const asked = world.asked.length;
    await page.getByRole('button', { name: 'Forget the key' }).click();
    await keyInput(page).waitFor();
    expect(await rows(page).first().isVisible()).toBe(false);
    await world.pass(page, 20_000);
    await world.received(page);
    expect(world.asked.length).toBe(asked);
  });

  test('the page asks again after an unknown key, and says when a key may not refresh', async () => {
    const { key, entry } = createApiKey({ scopes: ['read'] });
    await using world = new PageWorld(browser, { anonymous: false, keys: [entry] });
    await withToken(world);
    const page = await world.open();
    const input = keyInput(page);
    await input.fill('wtm_wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The server does not recognize this key.').waitFor();
    await input.fill('密钥');
    await page.keyboard.press('Enter');
    await page.getByText('A key consists of Latin letters').waitFor();
    await input.fill(key);
    await page.keyboard.press('Enter');
    await page.getByText('2:00:00').waitFor();
    await page.getByRole('button', { name: /^Refresh/ }).click();
    await page.getByText('You do not have permission for this').waitFor();
    expect(await textOf(page.getByRole('status'))).toContain('an API key with scope refresh is required');
  });

  test.each(['/ops/tokens/', '/ops/tokens/?from=bookmark'])(
    'the page works below the prefix of the handler: %s',
    async (path) => {
      await using world = new PageWorld(browser, { prefix: '/ops/tokens' });
      await withToken(world);
      const page = await world.open(path);
      await page.getByText('2:00:00').waitFor();
      expect(world.asked).toEqual(['/ops/tokens/tokens?limit=500']);
    },
  );

  test.each(['/ops', '/ops/'])('the page works where Express mounts it: %s', async (path) => {
    await using world = new PageWorld(browser, {}, ({ handler }) => express().use('/ops', handler.node));
    await withToken(world);
    const page = await world.open(path);
    await page.getByText('2:00:00').waitFor();
    expect(world.asked).toEqual(['/ops/tokens?limit=500']);
  });

  test('the page shows the state of notify targets, and which task waits for another process', async () => {
    await using world = new PageWorld(browser);
    const now = world.clock.now();
    const life = { obtainedAt: now, expiresAt: now + 7_200_000, dueAt: now + 6_600_000 };
    const task = (appid: string, facts: object): object => ({
      id: appid,
      appid,
      type: TYPE,
      functionMissing: false,
      ...facts,
    });
    const failing = { state: 'failed', attempts: 4, lastError: 'it answered 500', retryAt: now + 60_000 };
    world.instead = (url) =>
      url.startsWith('/tokens?')
        ? {
            tasks: [
              task('wx-none', life),
              task('wx-delivered', { ...life, delivery: { state: 'delivered', attempts: 0 } }),
              task('wx-owed', { ...life, delivery: { state: 'owed', attempts: 0 } }),
              task('wx-failed', { ...life, delivery: failing }),
              task('wx-elsewhere', { functionMissing: true }),
            ],
          }
        : undefined;
    const page = await world.open();
    const row = (appid: string): Promise<string> => textOf(rows(page).filter({ hasText: appid }));
    await page.getByText('wx-none').waitFor();
    expect(await row('wx-none')).toMatch(/in 1 h 49 min\s+None/);
    expect(await row('wx-delivered')).toContain('Delivered');
    expect(await row('wx-owed')).toContain('Pending');
    expect(await row('wx-failed')).toMatch(
      /Not delivered[\s\S]*Failed, 4 attempts[\s\S]*Check that the notify address[\s\S]*it answered 500/,
    );
    expect(await row('wx-elsewhere')).toMatch(/Fetching[\s\S]*This process does not have the params function/);
    expect(await textOf(rows(page).first())).toContain('wx-failed');
  });

  describe('thousands of tasks', () => {
    const tasks = Array.from({ length: 3_000 }, (_, index) => {
      const appid = `wx${String(index).padStart(4, '0')}`;
      return { id: `${appid}/${TYPE}`, appid, type: TYPE, functionMissing: false };
    });

    function page500(url: string): object | undefined {
      const query = new URL(url, 'http://page.test').searchParams;
      if (!url.startsWith('/tokens?')) return undefined;
      const start = tasks.findIndex(({ id }) => id === query.get('after')) + 1;
      const page = tasks.slice(start, start + Number(query.get('limit')));
      return start + page.length < tasks.length ? { tasks: page, after: page.at(-1)?.id } : { tasks: page };
    }

    test('the page shows some hundreds of tasks and says how many are not shown', async () => {
      await using world = new PageWorld(browser);
      world.instead = page500;
      const page = await world.open();
      await page.getByText('200 of 3000 tasks shown, 2800 are not.').waitFor();
      expect(world.asked).toHaveLength(6);
      expect(await rows(page).count()).toBe(200);
      await page.getByRole('button', { name: 'Show 200 more' }).click();
      await page.getByText('400 of 3000 tasks shown, 2600 are not.').waitFor();
      expect(await rows(page).count()).toBe(400);
    });

    test('the search finds tasks that are not shown', async () => {
      await using world = new PageWorld(browser);
      world.instead = page500;
      const page = await world.open();
      await page.getByRole('searchbox').fill('wx2999 ACCESS');
      await page.getByText('wx2999').waitFor();
      expect(await rows(page).count()).toBe(1);
      await page.getByRole('button', { name: /^0 Fresh$/ }).click();
      await page.getByText('No task matches the filter.').waitFor();
      await page.getByRole('button', { name: 'All tasks' }).click();
      await page.getByRole('searchbox').fill('');
      await page.getByText('200 of 3000 tasks shown').waitFor();
    });
  });

  describe.each([
    { width: 1200, colorScheme: 'light' },
    { width: 1200, colorScheme: 'dark' },
    { width: 360, colorScheme: 'light' },
    { width: 360, colorScheme: 'dark' },
  ] as const)('a page $width px wide, $colorScheme', ({ width, colorScheme }) => {
    const options = { viewport: { width, height: 800 }, colorScheme, reducedMotion: 'reduce' } as const;

    test('the page has no accessibility problem with tasks, failures, a notice and the form for a key', async () => {
      await using world = new PageWorld(browser);
      await withToken(world);
      await withError(world, NOT_ALLOWED, 'wx-troubled');
      const page = await world.open('/', options);
      await page.getByText(`Add ${IP}`).waitFor();
      // axe-core waits on timers of the page.
      await page.clock.resume();
      expect(await accessibilityProblems(page)).toEqual([]);
      world.wechat.next(NOT_ALLOWED);
      await page.getByRole('button', { name: /^Refresh.*troubled/ }).click();
      await page.getByRole('status').getByText('was not refreshed').waitFor();
      world.isDown = true;
      await world.pass(page, 5_000);
      await page.getByText('The server cannot be reached').waitFor();
      await page.getByRole('button', { name: 'Enter a key' }).click();
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    });
  });

  test('the page is a list of cards on a narrow screen, and stays a table for screen readers', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open('/', { viewport: { width: 360, height: 800 } });
    await page.getByText('2:00:00').waitFor();
    expect(await page.evaluate('getComputedStyle(document.querySelector("tr.facts")).display')).toBe('grid');
    const button = await page.getByRole('button', { name: /^Refresh/ }).boundingBox();
    expect(button?.height).toBeGreaterThanOrEqual(44);
    expect((button?.x ?? 0) + (button?.width ?? 0)).toBeLessThanOrEqual(360);
    expect(await page.getByRole('rowheader').count()).toBe(1);
    expect(await page.getByRole('columnheader').count()).toBe(6);
  });

  test('nothing on the page moves where reduced motion is preferred', async () => {
    await using world = new PageWorld(browser);
    await withToken(world);
    const page = await world.open('/', { reducedMotion: 'reduce' });
    await page.getByText('2:00:00').waitFor();
    const moving = `document.getAnimations().length + parseFloat(getComputedStyle(document.querySelector('.fill')).transitionDuration)`;
    expect(await page.evaluate(moving)).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await page.evaluate(moving)).toBe(1);
  });
});

test('the build contains the same page as the source', async () => {
  const { TokenManager } = await import('wechat-token-manager');
  const { createHandler } = await import('wechat-token-manager/http');
  await using tokens = new TokenManager();
  await using world = new HttpWorld({ contracts: ['native'] });
  const request = (): Request => new Request('http://tokens.test/');
  const built = await createHandler(tokens, { contracts: ['native'], anonymous: true }).fetch(request());
  const ours = await world.handler.fetch(request());
  expect(built.status).toBe(200);
  expect(await built.text()).toBe(await ours.text());
});
