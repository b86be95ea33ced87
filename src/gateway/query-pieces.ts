import { carriesToken, type TokenParameter } from '../wechat/token-parameter.js';

/** The characters that a query may have. Others are refused, because programs disagree on their meaning. */
const PLAIN_QUERY = /^[\x21\x22\x24-\x7e]*$/;

/** The limit of the parameters of a query, each of which is decoded before the credential of the caller is known. */
const MAX_PIECES = 256;

/** Returns whether a raw query has at most 256 parameters. No call of WeChat's API has as many. */
export function hasFewPieces(query: string): boolean {
  let pieces = 1;
  for (let at = query.indexOf('&'); at !== -1 && pieces <= MAX_PIECES; at = query.indexOf('&', at + 1)) pieces += 1;
  return pieces <= MAX_PIECES;
}

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
    .filter((piece) => !carriesToken(piece))
    .join('&');
}

/** Returns whether a query needs to be taken apart. Most queries have no encoded characters and name no token. */
function mayHoldToken(query: string): boolean {
  return query !== '' && /%|\+|token/i.test(query);
}
