import { unescape as unescapeQuery } from 'node:querystring';

/** The characters that a query may have. Others are refused, because programs disagree on their meaning. */
const PLAIN_QUERY = /^[\x21\x22\x24-\x7e]*$/;
/** The characters that some programs ignore in the name of a parameter, and the end of a name for programs written in C. */
const IGNORED = /\0.*$|[\s\p{Cc}]/gsu;

/** The names under which WeChat takes a token. */
const TOKEN_NAMES: ReadonlySet<string> = new Set(['access_token', 'component_access_token', 'authorizer_access_token']);

export type TokenParameter = 'access_token' | 'component_access_token';

/** Returns whether a raw query consists of printable ASCII characters other than `#`. */
export function isPlainQuery(query: string): boolean {
  return PLAIN_QUERY.test(query);
}

/**
 * Returns the query with the token in one parameter. Every spelling of a parameter that holds a token is removed; the other
 * parameters stay byte for byte, in their order.
 */
export function withToken(query: string, parameter: TokenParameter, token: string): string {
  const own = `${parameter}=${encodeURIComponent(token)}`;
  const others = withoutTokens(query);
  return others === '' ? own : `${own}&${others}`;
}

/** Returns the query without parameters that hold a token. */
export function withoutTokens(query: string): string {
  if (!mayHoldToken(query)) return query;
  return query
    .split('&')
    .filter((piece) => !TOKEN_NAMES.has(nameOf(piece)))
    .join('&');
}

/** Returns the decoded name of a raw piece of a query, in lower case and without ignored characters. */
function nameOf(piece: string): string {
  const end = piece.indexOf('=');
  const raw = end === -1 ? piece : piece.slice(0, end);
  return unescapeQuery(raw.replaceAll('+', ' ')).replace(IGNORED, '').toLowerCase();
}

/** Returns whether a query needs to be taken apart. Most queries have no encoded characters and name no token. */
function mayHoldToken(query: string): boolean {
  return query !== '' && /%|\+|token/i.test(query);
}
