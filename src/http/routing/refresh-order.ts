import { jsonObjectIn } from './request-text.js';
import { badRequest } from './route-failure.js';

/** An order to refresh, which a caller may send instead of a plain read. */
export type RefreshOrder = { readonly stale: string } | { readonly force: true };

/** The forms that the body of an order may have. */
export const AN_ORDER = '{"stale":"<token>"} or {"force":true}';

/**
 * Returns the order in a body; `undefined` for an empty body, or an object with neither name.
 *
 * @throws RouteFailure for any other body, so that a malformed order is not treated as a read.
 */
export function refreshOrderIn(text: string): RefreshOrder | undefined {
  if (text === '') return undefined;
  const body = jsonObjectIn(text);
  if (!Object.hasOwn(body, 'stale') && !Object.hasOwn(body, 'force')) return undefined;
  const { stale, force } = body;
  if (Object.keys(body).length === 1) {
    if (typeof stale === 'string' && stale !== '') return { stale };
    if (force === true) return { force };
  }
  throw badRequest(`a body that orders a refresh must be exactly ${AN_ORDER}`);
}
