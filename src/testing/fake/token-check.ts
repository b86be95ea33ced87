import type { JsonObject } from '../../core/primitives/json.js';
import type { FakeRequest } from './call.js';
import { errorAnswer, type FakeState, overQuota } from './endpoint.js';

/** Returns the error that an app's call is answered with because of its access token or its quota; `undefined` for none. */
export function refuseToken(request: FakeRequest, state: FakeState): JsonObject | undefined {
  const token = request.query.get('access_token') ?? '';
  if (token === '') return errorAnswer(41001);
  if (state.tokens.isComponentToken(token)) return errorAnswer(40001);
  const tokenState = state.tokens.stateOf(token);
  if (tokenState === 'expired') return errorAnswer(42001);
  if (tokenState === 'invalid') return errorAnswer(40001);
  return overQuota(state.quotas.take(String(state.tokens.appidOf(token)), request.path));
}

/** Returns the appid for which the access token of a call was issued. */
export function ownerOfToken({ query }: FakeRequest, { tokens }: FakeState): string | undefined {
  return tokens.appidOf(query.get('access_token') ?? '');
}
