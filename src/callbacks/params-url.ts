import { isTokenError, TokenError } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { TokenKey } from '../core/token-key.js';
import { withKeyInQuery } from './callback-query.js';
import type { GuardedAnswer, GuardedRequests } from './guarded-request.js';
import type { TypeNumbers } from './type-numbers.js';

/**
 * What the params URL of a task answers to a GET.
 *
 * @throws a `TokenError` with code `INPUT_MISSING` when that is not a JSON object, or `CLOSED`.
 */
export async function askParamsUrl(
  url: string,
  key: TokenKey,
  requests: GuardedRequests,
  typeNumbers: TypeNumbers,
): Promise<JsonObject> {
  const asked = withKeyInQuery(url, key, typeNumbers);
  const { status, body } = await send(asked, key, requests);
  if (status < 200 || status > 299) throw isNoInput(key, `${asked.host} answered with status ${status}`);
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    throw isNoInput(key, `${asked.host} answered with what is not JSON`);
  }
  if (!isJsonObject(answer)) throw isNoInput(key, `${asked.host} answered with JSON that is not an object`);
  return answer;
}

async function send(url: URL, key: TokenKey, requests: GuardedRequests): Promise<GuardedAnswer> {
  try {
    return await requests.request({ url, method: 'GET', headers: { accept: 'application/json' } });
  } catch (error) {
    if (!isTokenError(error) || error.code === 'CLOSED') throw error;
    throw isNoInput(key, error.message);
  }
}

function isNoInput(key: TokenKey, reason: string): TokenError {
  return new TokenError('INPUT_MISSING', `the params URL of this task is of no use now: ${reason}`, key);
}
