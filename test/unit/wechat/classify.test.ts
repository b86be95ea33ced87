import { describe, expect, it } from 'vitest';
import { classify, nextMinuteAt, nextShanghaiMidnightAt } from '../../../src/wechat/classify.js';

const NOON = Date.UTC(2026, 0, 5, 4, 0, 30);
const MINUTE_MS = 60_000;

function refuse(errcode: number, errmsg = '', options: { withToken?: boolean; now?: number; random?: number } = {}) {
  const { withToken = false, now = NOON, random = 0.5 } = options;
  return classify({ errcode, errmsg, withToken, now, random });
}

describe('nextMinuteAt', () => {
  const minute = Date.UTC(2026, 0, 5, 4, 1);
  it.each([
    ['1 ms before the turn', minute - 1, minute],
    ['at the turn', minute, minute + MINUTE_MS],
    ['1 ms after the turn', minute + 1, minute + MINUTE_MS],
  ])('the next minute is right %s', (_, now, expected) => expect(nextMinuteAt(now)).toBe(expected));
});

describe('nextShanghaiMidnightAt', () => {
  const midnight = Date.parse('2026-01-06T00:00:00+08:00');
  const next = Date.parse('2026-01-07T00:00:00+08:00');
  it.each([
    ['1 ms before', midnight - 1, midnight],
    ['at midnight', midnight, next],
    ['1 ms after', midnight + 1, next],
    ['at midnight UTC', Date.UTC(2026, 0, 6), next],
  ])('the next midnight is right %s', (_, now, expected) => expect(nextShanghaiMidnightAt(now)).toBe(expected));
});

describe('retryAt', () => {
  it('a limit per minute is retried up to 5 s after the turn of the minute', () => {
    const turn = nextMinuteAt(NOON);
    expect(refuse(45011, '', { random: 0 }).retryAt).toBe(turn);
    expect(refuse(45011, '', { random: 0.5 }).retryAt).toBe(turn + 2_500);
  });

  it.each([['45009 minute frequency limited'], ['reach MINUTE quota limit'], ['超过每分钟限制']])(
    'a 45009 that mentions minutes is a limit per minute: %s',
    (errmsg) => {
      const error = refuse(45009, errmsg, { random: 0 });
      expect(error).toMatchObject({ code: 'QUOTA_EXHAUSTED', retryable: true, retryAt: nextMinuteAt(NOON) });
    },
  );

  it('a limit per day is retried after 30 min, or within 10 min of midnight if that is earlier', () => {
    const midnight = nextShanghaiMidnightAt(NOON);
    const text = 'reach max api daily quota limit';
    expect(refuse(45009, text).retryAt).toBe(NOON + 30 * MINUTE_MS);
    const late = midnight - 25 * MINUTE_MS;
    expect(refuse(45009, text, { now: late, random: 0 }).retryAt).toBe(midnight);
    expect(refuse(45009, text, { now: late, random: 0.4 }).retryAt).toBe(midnight + 4 * MINUTE_MS);
    expect(refuse(45009, text, { now: late, random: 0.5 }).retryAt).toBe(midnight + 5 * MINUTE_MS);
    expect(refuse(45009, text, { now: late, random: 0.9 }).retryAt).toBe(late + 30 * MINUTE_MS);
  });

  it('retryAt is left to the manager for a busy WeChat, a stale token or an unknown errcode', () => {
    expect(refuse(-1)).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    expect(refuse(42001)).toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: true });
    expect(refuse(987654)).toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: true, hostOnly: false });
    for (const errcode of [-1, 42001, 987654]) expect(refuse(errcode).retryAt).toBeUndefined();
  });

  it('an address that an administrator refused is retried after the time that WeChat names', () => {
    expect(refuse(89506)).toMatchObject({ hostOnly: true, retryable: false, retryAt: NOON + 24 * 60 * MINUTE_MS });
    expect(refuse(89507)).toMatchObject({ hostOnly: true, retryable: false, retryAt: NOON + 60 * MINUTE_MS });
    expect(refuse(89503)).toMatchObject({ hostOnly: true, retryable: false, retryAt: NOON + 10 * MINUTE_MS });
  });
});

describe('errcode 40001', () => {
  it('40001 without a token sent means a wrong secret', () => {
    expect(refuse(40001)).toMatchObject({ retryable: false, retryAt: NOON + 10 * MINUTE_MS });
  });

  it('40001 with a token sent means a stale token', () => {
    const error = refuse(40001, '', { withToken: true });
    expect(error.retryable).toBe(true);
    expect(error.retryAt).toBeUndefined();
  });
});

