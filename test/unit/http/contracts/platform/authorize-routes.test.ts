import { afterEach, describe, expect, test, vi } from 'vitest';
import { TokenError } from '../../../../../src/index.js';
import {
  BACK,
  linkIn,
  MerchantWorld,
  PlainBrowser,
  PUBLIC_URL,
  START,
} from '../../../../support/worlds/merchant-world.js';
import {
  AES_KEY,
  COMPONENT,
  MERCHANT,
  PUSH_TOKEN,
  rejected,
  SECRET,
} from '../../../../support/worlds/platform-world.js';

const QUERY = 'api_query_auth';
const PRE_AUTH = 'api_create_preauthcode';
const OTHER = 'wxcomponent000001';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the start page', () => {
  test('leads to the page of WeChat for computers, and names the domain from which it comes', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const page = await browser.open(START);
    expect(page.status).toBe(200);
    const link = linkIn(page.html);
    expect(`${link.origin}${link.pathname}`).toBe('https://mp.weixin.qq.com/cgi-bin/componentloginpage');
    expect(Object.fromEntries(link.searchParams)).toEqual({
      component_appid: COMPONENT,
      pre_auth_code: expect.stringMatching(/^pre-auth-/),
      redirect_uri: expect.stringMatching(new RegExp(`^${PUBLIC_URL}${BACK}\\?state=[\\w-]{43}$`)),
      auth_type: '3',
    });
    expect(page.headers.get('referrer-policy')).toBe('strict-origin');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(page.html).not.toMatch(/<script|\son\w+=|style="/);
  });

  test('leads to the page in WeChat for its browser', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const headers = { 'user-agent': 'Mozilla/5.0 (iPhone) MicroMessenger/8.0.50(0x1800322d) NetType/WIFI' };
    const { html } = await new PlainBrowser(handler).open(START, { headers });
    expect(linkIn(html).href).toMatch(
      /^https:\/\/open\.weixin\.qq\.com\/wxaopen\/safe\/bindcomponent\?.*#wechat_redirect$/,
    );
  });

  test('passes on which accounts may be authorized', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const link = await new PlainBrowser(handler).begin(`?auth_type=2&biz_appid=${MERCHANT}`);
    expect(link.searchParams.get('auth_type')).toBe('2');
    expect(link.searchParams.get('biz_appid')).toBe(MERCHANT);
  });

  test.each([
    'auth_type=7',
    'auth_type=x',
    'auth_type=03x',
    'auth_type=0x3',
    'auth_type=1e0',
    'auth_type=%203',
    'biz_appid=%3Cb%3E',
    'biz_appid=a%20b',
  ])('is refused with %s, at no cost', async (query) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const before = world.platform.asked.length;
    const page = await new PlainBrowser(handler).open(`${START}?${query}`);
    expect(page.status).toBe(400);
    expect(page.html).not.toContain('<b>');
    expect(page.cookie).toBeUndefined();
    expect(world.platform.asked).toHaveLength(before);
  });

  test.each([
    ['zh-CN,zh;q=0.9,en;q=0.8', '前往微信授权', 'zh-CN'],
    ['en-GB,en;q=0.9', 'Continue to WeChat', 'en'],
    ['fr, zh-TW;q=0.5', '前往微信授权', 'zh-CN'],
    ['', 'Continue to WeChat', 'en'],
  ])('is in the language of the browser: %s', async (language, text, tag) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const { html } = await new PlainBrowser(handler).open(START, { headers: { 'accept-language': language } });
    expect(html).toContain(`>${text}</a>`);
    expect(html).toContain(`<html lang="${tag}">`);
  });

  test('shows one code to a visitor for the life of the code, on every server, and then a new one', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const first = await browser.open(START);
    const elsewhere = new PlainBrowser(world.server().handler);
    elsewhere.cookie = browser.cookie;
    await world.settle(539_000);
    for (const visitor of [browser, elsewhere]) {
      const again = await visitor.open(START);
      expect(linkIn(again.html).href).toBe(linkIn(first.html).href);
      expect(again.cookie).toBeUndefined();
    }
    expect(world.platform.countOf(PRE_AUTH)).toBe(1);
    await world.settle(2_000);
    const later = await browser.open(START);
    expect(linkIn(later.html).searchParams.get('pre_auth_code')).not.toBe(
      linkIn(first.html).searchParams.get('pre_auth_code'),
    );
  });

  test('keeps the visit in a cookie that no script reads and no other path gets', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const { headers } = await new PlainBrowser(handler).open(START);
    expect(headers.get('set-cookie')).toMatch(
      new RegExp(
        `^wechat_platform_visit=[\\w.-]+; Path=/wx/platform/${COMPONENT}; Max-Age=600; HttpOnly; SameSite=Lax; Secure$`,
      ),
    );
    const plain = world.server({ publicUrl: 'http://127.0.0.1:9001/' });
    const { headers: overHttp } = await new PlainBrowser(plain.handler).open(START);
    expect(overHttp.get('set-cookie')).toMatch(new RegExp(`Path=/platform/${COMPONENT}; .*; SameSite=Lax$`));
  });

  test.each([
    ['a platform that is not registered', `/platform/${OTHER}/authorize`],
    ['what is no appid', '/platform/%00/authorize'],
  ])('does not exist for %s', async (_case, path) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const before = world.platform.asked.length;
    expect((await new PlainBrowser(handler).open(path)).status).toBe(404);
    expect(world.platform.asked).toHaveLength(before);
  });

  test('does not exist for an account that is no platform: its pushes are in clear, or there are none', async () => {
    await using world = new MerchantWorld();
    const { tokens, handler } = await world.serving();
    await tokens.register({ appid: OTHER, secret: SECRET, push: { token: PUSH_TOKEN } });
    await tokens.register({ appid: MERCHANT, secret: SECRET });
    await tokens.register({ appid: 'wxnosecret0000000', push: { token: PUSH_TOKEN, encodingAesKey: AES_KEY } });
    for (const appid of [OTHER, MERCHANT, 'wxnosecret0000000']) {
      expect((await new PlainBrowser(handler).open(`/platform/${appid}/authorize`)).status).toBe(404);
    }
  });

  test('causes a bounded number of reads of the store for platforms that are not registered', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const get = vi.spyOn(world.store, 'get');
    const browser = new PlainBrowser(handler);
    const statuses = [];
    for (let n = 0; n < 50; n++) statuses.push((await browser.open(`/platform/wxunknown${n}/authorize`)).status);
    expect(new Set(statuses)).toEqual(new Set([404, 429]));
    expect(get.mock.calls.length).toBeLessThanOrEqual(21);
  });

  test('says that it is not possible now while WeChat has pushed no ticket', async () => {
    await using world = new MerchantWorld();
    const { tokens, handler } = world.server();
    await tokens.register({ appid: COMPONENT, secret: SECRET, push: { token: PUSH_TOKEN, encodingAesKey: AES_KEY } });
    const page = await new PlainBrowser(handler).open(START);
    expect([page.status, page.cookie]).toEqual([424, undefined]);
    expect(page.html).toContain('INPUT_MISSING');
    expect(page.html).not.toContain('CANARY');
  });

  test.each<[string, Record<string, string>]>([
    ['an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a frame', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['a prefetch', { 'sec-purpose': 'prefetch', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }],
  ])('is not made for %s of another page', async (_case, headers) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const page = await new PlainBrowser(handler).open(START, { headers });
    expect(page.status).toBe(403);
    expect(world.platform.countOf(PRE_AUTH)).toBe(0);
  });

  test('is opened by a browser that follows a link of another site, without a key', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving({ hostNames: ['tokens.test'] });
    const headers = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'user-agent': 'Mozilla/5.0',
      'accept-language': 'en',
    };
    expect((await new PlainBrowser(handler).open(START, { headers })).status).toBe(200);
  });

  test.each(['HEAD', 'POST', 'PUT', 'OPTIONS'])('is not made for %s', async (method) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const page = await new PlainBrowser(handler).open(START, { method });
    expect(page.status).toBe(method === 'HEAD' ? 403 : 405);
    expect(world.platform.countOf(PRE_AUTH)).toBe(0);
  });

  test('is no route without a public URL', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving({ publicUrl: undefined as never });
    expect((await new PlainBrowser(handler).open(START)).status).toBe(404);
  });
});

