import { describe, expect, it } from 'vitest';
import type { InputMissing } from '../../../../src/core/model/input-missing.js';
import type { RefreshContext, SpentToken, WeChatRequest } from '../../../../src/core/model/refresher.js';
import { keyId, type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { authorizerAccessTokenRefresher } from '../../../../src/wechat/refreshers/authorizer-access-token.js';
import { createBuiltInRefreshers } from '../../../../src/wechat/refreshers/built-in.js';
import { componentAccessTokenRefresher } from '../../../../src/wechat/refreshers/component-access-token.js';
import { componentVerifyTicketRefresher } from '../../../../src/wechat/refreshers/component-verify-ticket.js';
import { oauth2AccessTokenRefresher } from '../../../../src/wechat/refreshers/oauth2-access-token.js';
import { failure } from '../failure.js';

interface Asked {
  readonly requests: WeChatRequest[];
  readonly offers: unknown[];
}

/** A context in which WeChat answers with `answer`, and `stored` is the refresh token in the store. */
function contextOf(
  key: TokenKey,
  answer: JsonObject,
  { params = {}, stored, secret = 'S' }: { params?: JsonObject; stored?: string; secret?: string | undefined } = {},
): RefreshContext & Asked {
  const requests: WeChatRequest[] = [];
  const offers: unknown[] = [];
  return {
    requests,
    offers,
    key,
    app: { appid: key.appid, secret, accessToken: 'stable' },
    previous: undefined,
    reason: 'due',
    stale: undefined,
    params,
    token: async (dependency) => `value of ${keyId(dependency)}`,
    spend: async (offered, options): Promise<SpentToken> => {
      offers.push([offered, options?.prefer]);
      return stored === undefined ? { value: offered as string, stored: false } : { value: stored, stored: true };
    },
    allow: () => expect.fail('no limit is needed'),
    request: async (request) => {
      requests.push(request);
      return answer;
    },
    signal: new AbortController().signal,
  };
}

const USER = tokenKey('wx1', 'oauth2_access_token', 'openid');
const COMPONENT = tokenKey('wx1', 'component_access_token', undefined);
const MERCHANT = tokenKey('wx1', 'authorizer_access_token', 'wx2');

describe('oauth2_access_token', () => {
  const answer = { access_token: 'A', expires_in: 7200, refresh_token: 'R2', openid: 'openid', scope: 'snsapi_base' };

  it('the request for a user token has the refresh token and no secret', async () => {
    const context = contextOf(USER, answer, { params: { refresh_token: 'R1' } });
    const grant = await oauth2AccessTokenRefresher.refresh(context);
    expect(context.requests).toEqual([
      {
        method: 'GET',
        path: '/sns/oauth2/refresh_token',
        query: { appid: 'wx1', grant_type: 'refresh_token', refresh_token: 'R1' },
      },
    ]);
    expect(grant).toMatchObject({ value: 'A', expiresInSeconds: 7200, refreshToken: 'R2', result: answer });
  });

  it('the 30 days of a refresh token count from the first use of one that the app holds', async () => {
    const first = await oauth2AccessTokenRefresher.refresh(
      contextOf(USER, answer, { params: { refresh_token: 'R1' } }),
    );
    expect(first.refreshTokenExpiresInSeconds).toBe(2_592_000);
    const later = await oauth2AccessTokenRefresher.refresh(contextOf(USER, answer, { stored: 'R1' }));
    expect(later).not.toHaveProperty('refreshTokenExpiresInSeconds');
  });

  it.each([undefined, null, ''])(
    'a refresh token of %j in the answer keeps the one that was sent',
    async (refresh_token) => {
      const context = contextOf(USER, { ...answer, refresh_token } as JsonObject, { stored: 'R1' });
      expect((await oauth2AccessTokenRefresher.refresh(context)).refreshToken).toBe('R1');
    },
  );

  it('an answer for another user is refused', async () => {
    const error = await failure(oauth2AccessTokenRefresher.refresh(contextOf(USER, { ...answer, openid: 'other' })));
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: true, subject: 'openid' });
    expect(error.message).toBe('the answer for oauth2_access_token has another openid than the one asked for');
  });

  it('a user token needs no subject, as with older servers', async () => {
    const context = contextOf(tokenKey('wx1', 'oauth2_access_token', undefined), answer, { stored: 'R1' });
    expect((await oauth2AccessTokenRefresher.refresh(context)).value).toBe('A');
  });
});

