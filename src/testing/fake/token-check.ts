import type { JsonObject } from '../../core/primitives/json.js';
import type { FakeRequest } from './call.js';
import { errorAnswer, type FakeState, overQuota } from './endpoint.js';

/** Returns the error for a call whose access token is invalid or whose app exceeds its quota; `undefined` for none. */
export function refuseToken(request: FakeRequest, state: FakeState): JsonObject | undefined {
  const token = request.query.get('access_token') ?? '';
  if (token === '') return errorAnswer(41001);
  if (state.tokens.isComponentToken(token)) return errorAnswer(40001);
  const tokenState = state.tokens.stateOf(token);
  if (tokenState === 'expired') return errorAnswer(42001);
  if (tokenState === 'invalid') return errorAnswer(40001);
  return overQuota(state.quotas.take(String(state.tokens.appidOf(token)), request.path));
}

/** Returns the error for a call with a JSON body; `undefined` for none. */
export function refusePost(request: FakeRequest, state: FakeState): JsonObject | undefined {
  if (request.method !== 'POST') return errorAnswer(43002);
  return refuseToken(request, state) ?? (request.body === undefined ? errorAnswer(47001) : undefined);
}

/** Returns the appid to which the access token of a call belongs. */
export function ownerOfToken({ query }: FakeRequest, { tokens }: FakeState): string | undefined {
  return tokens.appidOf(query.get('access_token') ?? '');
}
