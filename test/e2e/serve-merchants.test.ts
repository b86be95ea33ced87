import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { AES_KEY, COMPONENT, PUSH_TOKEN, PushedPlatform } from '../support/worlds/pushed-platform.js';

const MERCHANT = 'wx00000000000000d1';
const SITE = 'https://platform.example.com';
const QUERY = '/cgi-bin/component/api_query_auth';

interface Opened {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly html: string;
}

/** Opens a page. The `fetch` of Node says that it is a script, to which the pages are not shown. */
async function open(url: string, headers: Record<string, string> = {}): Promise<Opened> {
  const [response] = (await once(get(url, { headers }), 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, html: await text(response) };
}

test('a merchant authorizes a platform by the pages of two servers, and the push of it exchanges nothing again', async () => {
  await using platform = await PushedPlatform.start();
  const { wechat } = platform;
  const first = await platform.serve('--public-url', `${SITE}/`);
  const second = await platform.serve('--public-url', SITE);
  await platform.register(first);
  platform.pushTo(first);
  await platform.pushTicket();

  const start = await open(`${first.url}/platform/${COMPONENT}/authorize?auth_type=1`);
  expect(start.status).toBe(200);
  const cookie = start.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const [, href = ''] = /<a href="([^"]+)"/.exec(start.html) ?? [];
  const link = new URL(href.replaceAll('&amp;', '&'));
  expect(wechat.isValid(link.searchParams.get('pre_auth_code') as string)).toBe(true);
  const back = new URL(link.searchParams.get('redirect_uri') as string);
  expect(`${back.origin}${back.pathname}`).toBe(`${SITE}/platform/${COMPONENT}/authorized`);

  const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
  back.searchParams.set('auth_code', code);
  const comeBack = (headers: Record<string, string>): Promise<Opened> =>
    open(`${second.url}${back.pathname}${back.search}`, headers);
  expect((await comeBack({})).status).toBe(400);
  expect(wechat.countCalls(QUERY)).toBe(0);
  const sentOn = await comeBack({ cookie });
  expect([sentOn.status, sentOn.headers.location]).toEqual([303, `${SITE}${back.pathname}?result=authorized`]);
  expect(wechat.isValid(String((await platform.task(first, MERCHANT)).result))).toBe(true);

  const pushed = await platform.pushAuthorization(MERCHANT, { AuthorizationCode: code });
  expect(pushed.isAccepted).toBe(true);
  expect((await comeBack({ cookie })).status).toBe(303);
  expect(wechat.countCalls(QUERY)).toBe(1);
  for (const server of [first, second]) expect(await server.stop()).toBe(0);
  const secrets = [PUSH_TOKEN, AES_KEY, 'CANARY', code, cookie, link.searchParams.get('pre_auth_code') as string];
  const printed = platform.printed();
  expect(secrets.filter((secret) => printed.includes(secret))).toEqual([]);
});

test('a server without a public URL has no pages for merchants', async () => {
  await using platform = await PushedPlatform.start();
  const server = await platform.serve();
  await platform.register(server);
  expect((await open(`${server.url}/platform/${COMPONENT}/authorize`)).status).toBe(404);
  expect(await server.stop()).toBe(0);
});