describe('new visitors', () => {
  test('of one address are ten a minute', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const open = async (peer = '203.0.113.7') => new PlainBrowser(handler, peer).open(START);
    for (let n = 0; n < 10; n++) {
      expect((await open()).status).toBe(200);
      await world.settle(1_000);
    }
    const refused = await open();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '50']);
    expect(refused.html).toContain('50 s');
    expect(world.platform.countOf(PRE_AUTH)).toBe(10);
    expect((await open('203.0.113.8')).status).toBe(200);
    await world.settle(49_999);
    expect((await open()).status).toBe(429);
    await world.settle(1);
    expect((await open()).status).toBe(200);
    expect((await open()).status).toBe(429);
  });

  test('of one platform are sixty a minute, whatever their addresses are', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const open = async (n: number) => new PlainBrowser(handler, `198.51.100.${n}`).open(START);
    for (let n = 0; n < 60; n++) expect((await open(n)).status).toBe(200);
    const refused = await open(60);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    expect(world.platform.countOf(PRE_AUTH)).toBe(60);
    await world.settle(60_000);
    expect((await open(60)).status).toBe(200);
  });

  test('are not counted while they come back with their visit', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    for (let n = 0; n < 30; n++) expect((await browser.open(START)).status).toBe(200);
  });

  test.each([
    ['a proxy of the own network', '10.1.2.3', 200],
    ['a proxy on this machine', '::1', 200],
    ['a proxy on this machine, over IPv4', '::ffff:127.0.0.1', 200],
    ['a proxy on a Unix socket', '', 200],
    ['a visitor from the internet, who may say anything', '203.0.113.7', 429],
  ])('are told apart by what is forwarded by %s', async (_case, peer, status) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const open = async (n: number) => {
      const headers = { 'x-forwarded-for': `192.0.2.1, 198.51.100.${n}` };
      return new PlainBrowser(handler, peer).open(START, { headers });
    };
    for (let n = 0; n < 10; n++) expect((await open(n)).status).toBe(200);
    expect((await open(10)).status).toBe(status);
  });

  test('with one address behind a proxy are ten a minute, whatever they add', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const open = async (n: number) => {
      const headers = { 'x-forwarded-for': `198.51.100.${n}, 203.0.113.7` };
      return new PlainBrowser(handler, '10.1.2.3').open(START, { headers });
    };
    for (let n = 0; n < 10; n++) expect((await open(n)).status).toBe(200);
    expect((await open(10)).status).toBe(429);
  });
});