describe('errmsg', () => {
  const rid = '65a1b2c3-0f8aa1a9-3b6215a5';

  it.each([
    [`system error rid: ${rid}`, 'system error', rid],
    [`system error, rid: ${rid}`, 'system error', rid],
    ['invalid appid hint: [Ab_1 23]', 'invalid appid', undefined],
    [`invalid appid hint: [x] rid: ${rid}`, 'invalid appid', rid],
    [`rid: ${rid}`, '', rid],
    ['a rid: that is none', 'a rid: that is none', undefined],
    ['two\r\nlines\u0000 and \u2028 more', 'two lines  and   more', undefined],
  ])('the errmsg loses its tail, and its rid is kept apart: %j', (raw, errmsg, expectedRid) => {
    expect(refuse(40013, raw)).toMatchObject({ errmsg });
    expect(refuse(40013, raw).rid).toBe(expectedRid);
  });

  it('the errmsg is cut at 200 characters, and a rid after them is still found', () => {
    const error = refuse(40013, `${'x'.repeat(300)} rid: ${rid}`);
    expect(error.errmsg).toBe('x'.repeat(200));
    expect(error.rid).toBe(rid);
  });

  it('an errmsg of a mebibyte is parsed within 200 ms', () => {
    const startedAt = performance.now();
    refuse(40013, `${'rid: hint: ['.repeat(90_000)}`);
    expect(performance.now() - startedAt).toBeLessThan(200);
  });

  it.each([
    [40164, 'invalid ip ::ffff:203.0.113.7, not in whitelist', '203.0.113.7'],
    [40164, 'invalid ip 2001:db8:1234::1, not in whitelist rid: 65a1b2c3-0f8aa1a9-3b6215a5', '2001:db8:1234::1'],
    [61004, 'access clientip is not registered requestIP: 203.0.113.7 rid: 65a1b2c3-0f8aa1a9-3b6215a5', '203.0.113.7'],
    [61004, 'access clientip is not registered hint: [ZJ6NTA0211e578] requestIP: 203.0.113.7', '203.0.113.7'],
    [61004, 'access clientip is not registered requestIP: 2001:db8::1', '2001:db8::1'],
    [61004, 'access clientip is not registered requestIP: ::ffff:203.0.113.7.', '203.0.113.7'],
    [60020, 'not allow to access from your ip, hint: [17068], from ip: 203.0.113.7, more info at x', '203.0.113.7'],
    [60020, 'not allow to access from your ip, hint: [17068], from ip: 2001:db8::1, more info at x', '2001:db8::1'],
  ])('the error has the address to allow in every spelling: %i %s', (errcode, errmsg, ip) => {
    const error = refuse(errcode, errmsg);
    expect(error).toMatchObject({ ip, hostOnly: true, retryable: false });
    expect(error.message).toContain(`add ${ip} to the IP whitelist`);
  });

  it.each([
    [45035, 'access clientip is not registered, not in ip-white-list'],
    [61004, 'access clientip is not registered requestIP: 999.1.2.3'],
    [61004, 'access clientip is not registered requestIP: feedface'],
    [60020, 'not allow to access from your ip'],
  ])('the error has no address when the errmsg has none: %i %s', (errcode, errmsg) => {
    const error = refuse(errcode, errmsg);
    expect(error.ip).toBeUndefined();
    expect(error.message).toContain('The address of this server is not allowed.');
  });

  it('the hint of WeCom is removed with its comma', () => {
    const { errmsg } = refuse(
      60020,
      'not allow to access from your ip, hint: [17068], from ip: 203.0.113.7, more info',
    );
    expect(errmsg).toBe('not allow to access from your ip, from ip: 203.0.113.7, more info');
  });

  it.each([
    ['invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 65a1b2c3-0f8aa1a9-3b6215a5', '203.0.113.7'],
    ['invalid ip 203.0.113.7, not in whitelist hint: [a]', '203.0.113.7'],
    ['invalid ip 2001:db8::1, not in whitelist', '2001:db8::1'],
  ])('the error of 40164 has the address to allow: %s', (errmsg, ip) => {
    const error = refuse(40164, errmsg);
    expect(error).toMatchObject({ ip, hostOnly: true, retryable: false });
    expect(error.message).toContain(`add ${ip} to the IP whitelist`);
  });

  it('the message of the error has the errcode, the errmsg and the meaning', () => {
    expect(refuse(40125, 'invalid appsecret').message).toBe(
      'WeChat answered 40125 (invalid appsecret): The secret is wrong.',
    );
    expect(refuse(987654, '').message).toBe('WeChat answered 987654');
    expect(refuse(40164, '').message).toBe('WeChat answered 40164: The address of this server is not allowed.');
  });
});
