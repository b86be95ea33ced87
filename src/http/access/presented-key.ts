const BEARER = /^bearer +(\S+)$/i;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Returns the key in an `Authorization` header: the token of Bearer, or the password of Basic. Without a header it
 * returns `undefined`, and `''` for a header without a key.
 */
export function presentedKey(authorization: string | undefined): string | undefined {
  const header = authorization?.trim();
  if (header === undefined || header === '') return undefined;
  const bearer = BEARER.exec(header)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = BASIC.exec(header)?.[1];
  return basic === undefined ? '' : passwordOf(Buffer.from(basic, 'base64').toString());
}

/**
 * Returns the password of a pair, which may contain colons, unlike the name
 * (https://www.rfc-editor.org/rfc/rfc7617#section-2).
 */
function passwordOf(pair: string): string {
  const colon = pair.indexOf(':');
  return colon === -1 ? '' : pair.slice(colon + 1);
}
