import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, FakeWeChat, type FakeWeChatOptions } from '../../../src/testing/index.js';

const SECRET = 'canary-secret';
const NOW = Date.UTC(2026, 0, 5, 4, 0, 0);
const PLAIN_PATH = '/cgi-bin/token';
const STABLE_PATH = '/cgi-bin/stable_token';
const TICKET_PATH = '/cgi-bin/ticket/getticket';
const BUSINESS_PATH = '/cgi-bin/getcallbackip';

interface Answer {
  readonly errcode?: number;
  readonly errmsg?: string;
  readonly access_token: string;
  readonly ticket: string;
  readonly expires_in: number;
}

let clock: FakeClock;
let wechat: FakeWeChat;

beforeEach(async () => {
  clock = new FakeClock({ now: NOW });
  await startAgain({});
});

afterEach(() => wechat.close());

async function startAgain(options: FakeWeChatOptions): Promise<void> {
  await wechat?.close();
  wechat = await FakeWeChat.start({ clock, apps: { wx1: { secret: SECRET }, wx2: { secret: SECRET } }, ...options });
}

async function get(path: string, query: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${wechat.origin}${path}?${new URLSearchParams(query)}`);
  return (await response.json()) as Answer;
}

function plain(appid = 'wx1', secret = SECRET): Promise<Answer> {
  return get(PLAIN_PATH, { grant_type: 'client_credential', appid, secret });
}

async function stable(force_refresh = false, fields: object = {}): Promise<Answer> {
  const body = JSON.stringify({
    grant_type: 'client_credential',
    appid: 'wx1',
    secret: SECRET,
    force_refresh,
    ...fields,
  });
  return (await (await fetch(wechat.origin + STABLE_PATH, { method: 'POST', body })).json()) as Answer;
}

async function errcodeOf(token: string): Promise<number> {
  return (await get(BUSINESS_PATH, { access_token: token })).errcode ?? 0;
}

describe('a plain token', () => {
  it('a plain token is new each time, and its predecessor lives on for the overlap', async () => {
    const first = await plain();
    const second = await plain();
    expect(second.access_token).not.toBe(first.access_token);
    expect(second.expires_in).toBe(7200);
    await clock.advance(299_999);
    expect(await errcodeOf(first.access_token)).toBe(0);
    await clock.advance(1);
    expect(await errcodeOf(first.access_token)).toBe(40001);
    expect(await errcodeOf(second.access_token)).toBe(0);
  });

  it('a plain token survives one successor and not two', async () => {
    const [first, second, third] = [await plain(), await plain(), await plain()];
    expect([first, second, third].map(({ access_token }) => wechat.isValid(access_token))).toEqual([false, true, true]);
  });

  it('a plain token expires to the millisecond', async () => {
    const { access_token } = await plain();
    await clock.advance(7_199_999);
    expect(await errcodeOf(access_token)).toBe(0);
    await clock.advance(1);
    expect(await errcodeOf(access_token)).toBe(42001);
  });

  it('a plain token is independent of that of another app and of the stable one', async () => {
    const [stableToken, other, token] = [await stable(), await plain('wx2'), await plain()];
    await plain();
    await plain();
    expect(wechat.isValid(stableToken.access_token)).toBe(true);
    expect(wechat.isValid(other.access_token)).toBe(true);
    expect(wechat.isValid(token.access_token)).toBe(false);
  });
});

describe('a stable token', () => {
  it('a stable token is repeated with its remaining life, until less than 300 s are left', async () => {
    const first = await stable();
    await clock.advance(6_900_000);
    expect(await stable()).toEqual({ access_token: first.access_token, expires_in: 300 });
    await clock.advance(1);
    const second = await stable();
    expect(second.access_token).not.toBe(first.access_token);
    expect(second.expires_in).toBe(7200);
    expect(wechat.isValid(first.access_token)).toBe(true);
    await clock.advance(299_999);
    expect(await errcodeOf(first.access_token)).toBe(42001);
  });

  it('a stable token that lives less than 600 s is renewed in its second half', async () => {
    await startAgain({ lifeSeconds: 10 });
    const { access_token } = await stable();
    await clock.advance(5_000);
    expect(await stable()).toEqual({ access_token, expires_in: 5 });
    await clock.advance(1);
    expect((await stable()).access_token).not.toBe(access_token);
  });

  it('a stable token is replaced by force, not twice within 30 s', async () => {
    const first = await stable();
    const second = await stable(true);
    expect(second.access_token).not.toBe(first.access_token);
    expect(wechat.isValid(first.access_token)).toBe(true);
    await clock.advance(29_999);
    expect((await stable(true)).access_token).toBe(second.access_token);
    await clock.advance(1);
    expect((await stable(true)).access_token).not.toBe(second.access_token);
    expect(wechat.isValid(first.access_token)).toBe(false);
  });

  it('a stable token is replaced by force twenty times a day of Shanghai', async () => {
    const values = new Set([(await stable()).access_token]);
    for (let time = 0; time < 21; time++) {
      values.add((await stable(true)).access_token);
      await clock.advance(30_000);
    }
    expect(values.size).toBe(21);
    clock.jump(Date.parse('2026-01-05T23:59:59.999+08:00') - clock.now());
    const evening = await stable();
    expect((await stable(true)).access_token).toBe(evening.access_token);
    clock.jump(1);
    expect((await stable(true)).access_token).not.toBe(evening.access_token);
  });
});

describe('a ticket', () => {
  it('a ticket is repeated until its last five minutes, whichever token it is requested with', async () => {
    const { access_token } = await plain();
    const first = await get(TICKET_PATH, { access_token, type: 'jsapi' });
    expect(first).toEqual({ errcode: 0, errmsg: 'ok', ticket: expect.stringMatching(/^jsapi-/), expires_in: 7200 });
    await clock.advance(6_900_000);
    const query = { access_token: (await stable()).access_token, type: 'jsapi' };
    expect(await get(TICKET_PATH, query)).toEqual({ ...first, expires_in: 300 });
    await clock.advance(1);
    expect((await get(TICKET_PATH, query)).ticket).not.toBe(first.ticket);
  });

  it('a ticket stays valid until it expires, also when another has been issued', async () => {
    const first = (await get(TICKET_PATH, { access_token: (await plain()).access_token, type: 'jsapi' })).ticket;
    await clock.advance(7_000_000);
    const second = (await get(TICKET_PATH, { access_token: (await stable()).access_token, type: 'jsapi' })).ticket;
    expect([wechat.isValid(first), wechat.isValid(second), wechat.isValid('none')]).toEqual([true, true, false]);
    await clock.advance(199_999);
    expect(wechat.isValid(first)).toBe(true);
    await clock.advance(1);
    expect([wechat.isValid(first), wechat.isValid(second)]).toEqual([false, true]);
  });

  it('a ticket is another for each type and app', async () => {
    const tokens = [await plain('wx1'), await plain('wx2')];
    const asked = tokens.flatMap(({ access_token }) => ['jsapi', 'wx_card'].map((type) => ({ access_token, type })));
    const tickets = await Promise.all(asked.map((query) => get(TICKET_PATH, query)));
    expect(new Set(tickets.map(({ ticket }) => ticket)).size).toBe(4);
  });

  it('a ticket is refused without a token, with a bad one, and for an unknown type', async () => {
    expect((await get(TICKET_PATH, { type: 'jsapi' })).errcode).toBe(41001);
    expect((await get(TICKET_PATH, { type: 'jsapi', access_token: 'none' })).errcode).toBe(40001);
    const { access_token } = await plain();
    expect((await get(TICKET_PATH, { type: 'other', access_token })).errcode).toBe(47001);
    expect((await get(TICKET_PATH, { access_token })).errcode).toBe(47001);
    wechat.expire(access_token);
    expect((await get(TICKET_PATH, { type: 'jsapi', access_token })).errcode).toBe(42001);
  });

  it('a ticket can be made to expire', async () => {
    const { access_token } = await plain();
    const first = await get(TICKET_PATH, { access_token, type: 'jsapi' });
    wechat.expire(first.ticket);
    expect((await get(TICKET_PATH, { access_token, type: 'jsapi' })).ticket).not.toBe(first.ticket);
  });
});

describe('a wrong request', () => {
  it.each([
    [{}, 40002],
    [{ grant_type: 'client_credential' }, 41002],
    [{ grant_type: 'client_credential', appid: 'wx1' }, 41004],
    [{ grant_type: 'client_credential', appid: 'wx9', secret: SECRET }, 40013],
    [{ grant_type: 'client_credential', appid: 'wx1', secret: 'wrong' }, 40125],
  ])('a request for a plain token with %j is answered with %i', async (query, errcode) => {
    const answer = await get(PLAIN_PATH, query);
    expect(answer.errcode).toBe(errcode);
    expect(answer.errmsg).toMatch(/.+ rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/);
  });

  it.each([
    [{ grant_type: 'x' }, 40002],
    [{ appid: undefined }, 41002],
    [{ appid: 7 }, 41002],
    [{ secret: '' }, 41004],
    [{ appid: 'wx9' }, 40013],
    [{ secret: 'wrong' }, 40125],
  ])('a request for a stable token with %j is answered with %i', async (fields, errcode) => {
    expect((await stable(false, fields)).errcode).toBe(errcode);
  });

  it('a request for a stable token by GET, or without JSON, is refused', async () => {
    expect((await get(STABLE_PATH)).errcode).toBe(43002);
    const response = await fetch(wechat.origin + STABLE_PATH, { method: 'POST', body: 'grant_type=client_credential' });
    expect(await response.json()).toMatchObject({ errcode: 47001 });
  });

  it('a request from an address that is not allowed is refused', async () => {
    wechat.setApp('wx1', { secret: SECRET, ipWhitelist: ['203.0.113.7'] });
    const answer = await plain();
    expect(answer.errcode).toBe(40164);
    expect(answer.errmsg).toMatch(/^invalid ip 127\.0\.0\.1 ipv6 ::ffff:127\.0\.0\.1, not in whitelist rid: /);
    wechat.setApp('wx1', { secret: SECRET, ipWhitelist: ['127.0.0.1'] });
    expect(await plain()).toHaveProperty('access_token');
  });

  it('a request for an unknown path is answered with 404, and logged', async () => {
    expect((await fetch(`${wechat.origin}/nothing`)).status).toBe(404);
    expect(wechat.calls).toMatchObject([{ path: '/nothing', errcode: undefined, tokenType: undefined }]);
  });
});

describe('a quota', () => {
  it('a quota by the minute ends with the minute, for each app by itself', async () => {
    await startAgain({ quotas: { [PLAIN_PATH]: { perMinute: 1 } } });
    clock.jump(59_999);
    expect(await plain()).toHaveProperty('access_token');
    expect((await plain()).errcode).toBe(45011);
    expect(await plain('wx2')).toHaveProperty('access_token');
    clock.jump(1);
    expect(await plain()).toHaveProperty('access_token');
  });

  it('a quota by the day ends with the day of Shanghai', async () => {
    await startAgain({ quotas: { [BUSINESS_PATH]: { perDay: 1 } } });
    clock.jump(Date.parse('2026-01-05T23:59:59.999+08:00') - NOW);
    const { access_token } = await plain();
    expect(await errcodeOf(access_token)).toBe(0);
    expect(await errcodeOf(access_token)).toBe(45009);
    clock.jump(1);
    expect(await errcodeOf(access_token)).toBe(0);
  });

  it('the quota of plain tokens is 2000 a day unless set', async () => {
    for (let call = 0; call < 40; call++) await Promise.all(Array.from({ length: 50 }, () => plain()));
    expect((await plain()).errcode).toBe(45009);
  });
});

describe('events outside the manager', () => {
  it('a stable token that is made to expire is replaced by another', async () => {
    const first = await stable();
    wechat.expire(first.access_token);
    expect(await errcodeOf(first.access_token)).toBe(42001);
    expect((await stable()).access_token).not.toBe(first.access_token);
  });

  it('a revoked stable token is repeated until it is replaced by force', async () => {
    const [first, other] = [await stable(), await plain('wx2')];
    wechat.revoke('wx1');
    expect(await errcodeOf(first.access_token)).toBe(40001);
    expect((await stable()).access_token).toBe(first.access_token);
    expect(wechat.isValid((await stable(true)).access_token)).toBe(true);
    expect(wechat.isValid(other.access_token)).toBe(true);
  });

  it('tokens superseded by another system are invalid, and a stable request returns a new one', async () => {
    const [first, plainToken] = [await stable(), await plain()];
    wechat.supersede('wx1');
    expect(await errcodeOf(first.access_token)).toBe(40001);
    expect(await errcodeOf(plainToken.access_token)).toBe(40001);
    const second = await stable();
    expect(second.access_token).not.toBe(first.access_token);
    expect(wechat.isValid(second.access_token)).toBe(true);
  });
});

describe('the log of calls', () => {
  it('the log of calls has each call with its answer, without secrets', async () => {
    const { access_token } = await stable(true);
    await get(TICKET_PATH, { access_token, type: 'wx_card' });
    await plain('wx1', 'wrong');
    const at = NOW;
    expect(wechat.calls).toEqual([
      { at, method: 'POST', path: STABLE_PATH, appid: 'wx1', tokenType: 'access_token', forced: true, errcode: 0 },
      { at, method: 'GET', path: TICKET_PATH, appid: 'wx1', tokenType: 'wx_card_ticket', forced: false, errcode: 0 },
      { at, method: 'GET', path: PLAIN_PATH, appid: 'wx1', tokenType: 'access_token', forced: false, errcode: 40125 },
    ]);
    expect(JSON.stringify(wechat.calls)).not.toMatch(/canary|stable_[0-9a-f]/);
    expect([wechat.countCalls(), wechat.countCalls(PLAIN_PATH), wechat.countCalls((call) => call.forced)]).toEqual([
      3, 1, 1,
    ]);
  });

  it('a test can wait for the next call', async () => {
    const next = wechat.nextCall(TICKET_PATH);
    await plain();
    const asked = get(TICKET_PATH, {});
    expect(await next).toMatchObject({ path: TICKET_PATH, errcode: 41001 });
    await asked;
  });
});

describe('a fault', () => {
  it('a fault spoils as many calls as it is set for, to its path alone, the oldest fault first', async () => {
    wechat.fail(PLAIN_PATH, { errcode: -1 }, { times: 2 });
    wechat.fail(PLAIN_PATH, { errcode: 50007, errmsg: 'frozen' }, { times: 1 });
    expect(await stable()).toHaveProperty('access_token');
    const answers: Answer[] = [];
    for (let call = 0; call < 4; call++) answers.push(await plain());
    expect(answers.map(({ errcode }) => errcode)).toEqual([-1, -1, 50007, undefined]);
    expect(answers[0]?.errmsg).toMatch(/^system error rid: /);
    expect(answers[2]?.errmsg).toMatch(/^frozen rid: /);
  });

  it('a fault ends when it is cleared', async () => {
    const clear = wechat.fail((call) => call.appid === 'wx1', { errcode: 99 });
    expect(await plain()).toMatchObject({ errcode: 99, errmsg: expect.stringMatching(/^unknown error rid: /) });
    expect(await plain('wx2')).toHaveProperty('access_token');
    clear();
    expect(await plain()).toHaveProperty('access_token');
  });

  it('a fault loses an answer after the work was done', async () => {
    const first = await plain();
    wechat.fail('*', 'lost', { times: 2 });
    await expect(plain()).rejects.toThrow();
    await expect(plain()).rejects.toThrow();
    expect(wechat.isValid(first.access_token)).toBe(false);
  });

  it('a fault cuts a connection before anything was done', async () => {
    const first = await plain();
    wechat.fail('*', 'reset', { times: 2 });
    await expect(plain()).rejects.toThrow();
    await expect(plain()).rejects.toThrow();
    expect(wechat.isValid(first.access_token)).toBe(true);
    expect(wechat.calls.map(({ errcode }) => errcode)).toEqual([0, undefined, undefined]);
  });

  it('a fault makes lifetimes odd and tokens empty', async () => {
    wechat.fail('*', { expires_in: '7200' }, { times: 1 });
    wechat.fail('*', { empty: true }, { times: 2 });
    expect(await plain()).toMatchObject({ expires_in: '7200', access_token: expect.stringMatching(/^plain_/) });
    const { access_token } = await plain();
    expect(access_token).toBe('');
    expect(await get(TICKET_PATH, { access_token: 'none' })).toMatchObject({ errcode: 40001 });
  });

  it.each([
    ['html', 200, /^<html>/],
    ['broken-json', 200, /^\{"access_token":"broken$/],
    ['huge', 200, /^.{2097152,}$/],
    [{ status: 502 }, 502, /^<html>/],
    [{ status: 302, body: 'moved', headers: { location: '/' } }, 302, /^moved$/],
  ] as const)('a fault answers with %j', async (fault, status, text) => {
    wechat.fail('*', fault);
    const response = await fetch(wechat.origin + PLAIN_PATH, { redirect: 'manual' });
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(text);
  });

  it('a fault delays an answer on the clock', async () => {
    for (const delay of ['fault', 'property']) {
      if (delay === 'fault') wechat.fail('*', { delayMs: 500 }, { times: 1 });
      else wechat.delayMs = 500;
      const asked = plain();
      await wechat.nextCall();
      await clock.advance(499);
      expect(await Promise.race([asked, 'pending'])).toBe('pending');
      await clock.advance(1);
      expect(await asked).toHaveProperty('access_token');
    }
  });
});

describe('an outage', () => {
  it('an outage cuts every connection until it ends', async () => {
    wechat.outage(true);
    await expect(plain()).rejects.toThrow();
    wechat.outage(false);
    expect(await plain()).toHaveProperty('access_token');
    expect(wechat.countCalls()).toBe(2);
  });
});

describe('start and close', () => {
  it('a server without apps accepts every appid, with the secret "secret"', async () => {
    await using any = await FakeWeChat.start();
    const ask = (secret: string): Promise<Response> =>
      fetch(`${any.origin}${PLAIN_PATH}?grant_type=client_credential&appid=wx77&secret=${secret}`);
    expect(await (await ask('secret')).json()).toHaveProperty('access_token');
    expect(await (await ask('other')).json()).toHaveProperty('errcode', 40125);
    expect(() => any.setApp('wx1', { secret: 'x' })).toThrow(TypeError);
  });

  it('start takes the given port, and fails if it is in use', async () => {
    const port = Number(new URL(wechat.origin).port);
    await expect(FakeWeChat.start({ port })).rejects.toThrow(/EADDRINUSE/);
    await wechat.close();
    await using next = await FakeWeChat.start({ port });
    expect(next.origin).toBe(`http://127.0.0.1:${port}`);
  });

  it('close ends connections that hang, drip or wait, and may be called twice', async () => {
    for (const fault of ['hang', 'drip', { delayMs: 60_000 }] as const) {
      wechat.fail('*', fault, { times: 1 });
      const asked = plain().catch(() => 'cut');
      await wechat.nextCall();
      if (fault === 'drip') await clock.advance(2_000);
      await startAgain({});
      expect(await asked).toBe('cut');
    }
    await wechat.close();
    await wechat.close();
    await clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a caller that disconnects in the middle does not affect others', async () => {
    const socket = connect(Number(new URL(wechat.origin).port), '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    socket.write('POST /cgi-bin/stable_token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.resetAndDestroy();
    expect(await plain()).toHaveProperty('access_token');
  });
});
