import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
// @ts-expect-error: it is a file of a mini program, which has no types.
import { createReminders } from '../mini-program/reminders.js';
import { NO_REDIS, skips } from './support/redis.js';
import { APPID, TEMPLATE, World } from './support/world.js';

interface WxRequest {
  readonly url: string;
  readonly method: string;
  readonly data?: object;
  readonly header: Record<string, string>;
  success(answer: { statusCode: number; data: unknown }): void;
  fail(error: unknown): void;
}

describe.skipIf(skips)(`the code for a mini program${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;

  beforeAll(async () => {
    world = await World.start();
    const openid = 'o-mini';
    vi.stubGlobal('wx', {
      login: async () => ({ code: world.wechat.createCode(APPID, openid) }),
      requestSubscribeMessage: async ({ tmplIds }: { tmplIds: string[] }) => {
        world.wechat.acceptPrompt(APPID, openid, TEMPLATE);
        return Object.fromEntries(tmplIds.map((id) => [id, 'accept']));
      },
      // It names JSON in each request, as that of WeChat does.
      request({ url, method, data, header, success, fail }: WxRequest) {
        const body = data === undefined ? {} : { body: JSON.stringify(data) };
        fetch(url, { method, headers: { 'content-type': 'application/json', ...header }, ...body })
          .then(async (response) => {
            const text = await response.text();
            success({ statusCode: response.status, data: text === '' ? '' : JSON.parse(text) });
          })
          .catch(fail);
      },
    });
  });

  afterAll(async () => {
    vi.unstubAllGlobals();
    await world?.close();
  });

  test('logs in, asks for consent, and makes, moves and removes a reminder', async () => {
    const reminders = createReminders(world.origin);
    await reminders.logIn();
    expect(await reminders.askConsent()).toBe(true);
    const { id } = await reminders.create(0, { contentId: 'c', hour: 20, minute: 5, detail: 'Tea', zone: 'UTC' });
    await reminders.edit(id, { hour: 21 });
    expect(await reminders.list()).toMatchObject({ credits: 1, reminders: [{ id, nextLocal: '2026-11-29 21:05' }] });
    await reminders.remove(id);
    expect(await reminders.list()).toMatchObject({ reminders: [] });
    await expect(reminders.remove(id)).rejects.toMatchObject({ code: 'not_found' });
    await reminders.logOut();
    await expect(reminders.list()).rejects.toMatchObject({ code: 'unauthorized' });
  });
});
