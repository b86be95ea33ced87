import { describe, expect, test } from 'vitest';
import { createApiKey } from '../../../src/http/index.js';
import { HttpWorld, TASK } from '../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../support/worlds/world.js';

const { entry, key } = createApiKey({ scopes: ['read'] });
const KEYS = { anonymous: false, keys: [entry], contracts: ['scheduler', 'wetoken', 'native'] } as const;
const BOTH = 'Basic realm="wechat-tokens", Bearer';
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64)';

describe('the challenge of a 401', () => {
  test.each<[what: string, headers: Record<string, string>, challenge: string]>([
    ['wget', { 'user-agent': 'Wget/1.25.0' }, BOTH],
    ['a program without headers', {}, BOTH],
    ['a program with a wrong key', { authorization: 'Bearer wrong' }, BOTH],
    ['a program that passes for a browser', { 'user-agent': AGENT }, BOTH],
    ['a browser', { 'user-agent': AGENT, 'accept-language': 'en', authorization: 'Bearer wrong' }, 'Bearer'],
    ['a page', { 'sec-fetch-site': 'same-origin' }, 'Bearer'],
    ['a page with a wrong key', { 'sec-fetch-site': 'same-origin', authorization: 'Bearer wrong' }, 'Bearer'],
    ['a page, by its origin', { origin: 'http://127.0.0.1' }, 'Bearer'],
  ])('a 401 for %s lists the schemes that suit it', async (_what, headers, challenge) => {
    await using world = new HttpWorld(KEYS);
    for (const path of [TASK, '/tokens', `/${APPID}/wechat/token/get`]) {
      const answer = await world.ask(path, { headers: { host: '127.0.0.1', ...headers } });
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, challenge]);
    }
  });

  test('clients that wait for the challenge get it beside a guesser, and however many they are', async () => {
    await using world = new HttpWorld(KEYS);
    await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    const peer = '203.0.113.9';
    const guess = { headers: { Authorization: 'Bearer wtm_guess' }, peer };
    const headers = { Authorization: `Basic ${Buffer.from(`any:${key}`).toString('base64')}` };
    for (let times = 0; times < 30; times++) await world.ask(TASK, guess);
    for (let times = 0; times < 100; times++) {
      expect((await world.ask(TASK, { peer })).headers.get('www-authenticate')).toBe(BOTH);
    }
    expect((await world.ask(TASK, { headers, peer })).status).toBe(200);
    expect((await world.ask(TASK, guess)).status).toBe(429);
  });
});
