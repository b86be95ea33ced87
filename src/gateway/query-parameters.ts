import { unescape as unescapeQuery } from 'node:querystring';
import { carriesToken, IGNORED_IN_NAME, type TokenParameter } from '../wechat/token-parameter.js';

/** A token in a query. */
export interface PresentedToken {
  readonly parameter: TokenParameter;
  readonly value: string;
}

const ENCODED = /[%+]/;
const KIND = /component|authorizer/i;
/** The characters that may surround a name, such as the brackets of a list. */
const SURROUNDING = /^\W+|\W.*$/g;

/** Returns whether a raw query has a token, in any spelling of its name. */
export function hasToken(query: string): boolean {
  return pieces(query).some(carriesToken);
}

/** Returns the tokens in a raw query, in any spelling of their names. */
export function tokensIn(query: string): readonly PresentedToken[] {
  return pieces(query)
    .filter(carriesToken)
    .map((piece) => {
      const [name, value] = decoded(piece);
      const kind = KIND.exec(name)?.[0].toLowerCase();
      return { parameter: kind === undefined ? 'access_token' : (`${kind}_access_token` as TokenParameter), value };
    });
}

/** Returns the decoded values of a parameter in a raw query, in any spelling of its name that some program takes for it. */
export function valuesOf(query: string, name: string): readonly string[] {
  return pieces(query)
    .map(decoded)
    .filter(([found]) => found.replace(IGNORED_IN_NAME, '').replace(SURROUNDING, '').toLowerCase() === name)
    .map(([, value]) => value);
}

function pieces(query: string): readonly string[] {
  return query === '' ? [] : query.split('&');
}

function decoded(piece: string): readonly [name: string, value: string] {
  const end = piece.indexOf('=');
  return end === -1 ? [decode(piece), ''] : [decode(piece.slice(0, end)), decode(piece.slice(end + 1))];
}

function decode(text: string): string {
  return ENCODED.test(text) ? unescapeQuery(text.replaceAll('+', ' ')) : text;
}
