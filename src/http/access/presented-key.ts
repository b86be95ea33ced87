const BEARER = /^bearer +(\S+)$/i;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Returns the key that an `Authorization` header brings: the token of Bearer, or the password of Basic. `undefined` without
 * a header, `''` for one that brings no key.
 */
export function presentedKey(authorization: string | undefined): string | undefined {
  const header = authorization?.trim();
  if (header === undefined || header === '') return undefined;
  const bearer = BEARER.exec(header)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = BASIC.exec(header)?.[1];
  return basic === undefined ? '' : passwordOf(Buffer.from(basic, 'base64').toString());
}

/** Returns the password of a pair: only it may hold colons (https://www.rfc-editor.org/rfc/rfc7617#section-2). */
function passwordOf(pair: string): string {
  const colon = pair.indexOf(':');
  return colon === -1 ? '' : pair.slice(colon + 1);
}
