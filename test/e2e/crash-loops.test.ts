import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { Worker } from '../support/servers/worker.js';

const APPID = 'wx0123456789abcdef';
const PROCESSES = 3;
const LIVES = 3;
const REPORT_EVERY_MS = 30_000;

let wechat: FakeWeChat;
let directory: string;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ refreshTokens: 'single-use', apps: { [APPID]: { secret: 'secret' } } });
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
});

afterEach(async () => {
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

/** Runs several processes at once that live for one task, are killed and start again, as a container that always crashes. */
async function crashAgainAndAgain(live: (worker: Worker) => Promise<void>): Promise<void> {
  const loops = Array.from({ length: PROCESSES }, async () => {
    for (let life = 0; life < LIVES; life++) {
      await using worker = await Worker.start(directory, wechat.origin);
      await live(worker);
    }
  });
  await Promise.all(loops);
}

test.each([
  ['the app secret is wrong', 'access_token', { secret: 'wrong' }, {}, 'UPSTREAM_REJECTED'],
  ['the refresh token is dead', 'oauth2_access_token', {}, { refresh_token: 'dead' }, 'REAUTHORIZATION_REQUIRED'],
  ['the ticket is refused', 'component_access_token', {}, { component_verify_ticket: 'wrong' }, 'INPUT_MISSING'],
] as const)('a crash loop in which %s asks WeChat once', async (_, type, app, params, code) => {
  const subject = type === 'oauth2_access_token' ? { subject: 'openid-1' } : {};
  await crashAgainAndAgain(async (worker) => {
    await worker.run('register', { appid: APPID, secret: 'secret', ...app, tasks: [{ type, ...subject, params }] });
    await expect(worker.run('get', { appid: APPID, type, ...subject })).rejects.toMatchObject({ code });
  });
  expect(wechat.countCalls()).toBe(1);
});

test.each(['access_token', 'oauth2_access_token'])(
  'a crash loop that forces and reports %s shares one limit',
  async (type) => {
    const startedAt = Date.now();
    const params = { refresh_token: wechat.authorizeUser(APPID, 'openid-1').refresh_token };
    const task = type === 'access_token' ? { type } : { type, subject: 'openid-1', params };
    const key = { ...task, appid: APPID };
    await crashAgainAndAgain(async (worker) => {
      await worker.run('register', { appid: APPID, secret: 'secret', accessToken: 'plain', tasks: [task] });
      const stale = await worker.run('get', key);
      await worker.run('force', key).catch(({ code }) => expect(code).toBe('QUOTA_EXHAUSTED'));
      await worker.run('report', { ...key, stale });
      expect(wechat.isValid(await worker.run('get', key))).toBe(true);
    });
    const granted = 1 + Math.floor((Date.now() - startedAt) / REPORT_EVERY_MS);
    expect(wechat.countCalls()).toBeGreaterThan(1);
    expect(wechat.countCalls()).toBeLessThanOrEqual(1 + granted);
    expect(wechat.replays).toBe(0);
  },
);
