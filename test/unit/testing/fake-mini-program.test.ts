// What a mini program needs of WeChat: a session for the code of `wx.login`, and subscribe messages, one for each prompt.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';

const APPID = 'wx0000000000000001';
const OPENID = 'o-alice';
const TEMPLATE = 'template-1';
const FIVE_MINUTES_MS = 300_000;

let clock: FakeClock;
let wechat: FakeWeChat;

beforeEach(async () => {
  clock = new FakeClock();
  wechat = await FakeWeChat.start({ clock });
});

afterEach(() => wechat.close());

async function ask(path: string, query: Record<string, string>, body?: object): Promise<Record<string, unknown>> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${wechat.origin}${path}?${new URLSearchParams(query)}`, init);
  return (await response.json()) as Record<string, unknown>;
}

function startSession(js_code: string, more: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const query = { appid: APPID, secret: 'secret', js_code, grant_type: 'authorization_code', ...more };
  return ask('/sns/jscode2session', query);
}

describe('a session of a mini program', () => {
  test('a code of wx.login starts a session once', async () => {
    const code = wechat.createCode(APPID, OPENID);
    expect(await startSession(code)).toEqual({ openid: OPENID, session_key: expect.stringMatching(/^[\w+/]{22}==$/) });
    expect(await startSession(code)).toMatchObject({ errcode: 40163 });
  });

  test.each([
    [-1, undefined],
    [0, 40029],
    [1, 40029],
  ])('a code starts a session up to five minutes after the login: %i ms off', async (offset, errcode) => {
    const code = wechat.createCode(APPID, OPENID);
    await clock.advance(FIVE_MINUTES_MS + offset);
    expect((await startSession(code))['errcode']).toBe(errcode);
  });

  test.each([
    ['an unknown code', { js_code: 'guess' }, 40029],
    ['no code', { js_code: '' }, 41008],
    ['another grant type', { grant_type: 'refresh_token' }, 40002],
    ['a wrong secret', { secret: 'guess' }, 40125],
    ['the code of another app', { appid: 'wx0000000000000002' }, 40029],
  ])('a session is not started by %s', async (_what, more, errcode) => {
    expect(await startSession(wechat.createCode(APPID, OPENID), more)).toMatchObject({ errcode });
  });

  test('a session needs no access token', async () => {
    await startSession(wechat.createCode(APPID, OPENID));
    expect(wechat.calls).toEqual([
      expect.objectContaining({ path: '/sns/jscode2session', appid: APPID, subject: OPENID, tokenType: undefined }),
    ]);
  });
});

describe('a subscribe message', () => {
  let token: string;

  beforeEach(async () => {
    const answer = await ask('/cgi-bin/token', { appid: APPID, secret: 'secret', grant_type: 'client_credential' });
    token = String(answer['access_token']);
  });

  function send(more: object = {}, access_token = token): Promise<Record<string, unknown>> {
    const body = { touser: OPENID, template_id: TEMPLATE, data: { thing1: { value: 'Tea' } }, ...more };
    return ask('/cgi-bin/message/subscribe/send', { access_token }, body);
  }

  test('a message is delivered once for each prompt that the user has accepted', async () => {
    wechat.acceptPrompt(APPID, OPENID, TEMPLATE, { times: 2 });
    expect(await send({ page: 'pages/tea' })).toEqual({ errcode: 0, errmsg: 'ok', msgid: 1 });
    expect(await send()).toEqual({ errcode: 0, errmsg: 'ok', msgid: 2 });
    expect(await send()).toMatchObject({ errcode: 43101 });
    const sent = {
      at: clock.now(),
      appid: APPID,
      openid: OPENID,
      templateId: TEMPLATE,
      data: { thing1: { value: 'Tea' } },
    };
    expect(wechat.messages).toEqual([
      { ...sent, page: 'pages/tea' },
      { ...sent, page: undefined },
    ]);
  });

  test.each([
    ['another user', { touser: 'o-bob' }],
    ['another template', { template_id: 'template-2' }],
  ])('a message is not allowed by the prompt of %s', async (_what, more) => {
    wechat.acceptPrompt(APPID, OPENID, TEMPLATE);
    expect(await send(more)).toMatchObject({ errcode: 43101 });
  });

  test('a message is refused once the user has switched messages off, and allowed by the next prompt', async () => {
    wechat.acceptPrompt(APPID, OPENID, TEMPLATE, { times: 3 });
    wechat.acceptPrompt(APPID, 'o-bob', TEMPLATE);
    wechat.refusePrompts(APPID, OPENID);
    expect(await send()).toMatchObject({ errcode: 43101 });
    expect(await send({ touser: 'o-bob' })).toMatchObject({ errcode: 0 });
    wechat.acceptPrompt(APPID, OPENID, TEMPLATE);
    expect(await send()).toMatchObject({ errcode: 0 });
  });

  test.each([
    ['without a user', { touser: '' }, 40003],
    ['without a template', { template_id: undefined }, 40037],
    ['without data', { data: [] }, 47003],
    ['with a field that has no value', { data: { thing1: 'Tea' } }, 47003],
    ['with a thing of 21 characters', { data: { thing1: { value: '茶'.repeat(21) } } }, 47003],
    ['with a phrase of 6 characters', { data: { phrase1: { value: '茶'.repeat(6) } } }, 47003],
    ['with a number of 33 digits', { data: { number1: { value: '1'.repeat(33) } } }, 47003],
    ['with a time whose day has hyphens', { data: { time1: { value: '2019-10-01 15:01' } } }, 47003],
    ['with a time with seconds', { data: { time1: { value: '15:01:00' } } }, 47003],
    ['with a time of 24 hours', { data: { time1: { value: '24:00' } } }, 47003],
    ['with a time of 60 minutes', { data: { time1: { value: '15:60' } } }, 47003],
    ['with a time that is a day alone', { data: { time1: { value: '2019年10月1日' } } }, 47003],
    ['with a date that is a time alone', { data: { date1: { value: '15:01' } } }, 47003],
    ['with a date of a 13th month', { data: { date1: { value: '2019年13月1日' } } }, 47003],
    ['with a date of a 32nd day', { data: { date1: { value: '2019年10月32日' } } }, 47003],
  ])('a message %s is refused, and uses no prompt up', async (_what, more, errcode) => {
    wechat.acceptPrompt(APPID, OPENID, TEMPLATE);
    expect(await send(more)).toMatchObject({ errcode });
    expect(await send()).toMatchObject({ errcode: 0 });
  });

  test.each([
    ['a thing of 20 characters', { thing1: { value: '茶'.repeat(20) } }],
    ['a phrase of 5 characters', { phrase1: { value: '茶'.repeat(5) } }],
    ['a number of 32 digits', { number1: { value: '1'.repeat(32) } }],
    ['a time', { time1: { value: '15:01' } }],
    ['a time on a day', { time1: { value: '2019年10月1日 15:01' } }],
    ['a span of times', { time1: { value: '15:01~16:30' } }],
    ['a date', { date1: { value: '2019年10月1日' } }],
    ['a date with a time', { date1: { value: '2019年10月1日 15:01' } }],
  ])('a message takes %s', async (_what, data) => {
    wechat.acceptPrompt(APPID, OPENID, TEMPLATE);
    expect(await send({ data })).toMatchObject({ errcode: 0 });
  });

  test('a refused message names the field', async () => {
    const { errmsg } = await send({ data: { thing1: { value: 'Tea' }, phrase2: { value: '' } } });
    expect(errmsg).toContain('data.phrase2.value');
  });

  test('a message is refused with a token that has expired or was never issued', async () => {
    expect(await send({}, 'guess')).toMatchObject({ errcode: 40001 });
    wechat.expire(token);
    expect(await send()).toMatchObject({ errcode: 42001 });
  });
});
