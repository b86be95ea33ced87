import type { JsonObject } from '../../core/primitives/json.js';
import { errorAnswer, type FakeEndpoint, type FakeState, refuseApp } from './endpoint.js';
import type { FakeUser } from './user-book.js';

/** A kind of login with a code. */
interface CodeLogin {
  readonly tokenType?: string;
  /** The name of the query parameter with the code. */
  readonly parameter: string;
  /** The `errcode` for a code that has expired; the other refusals are the same everywhere. */
  readonly expired: number;
  answer(user: FakeUser, state: FakeState): JsonObject;
}

/** Creates the endpoint at which an app exchanges a code, which is valid once, for the grant of its user. */
export function codeLogin({ tokenType, parameter, expired, answer }: CodeLogin): FakeEndpoint {
  const refusals = { unknown: 40029, used: 40163, expired };
  return {
    tokenType: () => tokenType,
    appid: ({ query }) => query.get('appid') ?? undefined,
    subject: ({ query }, { users }) => users.userOf(query.get(parameter) ?? '')?.openid,
    answer(request, state) {
      const { query } = request;
      const appid = query.get('appid') || null;
      if (query.get('grant_type') !== 'authorization_code') return errorAnswer(40002);
      const refusal = refuseApp(request, state, appid, query.get('secret') || null);
      if (refusal !== undefined) return refusal;
      const code = query.get(parameter) ?? '';
      if (code === '') return errorAnswer(41008);
      const user = state.users.takeCode(String(appid), code);
      return typeof user === 'string' ? errorAnswer(refusals[user]) : answer(user, state);
    },
  };
}
