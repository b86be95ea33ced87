import { isJsonObject } from '../../core/json.js';

/** What a caller may order instead of reading. */
export type RefreshOrder = { readonly stale: string } | { readonly force: true };

/** The order in a body that holds exactly one, and nothing else; `undefined` for any other body. */
export function refreshOrderIn(text: string): RefreshOrder | undefined {
  if (text === '') return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(body) || Object.keys(body).length !== 1) return undefined;
  const { stale, force } = body;
  if (typeof stale === 'string' && stale !== '') return { stale };
  return force === true ? { force } : undefined;
}
