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
  const openid = 'o-mini';
  let world: World;
  let inTap = false;
  let lost = 0;

  beforeAll(async () => {
    world = await World.start();
    vi.stubGlobal('wx', {
      login: async () => ({ code: world.wechat.createCode(APPID, openid) }),
      requestSubscribeMessage: async ({ tmplIds }: { tmplIds: string[] }) => {
        if (!inTap) throw new Error('requestSubscribeMessage:fail can only be invoked by user TAP gesture.');
        world.wechat.acceptPrompt(APPID, openid, TEMPLATE);
        return Object.fromEntries(tmplIds.map((id) => [id, 'accept']));
      },
      // It declares JSON in each request, as that of WeChat does.
      request({ url, method, data, header, success, fail }: WxRequest) {
        inTap = false;
        const body = data === undefined ? {} : { body: JSON.stringify(data) };
        fetch(url, { method, headers: { 'content-type': 'application/json', ...header }, ...body })
          .then(async (response) => {
            const text = await response.text();
            if (lost-- > 0) fail({ errMsg: 'request:fail timeout' });
            else success({ statusCode: response.status, data: text === '' ? '' : JSON.parse(text) });
          })
          .catch(fail);
      },
    });
  });

  afterAll(async () => {
    vi.unstubAllGlobals();
    await world?.close();
  });

  test('the client logs in, asks for consent, and creates, edits and deletes a reminder', async () => {
    const reminders = createReminders(world.origin);
    await reminders.logIn();
    inTap = true;
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

  test('the client creates one reminder and counts one prompt when the first answer is lost', async () => {
    const reminders = createReminders(world.origin);
    await reminders.logIn();
    const before = (await reminders.list()) as { credits: number };
    lost = 1;
    const { id } = await reminders.create(0, { contentId: 'c', hour: 20, minute: 5, detail: 'Tea' });
    inTap = true;
    lost = 1;
    await reminders.askConsent();
    expect(await reminders.list()).toMatchObject({ credits: before.credits + 1, reminders: [{ id }] });
  });

  test('a request without an answer rejects with a code', async () => {
    const reminders = createReminders(world.origin);
    await reminders.logIn();
    lost = 1;
    await expect(reminders.list()).rejects.toMatchObject({ status: 0, code: 'no_answer' });
  });
});
