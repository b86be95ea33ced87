import type { RequestContext } from './request-context.js';
import { badRequest } from './route-failure.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/**
 * Returns the largest number of entries that a request for a page of a list wants.
 *
 * @throws RouteFailure for a limit that is none.
 */
export function pageLimitIn(context: RequestContext): number {
  const text = context.query('limit');
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw badRequest(`limit must be 1 to ${MAX_LIMIT}`);
  return limit;
}