describe('a merchant who comes back', () => {
  test('is sent to a URL without the code when the tokens are stored', async () => {
    await using world = new MerchantWorld();
    const { tokens, handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const back = await browser.comeBack(await browser.begin(), world.confirm('code-1'));
    expect([back.status, back.headers.get('location'), back.html]).toEqual([
      303,
      `${PUBLIC_URL}${BACK}?result=authorized`,
      '',
    ]);
    expect(back.headers.get('cache-control')).toBe('no-store');
    expect(await tokens.get(COMPONENT, 'authorizer_access_token', { subject: MERCHANT })).toMatch(/^merchant-/);
    const { status, html } = await browser.open(`${BACK}?result=authorized`);
    expect([status, html.includes('Your account is authorized')]).toEqual([200, true]);
  });

  test('is sent to the page that the host has chosen', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving({ returnUrl: 'https://shop.test/accounts?from=wechat' });
    const browser = new PlainBrowser(handler);
    const back = await browser.comeBack(await browser.begin(), world.confirm('code-1'));
    expect(back.headers.get('location')).toBe('https://shop.test/accounts?from=wechat');
  });

  test('begins with a new code the next time', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    await browser.comeBack(link, world.confirm('code-1'));
    expect((await browser.begin()).searchParams.get('pre_auth_code')).not.toBe(link.searchParams.get('pre_auth_code'));
  });

  test('may come several times, to several servers at once, with one exchange', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    const { cookie } = browser;
    const elsewhere = new PlainBrowser(world.server().handler);
    elsewhere.cookie = cookie;
    world.confirm('code-1');
    const coming = Promise.all([browser.comeBack(link, 'code-1'), elsewhere.comeBack(link, 'code-1')]);
    await world.settle(2_000);
    expect((await coming).map(({ status }) => status)).toEqual([303, 303]);
    expect((await browser.comeBack(link, 'code-1')).status).toBe(303);
    expect(world.platform.countOf(QUERY)).toBe(1);
  });

  test('is told when the code is none, and may begin again', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    const back = await browser.comeBack(link, 'CANARY-code');
    expect(back.status).toBe(400);
    expect(back.html).toContain('61009');
    expect(back.html).not.toContain('CANARY');
    expect(linkIn(back.html).href).toBe(`${PUBLIC_URL}${START}`);
    expect((await browser.begin()).href).not.toBe(link.href);
  });

  test('is told to wait when WeChat does not answer, and the code works later', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    world.confirm('code-1');
    world.platform.failures.set(QUERY, new TokenError('UPSTREAM_UNAVAILABLE', 'away', { retryable: true }));
    const back = await browser.comeBack(link, 'code-1');
    expect([back.status, back.cookie]).toEqual([503, undefined]);
    world.platform.failures.clear();
    expect((await browser.comeBack(link, 'code-1')).status).toBe(303);
  });

  test('is told when the account has ended its authorization meanwhile', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    world.platform.failures.set(QUERY, new TokenError('REAUTHORIZATION_REQUIRED', 'ended'));
    expect((await browser.comeBack(link, 'code-1')).status).toBe(400);
  });

  test('has five exchanges, so that a visit cannot be used to try codes', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    const statuses = [];
    for (let n = 0; n < 6; n++) statuses.push((await browser.comeBack(link, `guess-${n}`)).status);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429]);
    expect(world.platform.countOf(QUERY)).toBe(5);
  });
});

