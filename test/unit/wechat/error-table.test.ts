import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Upstream } from '../../../src/core/model/refresher.js';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';
import { ERROR_TABLE, findErrorRow } from '../../../src/wechat/error-table.js';
import { clientOf } from '../../support/worlds/wechat-client.js';
import { everythingShown, failure } from './failure.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 5, 4, 0, 30);
const REJECTED = { code: 'UPSTREAM_REJECTED', retryable: false, hostOnly: false, inMs: 10 * MINUTE };
const HOST = { ...REJECTED, hostOnly: true };
const REAUTH = { ...REJECTED, code: 'REAUTHORIZATION_REQUIRED' };
const TICKET = { ...REJECTED, code: 'INPUT_MISSING' };
const STALE = { ...REJECTED, retryable: true, inMs: undefined };
const BUSY = { ...STALE, code: 'UPSTREAM_UNAVAILABLE' };
const DAY = { code: 'QUOTA_EXHAUSTED', retryable: true, hostOnly: false, inMs: 30 * MINUTE };
const RATE = { ...DAY, inMs: 30_000 + 2_500 };

/** Written out from the reference, not derived from the table under test. */
const EXPECTED = new Map<number, typeof REJECTED | typeof STALE>([
  [-1, BUSY],
  ...rows(STALE, 40014, 42001),
  ...rows(RATE, 45011),
  ...rows(DAY, 45009, 48006),
  ...rows(REAUTH, 61003, 61023, 40030, 42002, 41003, 42007),
  ...rows(HOST, 40164, 60020, 61004, 45035, 89501, 89502, 89503, 89504, 89505),
  [89506, { ...HOST, inMs: 24 * 60 * MINUTE }],
  [89507, { ...HOST, inMs: 60 * MINUTE }],
  ...rows(REJECTED, 40001, 40002, 40013, 40125, 40243, 41002, 41004, 41018, 41021, 43002, 43003, 47001, 61007, 61011),
  ...rows(REJECTED, 76003, 76021, 76022, 41001, 48001, 61014, 61015, 61024, 48004, 50002, 50004, 50007, 50001),
  ...rows(TICKET, 61005, 61006),
  ...rows(REJECTED, 61009, 61010, 40029, 40163, 42003, 41008),
]);

function rows<Verdict>(verdict: Verdict, ...errcodes: number[]): [number, Verdict][] {
  return errcodes.map((errcode) => [errcode, verdict]);
}

let wechat: FakeWeChat;
let client: Upstream;

beforeAll(async () => {
  const clock = new FakeClock({ now: NOW });
  wechat = await FakeWeChat.start({ clock });
  client = clientOf({ origins: [wechat.origin], clock });
});

afterAll(async () => {
  await client.close();
  await wechat.close();
});

function ask(withToken: boolean): Promise<unknown> {
  const query = { appid: 'wx1', secret: 'canary-secret-1234' };
  const { signal } = new AbortController();
  return client.request({ method: 'GET', path: '/cgi-bin/token', query }, { signal, withToken });
}

describe('the error table', () => {
  it('the error table has every errcode of the reference once, and no other', () => {
    const errcodes = ERROR_TABLE.map((row) => row.errcode);
    expect(errcodes).toHaveLength(new Set(errcodes).size);
    expect([...errcodes].sort((a, b) => a - b)).toEqual([...EXPECTED.keys()].sort((a, b) => a - b));
  });

  it('each row of the error table has an errmsg, a meaning, advice and a source', () => {
    for (const row of ERROR_TABLE) {
      expect(row.errmsg).not.toBe('');
      expect(row.meaning).toMatch(/^[A-Z].*\.$/);
      expect(row.advice).toMatch(/^[A-Z][^.]*\.$/);
      expect(row.source).not.toBe('');
    }
  });

  it('findErrorRow returns no row for an errcode that is missing', () => {
    expect(findErrorRow(40082)).toBeUndefined();
    expect(findErrorRow(40013)?.class).toBe('config');
  });
});

describe('errcodes over HTTP', () => {
  it.each([...EXPECTED])('the errcode %i is classified as the reference says', async (errcode, { inMs, ...facts }) => {
    wechat.fail('*', { errcode }, { times: 1 });
    const error = await failure(ask(false));
    expect(error).toMatchObject({ name: 'TokenError', errcode, ...facts });
    expect(error.retryAt).toBe(inMs === undefined ? undefined : NOW + inMs);
    expect(error.errmsg).toBe(findErrorRow(errcode)?.errmsg);
    expect(error.rid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/);
    expect(everythingShown(error)).not.toContain('canary');
  });

  it('40001 is a stale token when a token was sent', async () => {
    wechat.fail('*', { errcode: 40001 }, { times: 1 });
    const error = await failure(ask(true));
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40001, retryable: true, hostOnly: false });
    expect(error.retryAt).toBeUndefined();
  });

  it('a numeric string counts as an errcode', async () => {
    wechat.fail('*', { errcode: '40001' }, { times: 1 });
    expect(await failure(ask(false))).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40001 });
  });

  it.each([0, '0'])('the errcode %j is success', async (errcode) => {
    wechat.fail('*', { answer: { errcode, errmsg: 'ok', ticket: 't' } }, { times: 1 });
    await expect(ask(false)).resolves.toEqual({ errcode, errmsg: 'ok', ticket: 't' });
  });

  it('an errcode counts whatever the HTTP status is, and needs no message', async () => {
    wechat.fail('*', { status: 503, body: '{"errcode":40013}' }, { times: 1 });
    expect(await failure(ask(false))).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40013, errmsg: '' });
    wechat.fail('*', { status: 400, body: '{"errcode":0,"ticket":"t"}' }, { times: 1 });
    await expect(ask(false)).resolves.toEqual({ errcode: 0, ticket: 't' });
  });

  it('an error shows nothing of the request that the errmsg repeats', async () => {
    wechat.fail('*', { errcode: 40125, errmsg: 'invalid appsecret canary-secret-1234 of wx1' }, { times: 1 });
    const error = await failure(ask(false));
    expect(error.errmsg).toBe('invalid appsecret [redacted] of wx1');
    expect(everythingShown(error)).not.toContain('canary');
  });
});
