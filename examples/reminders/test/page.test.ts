import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_REDIS, skips } from './support/redis.js';
import { APPID, World } from './support/world.js';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const withoutBrowser = !existsSync(EXECUTABLE) && process.env['CI'] === undefined;
const reason = skips ? `: ${NO_REDIS}` : withoutBrowser ? `: there is no Chromium at ${EXECUTABLE}` : '';

describe.skipIf(skips || withoutBrowser)(`the page${reason}`, () => {
  let world: World;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    world = await World.start();
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await world?.close();
  });

  async function open(openid: string): Promise<Page> {
    const page = await browser.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(world.origin);
    await page.getByLabel('Code of wx.login').fill(world.wechat.createCode(APPID, openid));
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Your reminders').waitFor();
    return page;
  }

  test("the page shows reminders with their next instant in the user's zone, the outcomes and the credits", async () => {
    const session = await world.logIn('o-page', 2);
    const due = await world.createDue(session, { zone: 'Asia/Kathmandu', hour: 17, minute: 46, detail: '<b>Tea</b>' });
    await world.deliver(due);
    const page = await open('o-page');
    const row = page.getByRole('row').nth(1);
    await row.waitFor();
    expect(await row.getByRole('cell').allTextContents()).toEqual([
      '<b>Tea</b>',
      '17:46 every day',
      '2026-11-30 17:46 Asia/Kathmandu',
      '2026-11-29 17:46 sent',
    ]);
    await page.getByText('1 message may be sent.').waitFor();
    expect(complaints).toEqual([]);
  });

  test('the page asks for consent when no credit is left, and says why a template is stopped', async () => {
    await world.logIn('o-without', 0);
    await world.stops.stop({ errcode: 40_037, errmsg: 'invalid template_id', since: world.clock.now() });
    const page = await open('o-without');
    await page.getByText('accept the prompt in the mini program').waitFor();
    await page.getByText('WeChat refuses the template (40037)').waitFor();
    await world.stops.resume();
  });

  test('the page reports a code that WeChat rejects, and keeps no session after a log-out', async () => {
    const page = await open('o-leaves');
    const session = String(await page.evaluate('sessionStorage.getItem("session")'));
    expect(await world.ask('GET', '/reminders', undefined, session)).toMatchObject({ status: 200 });
    await page.getByRole('button', { name: 'Log out' }).click();
    await expect.poll(() => world.ask('GET', '/reminders', undefined, session)).toMatchObject({ status: 401 });
    await page.getByLabel('Code of wx.login').fill('guess');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('WeChat does not take the code').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });
});