describe('component_access_token', () => {
  it('the request for a platform token has the secret and the ticket that it depends on', async () => {
    expect(componentAccessTokenRefresher.dependsOn?.(COMPONENT)).toEqual([
      { appid: 'wx1', type: 'component_verify_ticket' },
    ]);
    const context = contextOf(COMPONENT, { component_access_token: 'C', expires_in: 7200 });
    const grant = await componentAccessTokenRefresher.refresh(context);
    expect(context.requests).toEqual([
      {
        method: 'POST',
        path: '/cgi-bin/component/api_component_token',
        body: {
          component_appid: 'wx1',
          component_appsecret: 'S',
          component_verify_ticket: 'value of wx1/component_verify_ticket',
        },
      },
    ]);
    expect(context.offers).toEqual([['value of wx1/component_verify_ticket', undefined]]);
    expect(grant).toMatchObject({ value: 'C', expiresInSeconds: 7200 });
    expect(grant).not.toHaveProperty('refreshToken');
  });

  it('a platform token without a secret sends no request', async () => {
    const { app, ...context } = contextOf(COMPONENT, {});
    const error = await failure(
      componentAccessTokenRefresher.refresh({ ...context, app: { ...app, secret: undefined } }),
    );
    expect([error.code, context.requests]).toEqual(['INPUT_MISSING', []]);
  });
});

describe('authorizer_access_token', () => {
  const answer = { authorizer_access_token: 'A', expires_in: 7200, authorizer_refresh_token: 'R2' };
  const request = {
    method: 'POST',
    path: '/cgi-bin/component/api_authorizer_token',
    query: { component_access_token: 'value of wx1/component_access_token' },
    body: { component_appid: 'wx1', authorizer_appid: 'wx2', authorizer_refresh_token: 'R1' },
  };

  it('the request for an authorizer token has the stored refresh token and the platform token', async () => {
    expect(authorizerAccessTokenRefresher.dependsOn?.(MERCHANT)).toEqual([
      { appid: 'wx1', type: 'component_access_token' },
    ]);
    const context = contextOf(MERCHANT, answer, { params: { authorizer_refresh_token: 'R0' }, stored: 'R1' });
    const grant = await authorizerAccessTokenRefresher.refresh(context);
    expect(context.offers).toEqual([['R0', 'stored']]);
    expect(context.requests).toEqual([request]);
    expect(grant).toMatchObject({ value: 'A', expiresInSeconds: 7200, refreshToken: 'R2', result: answer });
  });

  it('an answer without a refresh token keeps the one that was sent', async () => {
    const { authorizer_refresh_token: _, ...without } = answer;
    expect(
      (await authorizerAccessTokenRefresher.refresh(contextOf(MERCHANT, without, { stored: 'R1' }))).refreshToken,
    ).toBe('R1');
  });

  it('the authorizer is taken from the params when there is no subject', async () => {
    const key = tokenKey('wx1', 'authorizer_access_token', undefined);
    const context = contextOf(key, answer, { params: { authorizer_appid: 'wx2' }, stored: 'R1' });
    await authorizerAccessTokenRefresher.refresh(context);
    expect(context.requests).toEqual([request]);
    const error = await failure(authorizerAccessTokenRefresher.refresh(contextOf(key, answer, { stored: 'R1' })));
    expect((error as unknown as InputMissing).error).toMatchObject({
      code: 'INPUT_MISSING',
      type: 'authorizer_access_token',
    });
  });

  it('an answer for another account is refused', async () => {
    const context = contextOf(MERCHANT, { ...answer, authorizer_appid: 'wx3' }, { stored: 'R1' });
    expect(await failure(authorizerAccessTokenRefresher.refresh(context))).toMatchObject({ code: 'UPSTREAM_REJECTED' });
  });
});

describe('component_verify_ticket', () => {
  it('a component_verify_ticket cannot be requested', async () => {
    const key = tokenKey('wx1', 'component_verify_ticket', undefined);
    const context = contextOf(key, {});
    expect(await failure(componentVerifyTicketRefresher.refresh(context))).toMatchObject({ code: 'INPUT_MISSING' });
    expect(context.requests).toEqual([]);
  });
});

it('createBuiltInRefreshers has every type of WeChat once', () => {
  expect(createBuiltInRefreshers({ random: () => 0 }).map(({ type }) => type)).toEqual([
    'access_token',
    'jsapi_ticket',
    'oauth2_access_token',
    'component_access_token',
    'authorizer_access_token',
    'wx_card_ticket',
    'component_verify_ticket',
  ]);
});
