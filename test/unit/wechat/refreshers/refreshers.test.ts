import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RefreshContext, Upstream } from '../../../../src/core/model/refresher.js';
import { TokenRecord } from '../../../../src/core/model/token-record.js';
import { FakeClock, FakeWeChat } from '../../../../src/testing/index.js';
import { createAccessTokenRefresher } from '../../../../src/wechat/refreshers/access-token.js';
import { jsapiTicketRefresher } from '../../../../src/wechat/refreshers/jsapi-ticket.js';
import { wxCardTicketRefresher } from '../../../../src/wechat/refreshers/wx-card-ticket.js';
import { clientOf } from '../../../support/worlds/wechat-client.js';
import { everythingShown, failure } from '../failure.js';

const STABLE_PATH = '/cgi-bin/stable_token';

let clock: FakeClock;
let random: number;
let wechat: FakeWeChat;
let client: Upstream;

beforeEach(async () => {
  random = 0.5;
  clock = new FakeClock({ random: () => random });
  wechat = await FakeWeChat.start({ clock });
  client = clientOf({ origins: [wechat.origin], clock });
});

afterEach(async () => {
  await client.close();
  await wechat.close();
});

function contextOf(fields: Partial<RefreshContext> = {}): RefreshContext {
  const { signal } = new AbortController();
  return {
    key: { appid: 'wx1', type: 'access_token' },
    app: { appid: 'wx1', secret: 'secret', accessToken: 'stable' },
    previous: undefined,
    reason: 'demand',
    stale: undefined,
    params: {},
    token: () => expect.fail('no token is needed'),
    spend: () => expect.fail('nothing is used up'),
    allow: () => expect.fail('no limit is needed'),
    request: (request) => client.request(request, { signal, withToken: false }),
    signal,
    ...fields,
  };
}

function recordOf(value: string): TokenRecord {
  const times = { obtainedAt: 0, expiresAt: 1, dueAt: 1, version: 1 };
  return new TokenRecord({ appid: 'wx1', type: 'access_token' }, { value, ...times }, async () => undefined);
}

