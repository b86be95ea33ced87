import { jsonObjectIn } from './request-text.js';
import { badRequest } from './route-failure.js';

/** An order that a caller may give instead of reading. */
export type RefreshOrder = { readonly stale: string } | { readonly force: true };

/** The forms that the body of an order may have. */
export const AN_ORDER = '{"stale":"<token>"} or {"force":true}';

/**
 * Returns the order that a body is; `undefined` for an empty one, or an object that holds neither name.
 *
 * @throws RouteFailure for any other body: what may have been meant as an order is never taken for a read.
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
