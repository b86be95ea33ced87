import type { JsonObject, JsonValue } from '../../core/primitives/json.js';
import type { FakeAccount } from '../accounts/account-book.js';
import type { FakeRequest } from './call.js';
import { errorAnswer, type FakeEndpoint, textOf } from './endpoint.js';
import { authorizerOf, componentOf, refuseComponentCall } from './token-check.js';

const CODE_REFUSALS = { unknown: 61009, used: 61009, expired: 61010 } as const;
const REFRESH_TOKEN_REFUSALS = { unauthorized: 61003, withdrawn: 61003, unknown: 61023, expired: 61023 } as const;
const MAX_PAGE = 500;
const SERVICE_TYPES = { subscription: 0, service: 2, 'mini-program': 0 } as const;

const authorizerToken: FakeEndpoint = {
  tokenType: () => 'authorizer_access_token',
  appid: componentOf,
  subject: authorizerOf,
  answer(request, state) {
    const refusal = refuseComponentCall(request, state);
    if (refusal !== undefined) return refusal;
    const refreshToken = textOf(request.body?.['authorizer_refresh_token']) ?? '';
    const issue = state.platforms.authorizerToken(platformOf(request), merchantOf(request), refreshToken);
    if (typeof issue === 'string') return errorAnswer(REFRESH_TOKEN_REFUSALS[issue]);
    return {
      authorizer_access_token: issue.value,
      expires_in: issue.expiresInSeconds,
      authorizer_refresh_token: issue.refreshToken,
    };
  },
};

const queryAuth: FakeEndpoint = {
  tokenType: () => 'authorizer_access_token',
  appid: componentOf,
  subject: ({ body }, { platforms }) => platforms.codes.ownerOf(textOf(body?.['authorization_code']) ?? '')?.merchant,
  answer(request, state) {
    const refusal = refuseComponentCall(request, state);
    if (refusal !== undefined) return refusal;
    const code = textOf(request.body?.['authorization_code']) ?? '';
    const exchanged = state.platforms.exchangeCode(platformOf(request), code);
    if (typeof exchanged === 'string') return errorAnswer(CODE_REFUSALS[exchanged]);
    const { merchant, issue } = exchanged;
    return {
      authorization_info: {
        authorizer_appid: merchant,
        ...(issue && {
          authorizer_access_token: issue.value,
          expires_in: issue.expiresInSeconds,
          authorizer_refresh_token: issue.refreshToken,
        }),
        func_info: functionsOf(state.accounts.accountOf(merchant)),
      },
    };
  },
};

const authorizerInfo: FakeEndpoint = {
  tokenType: () => undefined,
  appid: componentOf,
  subject: authorizerOf,
  answer(request, state) {
    const refusal = refuseComponentCall(request, state);
    if (refusal !== undefined) return refusal;
    const authorization = state.platforms.find(platformOf(request), merchantOf(request));
    if (authorization === undefined) return errorAnswer(61003);
    const account = state.accounts.accountOf(authorization.merchant);
    return {
      authorizer_info: authorizerInfoOf(account),
      authorization_info: {
        authorizer_appid: authorization.merchant,
        authorizer_refresh_token: state.platforms.shownRefreshToken(authorization),
        func_info: functionsOf(account),
      },
    };
  },
};

const authorizerList: FakeEndpoint = {
  tokenType: () => undefined,
  appid: componentOf,
  answer(request, state) {
    const refusal = refuseComponentCall(request, state);
    if (refusal !== undefined) return refusal;
    const offset = wholeNumber(request.body?.['offset']);
    const count = wholeNumber(request.body?.['count']);
    if (offset === undefined || count === undefined) return errorAnswer(47001);
    if (count > MAX_PAGE) return errorAnswer(40170, 'args count exceed count limit');
    const authorizations = state.platforms.authorizationsOf(platformOf(request));
    const list = authorizations.slice(offset, offset + count).map((authorization) => ({
      authorizer_appid: authorization.merchant,
      refresh_token: state.platforms.shownRefreshToken(authorization),
      auth_time: Math.floor(authorization.authorizedAt / 1_000),
    }));
    return { total_count: authorizations.length, list };
  },
};

export const AUTHORIZER_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/cgi-bin/component/api_authorizer_token', authorizerToken],
  ['/cgi-bin/component/api_query_auth', queryAuth],
  ['/cgi-bin/component/api_get_authorizer_info', authorizerInfo],
  ['/cgi-bin/component/api_get_authorizer_list', authorizerList],
];

function platformOf(request: FakeRequest): string {
  return componentOf(request) ?? '';
}

function merchantOf(request: FakeRequest): string {
  return authorizerOf(request) ?? '';
}

function authorizerInfoOf({ kind, nickName, userName, principalName, status }: Required<FakeAccount>): JsonObject {
  return {
    nick_name: nickName,
    head_img: 'https://wx.qlogo.cn/mmopen/fake/0',
    service_type_info: { id: SERVICE_TYPES[kind] },
    verify_type_info: { id: 0 },
    user_name: userName,
    principal_name: principalName,
    // The presence of this field is what distinguishes a mini program.
    ...(kind === 'mini-program' && {
      MiniProgramInfo: {
        network: { RequestDomain: [], WsRequestDomain: [], UploadDomain: [], DownloadDomain: [] },
        categories: [],
        visit_status: 0,
      },
    }),
    account_status: status,
  };
}

function functionsOf({ permissions }: Required<FakeAccount>): JsonValue[] {
  return permissions.map((id) => ({
    funcscope_category: { id, type: 0, name: `Permission set ${id}`, desc: '' },
  }));
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}