describe('access_token', () => {
  const refresher = createAccessTokenRefresher({ random: () => random });

  it('an access token is requested in stable mode without force', async () => {
    const grant = await refresher.refresh(contextOf());
    expect(wechat.calls).toMatchObject([{ method: 'POST', path: STABLE_PATH, appid: 'wx1', forced: false }]);
    expect(wechat.isValid(grant.value)).toBe(true);
    expect(grant.result).toEqual({ access_token: grant.value, expires_in: 7200 });
    expect(grant.expiresInSeconds).toBe(7200);
  });

  it('an access token is requested in plain mode if the app says so, and the manager sets its due time', async () => {
    const app = { appid: 'wx1', secret: 'secret', accessToken: 'plain' } as const;
    const grant = await refresher.refresh(contextOf({ app }));
    expect(wechat.calls).toMatchObject([{ method: 'GET', path: '/cgi-bin/token', appid: 'wx1' }]);
    expect(wechat.isValid(grant.value)).toBe(true);
    expect(grant.dueInSeconds).toBeUndefined();
  });

  it.each([
    [7200, 0, 7200 - 120],
    [7200, 0.5, 7200 - 195],
    [7200, 1, 7200 - 270],
    [600, 0, 600 - 120],
    [599, 0, 599 - 119.8],
    [100, 0.5, 100 - 32.5],
    ['345', 0, 345 - 69],
  ])('an access token that lives %s s is due, with %s drawn, after %s s', async (life, drawn, due) => {
    random = drawn;
    wechat.fail('*', { expires_in: life });
    const grant = await refresher.refresh(contextOf());
    expect(grant.expiresInSeconds).toBe(Number(life));
    expect(grant.dueInSeconds).toBeCloseTo(due, 6);
  });

  it.each([0, -1, '', 'soon', null, true])('a token lifetime of %j is left to the manager to refuse', async (life) => {
    wechat.fail('*', { expires_in: life });
    const grant = await refresher.refresh(contextOf());
    expect(typeof grant.expiresInSeconds === 'number' && grant.expiresInSeconds > 0).toBe(false);
    expect(grant.dueInSeconds).toBeUndefined();
  });

  it('an empty or missing access token is left to the manager to refuse', async () => {
    wechat.fail('*', { empty: true }, { times: 1 });
    wechat.fail('*', { answer: { access_token: 7 } });
    expect((await refresher.refresh(contextOf())).value).toBe('');
    expect((await refresher.refresh(contextOf())).value).toBe('');
  });

  it.each(['stable', 'plain'] as const)('an access token in %s mode needs the secret', async (accessToken) => {
    const app = { appid: 'wx1', secret: undefined, accessToken };
    const error = await failure(refresher.refresh(contextOf({ app })));
    expect(error).toMatchObject({ code: 'INPUT_MISSING', retryable: false });
    expect(wechat.countCalls()).toBe(0);
  });

  it('the error of a rejected access token request shows no secret', async () => {
    const app = { appid: 'wx1', secret: 'canary-secret', accessToken: 'stable' } as const;
    const error = await failure(refresher.refresh(contextOf({ app })));
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40125 });
    expect(everythingShown(error)).not.toContain('canary');
  });

  describe.each(['stale', 'forced'] as const)('access_token when %s', (reason) => {
    const granted = vi.fn<RefreshContext['allow']>();

    beforeEach(() => {
      granted.mockReset();
      granted.mockResolvedValue(true);
    });

    function report(value: string): RefreshContext {
      const fields = reason === 'stale' ? { stale: value } : { previous: recordOf(value) };
      return contextOf({ reason, ...fields, allow: granted });
    }

    it('a refresh is forced if WeChat repeats the same value and the limit allows it', async () => {
      const dead = await refresher.refresh(contextOf());
      wechat.revoke('wx1');
      const grant = await refresher.refresh(report(dead.value));
      expect(wechat.calls.map((call) => call.forced)).toEqual([false, false, true]);
      expect(grant.value).not.toBe(dead.value);
      expect(wechat.isValid(grant.value)).toBe(true);
      expect(grant.dueInSeconds).toBe(7200 - 195);
      expect(granted).toHaveBeenCalledExactlyOnceWith('force_refresh', { everyMs: 30_000, perDay: 20 });
    });

    it('a refresh is not forced if WeChat has another token', async () => {
      const dead = await refresher.refresh(contextOf());
      wechat.supersede('wx1');
      const grant = await refresher.refresh(report(dead.value));
      expect(wechat.calls.map((call) => call.forced)).toEqual([false, false]);
      expect(wechat.isValid(grant.value)).toBe(true);
      expect(granted).not.toHaveBeenCalled();
    });

    it('a refresh is not forced if the limit is used up', async () => {
      granted.mockResolvedValue(false);
      const dead = await refresher.refresh(contextOf());
      const grant = await refresher.refresh(report(dead.value));
      expect(wechat.calls.map((call) => call.forced)).toEqual([false, false]);
      expect(grant.value).toBe(dead.value);
    });
  });

  it('a forced refresh without a previous token is not sent with force', async () => {
    await refresher.refresh(contextOf());
    await refresher.refresh(contextOf({ reason: 'forced' }));
    expect(wechat.calls.map((call) => call.forced)).toEqual([false, false]);
  });

  it.each(['due', 'demand'] as const)('a %s refresh is not forced if WeChat repeats the token', async (reason) => {
    const { value } = await refresher.refresh(contextOf());
    const grant = await refresher.refresh(contextOf({ reason, previous: recordOf(value) }));
    expect(grant.value).toBe(value);
    expect(wechat.countCalls()).toBe(2);
  });
});

describe.each([
  ['jsapi_ticket', jsapiTicketRefresher, 'jsapi'],
  ['wx_card_ticket', wxCardTicketRefresher, 'wx_card'],
] as const)('the refresher of %s', (type, refresher, wireType) => {
  it('a ticket depends on the access token of the app', () => {
    expect(refresher.type).toBe(type);
    expect(refresher.dependsOn?.({ appid: 'wx1', type })).toEqual([{ appid: 'wx1', type: 'access_token' }]);
  });

  it('a ticket with a subject depends on the token of the authorizer', () => {
    const expected = [{ appid: 'wx1', type: 'authorizer_access_token', subject: 'wx2' }];
    expect(refresher.dependsOn?.({ appid: 'wx1', type, subject: 'wx2' })).toEqual(expected);
  });

  it('a ticket is requested with the token that it depends on', async () => {
    const { value } = await createAccessTokenRefresher(clock).refresh(contextOf());
    const token = vi.fn<RefreshContext['token']>(async () => value);
    const grant = await refresher.refresh(contextOf({ key: { appid: 'wx1', type }, token }));
    expect(token).toHaveBeenCalledExactlyOnceWith({ appid: 'wx1', type: 'access_token' });
    expect(wechat.calls[1]).toMatchObject({ method: 'GET', appid: 'wx1', tokenType: type, errcode: 0 });
    expect(grant).toMatchObject({ value: expect.stringMatching(`^${wireType}-`), expiresInSeconds: 7200 });
    expect(grant.result).toEqual({ errcode: 0, errmsg: 'ok', ticket: grant.value, expires_in: 7200 });
    expect(grant.dueInSeconds).toBeUndefined();
  });
});
