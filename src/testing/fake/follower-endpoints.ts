import type { JsonObject } from '../../core/primitives/json.js';
import { errorAnswer, type FakeEndpoint, textOf } from './endpoint.js';
import { ownerOfToken, refusePost, refuseToken } from './token-check.js';

/** The followers that every app of the fake has. */
const FOLLOWERS: readonly string[] = ['oFollower-1', 'oFollower-2'];

const list: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  answer: (request, state) => refuseToken(request, state) ?? followers(),
};

const info: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  subject: ({ query }) => query.get('openid') ?? undefined,
  answer(request, state) {
    const refusal = refuseToken(request, state);
    if (refusal !== undefined) return refusal;
    const openid = request.query.get('openid') ?? '';
    if (openid === '') return errorAnswer(40003, 'invalid openid');
    return { subscribe: FOLLOWERS.includes(openid) ? 1 : 0, openid };
  },
};

const sendMessage: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  subject: ({ body }) => textOf(body?.['touser']) ?? undefined,
  answer(request, state) {
    const { query, body = {} } = request;
    const openid = textOf(body['touser']) ?? undefined;
    const refusal =
      refusePost(request, state) ?? (openid === undefined ? errorAnswer(40003, 'invalid openid') : undefined);
    const answer = refusal ?? { errcode: 0, errmsg: 'ok' };
    const [token, appid] = [query.get('access_token') ?? '', ownerOfToken(request, state)];
    state.customMessages.record({ token, appid, openid, body, errcode: Number(answer['errcode']) });
    return answer;
  },
};

export const FOLLOWER_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/cgi-bin/user/get', list],
  ['/cgi-bin/user/info', info],
  ['/cgi-bin/message/custom/send', sendMessage],
];

function followers(): JsonObject {
  const { length } = FOLLOWERS;
  return {
    total: length,
    count: length,
    data: { openid: [...FOLLOWERS] },
    next_openid: FOLLOWERS[length - 1] as string,
  };
}