describe('the state', () => {
  /** Returns the status of a return that WeChat must not be asked about. */
  async function refused(world: MerchantWorld, browser: PlainBrowser, path: string): Promise<number> {
    const before = world.platform.asked.length;
    const writes = vi.spyOn(world.store, 'set');
    const { status, html } = await browser.open(path);
    expect(world.platform.asked).toHaveLength(before);
    expect(writes).not.toHaveBeenCalled();
    expect(linkIn(html).href).toBe(`${PUBLIC_URL}${START}`);
    return status;
  }
  const stateOf = (link: URL): string =>
    new URL(link.searchParams.get('redirect_uri') as string).searchParams.get('state') as string;

  test.each<[string, (state: string) => string]>([
    ['absent', () => ''],
    ['invented', () => 'A'.repeat(43)],
    ['changed', (state) => (state.startsWith('A') ? 'B' : 'A') + state.slice(1)],
    ['longer', (state) => `${state}A`],
    ['of other characters', () => '%F0%9F%98%80'],
  ])('that is %s is refused', async (_case, change) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const state = stateOf(await browser.begin());
    expect(await refused(world, browser, `${BACK}?auth_code=${world.confirm('code-1')}&state=${change(state)}`)).toBe(
      400,
    );
  });

  test('of another visitor is refused, so that no visitor is sent back with the account of another one', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const [attacker, victim] = [new PlainBrowser(handler), new PlainBrowser(handler, '203.0.113.8')];
    const state = stateOf(await attacker.begin());
    const path = `${BACK}?auth_code=${world.confirm('code-1')}&state=${state}`;
    expect(await refused(world, victim, path)).toBe(400);
    await victim.begin();
    expect(await refused(world, victim, path)).toBe(400);
  });

  test('is refused when the life of the code is over', async () => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const state = stateOf(await browser.begin());
    const path = `${BACK}?auth_code=${world.confirm('code-1')}&state=${state}`;
    await world.settle(600_000);
    expect(await refused(world, browser, path)).toBe(400);
  });

  test('of another platform is refused, although its cookie is sent', async () => {
    await using world = new MerchantWorld();
    const { tokens, handler } = await world.serving();
    await tokens.register({ appid: OTHER, secret: SECRET, push: { token: PUSH_TOKEN, encodingAesKey: AES_KEY } });
    const browser = new PlainBrowser(handler);
    const link = await browser.begin();
    const before = world.platform.asked.length;
    const page = await browser.open(`/platform/${OTHER}/authorized?auth_code=code-1&state=${stateOf(link)}`);
    expect(page.status).toBe(400);
    expect(world.platform.asked).toHaveLength(before);
  });

  test.each([
    ['forged', (cookie: string) => `${cookie}A`],
    ['not signed', (cookie: string) => cookie.slice(0, cookie.indexOf('.'))],
    ['signed for something else', (cookie: string) => `${cookie}.more`],
    ['huge', () => `wechat_platform_visit=${'A'.repeat(10_000)}`],
    ['empty', () => 'wechat_platform_visit='],
  ])('is refused with a cookie that is %s', async (_case, change) => {
    await using world = new MerchantWorld();
    const { handler } = await world.serving();
    const browser = new PlainBrowser(handler);
    const state = stateOf(await browser.begin());
    browser.cookie = change(browser.cookie as string);
    expect(await refused(world, browser, `${BACK}?auth_code=${world.confirm('code-1')}&state=${state}`)).toBe(400);
  });

  test.each(['', 'auth_code=', 'auth_code=a%20b', `auth_code=${'c'.repeat(1_025)}`])(
    'is of no use without a code: %.20s',
    async (query) => {
      await using world = new MerchantWorld();
      const { handler } = await world.serving();
      const browser = new PlainBrowser(handler);
      const state = stateOf(await browser.begin());
      expect(await refused(world, browser, `${BACK}?state=${state}&${query}`)).toBe(400);
    },
  );
});

test('the pages show and report none of the secrets, codes and tokens', async () => {
  await using world = new MerchantWorld();
  const { handler } = await world.serving();
  const browser = new PlainBrowser(handler);
  const link = await browser.begin();
  world.platform.failures.set(QUERY, rejected(48_001));
  const back = await browser.comeBack(link, 'CANARY-code');
  expect(back.status).toBe(502);
  expect(back.html).not.toContain('CANARY');
  expect(JSON.stringify([...back.headers])).not.toContain('CANARY');
  expect(world.errors).toEqual([]);
});
