import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createApiKey } from '../../../../src/http/index.js';
import { HttpWorld } from '../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const NATIVE = { contracts: ['native'] } as const;

async function pageOf(world: HttpWorld, path = '/', init: RequestInit = {}, peer?: string): Promise<Response> {
  return world.handler.fetch(new Request(`http://tokens.test${path}`, init), { peer });
}

function between(html: string, element: string): string[] {
  return [...html.matchAll(new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`, 'g'))].map(([, text = '']) => text);
}

describe('the status page', () => {
  test('the status page may run and load nothing but itself', async () => {
    await using world = new HttpWorld(NATIVE);
    const { status, headers } = await pageOf(world);
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    });
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
  });

  test.each(['script', 'style'])('the policy of the status page has the hash of its one %s', async (element) => {
    await using world = new HttpWorld(NATIVE);
    const response = await pageOf(world);
    const texts = between(await response.text(), element);
    expect(texts).toHaveLength(1);
    const hash = createHash('sha256')
      .update(texts[0] ?? '')
      .digest('base64');
    expect(response.headers.get('content-security-policy')).toContain(`${element}-src 'sha256-${hash}'`);
  });

  test('the status page names no other address, and has no handler or style in an attribute', async () => {
    await using world = new HttpWorld(NATIVE);
    const html = await (await pageOf(world)).text();
    expect(html.match(/https?:\/\/[^\s"'`)]+/g) ?? []).toEqual([]);
    const markup = html.replace(/<(style|script)>[\s\S]*?<\/\1>/g, '');
    expect(markup).not.toMatch(/\s(?:src|href|style|on\w+)=/);
    expect(html).not.toMatch(
      /\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|localStorage|sessionStorage)\b/,
    );
  });

  test.each([
    ['has the URL', { contracts: ['native', 'push'] }, ' data-public-url="https://platform.example.com/a&amp;$&amp;b"'],
    ['has no URL', NATIVE, ''],
  ] as const)('the status page %s of pages for merchants with %o', async (_, options, attribute) => {
    await using world = new HttpWorld({ ...options, publicUrl: 'https://platform.example.com/a&$&b/' });
    const html = await (await pageOf(world)).text();
    expect(html).toContain(`<html lang="en" data-access="open"${attribute}>`);
  });

  test('the status page holds no appid, secret or token', async () => {
    await using world = new HttpWorld(NATIVE);
    await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    const token = await world.tokens.get(APPID, 'access_token');
    const html = await (await pageOf(world)).text();
    for (const known of [APPID, SECRET, token]) expect(html).not.toContain(known);
  });

  test('the status page is served below a prefix and with a query', async () => {
    await using world = new HttpWorld({ ...NATIVE, prefix: '/ops' });
    expect((await pageOf(world, '/ops/?a=b')).status).toBe(200);
    expect((await pageOf(world, '/')).status).toBe(404);
  });

  test('the status page is missing without the contract native', async () => {
    await using world = new HttpWorld({ contracts: ['scheduler'] });
    expect((await pageOf(world)).status).toBe(404);
  });

  test('the status page accepts GET and HEAD only', async () => {
    await using world = new HttpWorld(NATIVE);
    expect((await pageOf(world, '/', { method: 'POST' })).status).toBe(405);
    expect((await pageOf(world, '/', { method: 'HEAD' })).status).toBe(200);
  });

  describe('data-access of the status page', () => {
    const { key, entry } = createApiKey({ scopes: ['read'] });
    const accessIn = async (response: Response): Promise<string | undefined> =>
      /<html[^>]* data-access="(\w+)"/.exec(await response.text())?.[1];

    test.each([
      ['everybody may read', { anonymous: true }, {}, 'open'],
      ['every client needs one', { anonymous: false, keys: [entry] }, {}, 'key'],
      [
        'the browser sends one already',
        { anonymous: false, keys: [entry] },
        { Authorization: `Bearer ${key}` },
        'open',
      ],
      ['the address is trusted', { anonymous: false, trust: ['10.0.0.1'] }, {}, 'open'],
      [
        'a link of another site led here',
        { anonymous: false, trust: ['10.0.0.1'] },
        { 'Sec-Fetch-Site': 'cross-site' },
        'open',
      ],
    ])('data-access says whether a key is needed: %s', async (_, access, headers, expected) => {
      await using world = new HttpWorld({ ...NATIVE, ...access });
      expect(await accessIn(await pageOf(world, '/', { headers }, '10.0.0.1'))).toBe(expected);
    });
  });
});
