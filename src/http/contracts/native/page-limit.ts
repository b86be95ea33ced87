import { badRequest } from '../../routing/route-failure.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** Returns the number of items on a page of a list, by the value of `limit` in the query. */
export function limitIn(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw badRequest(`limit must be 1 to ${MAX_LIMIT}`);
  return limit;
}
