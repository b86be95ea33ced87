import { unescape as unescapeQuery } from 'node:querystring';

/** The decoded name of a parameter that carries a token, with whatever may follow a name. */
const TOKEN_NAME = /^\W*(?:component_|authorizer_)?access_token(?!\w)/i;
/** A raw name that has only one spelling. */
const PLAIN_NAME = /^\w*$/;
/** The characters that some programs ignore within the name of a parameter. */
export const IGNORED_IN_NAME: RegExp = /[\s\p{Cc}]/gu;
/** The beginnings of the paths whose documents call the platform's token `component_access_token`. */
const COMPONENT_PATHS: readonly string[] = [
  '/cgi-bin/component/',
  '/sns/component/',
  '/sns/oauth2/component/',
  '/wxa/component/fastregisterpersonalweapp',
];

export type TokenParameter = 'access_token' | 'component_access_token' | 'authorizer_access_token';

/** Returns whether a raw piece of a query is a parameter that carries a token, in any spelling of its name. */
export function carriesToken(piece: string): boolean {
  const end = piece.indexOf('=');
  const raw = end === -1 ? piece : piece.slice(0, end);
  // Almost all names are plain, and need not be decoded.
  if (PLAIN_NAME.test(raw)) return TOKEN_NAME.test(raw);
  const name = unescapeQuery(raw.replaceAll('+', ' '));
  return TOKEN_NAME.test(name) || TOKEN_NAME.test(name.replace(IGNORED_IN_NAME, ''));
}

/**
 * Returns the parameter in which WeChat takes the token of a call. It does not follow from the path alone: calls for an
 * authorizer such as `/cgi-bin/component/setprivacysetting` carry the authorizer's token as `access_token`.
 */
export function tokenParameterOf(path: string, type: string): TokenParameter {
  const isOfComponent = type === 'component_access_token' && COMPONENT_PATHS.some((prefix) => path.startsWith(prefix));
  return isOfComponent ? 'component_access_token' : 'access_token';
}
