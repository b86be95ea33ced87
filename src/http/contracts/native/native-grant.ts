import type { Grant } from '../../../core/model/refresher.js';
import { isTypeError } from '../../../core/primitives/foreign-objects.js';
import type { JsonObject } from '../../../core/primitives/json.js';
import { badRequest } from '../../routing/route-failure.js';

/** The names of a grant's fields in a body and in the manager. Longer names come first, because they contain shorter ones. */
const FIELDS: readonly (readonly [wire: string, field: keyof Grant])[] = [
  ['refresh_token_expires_in', 'refreshTokenExpiresInSeconds'],
  ['expires_in', 'expiresInSeconds'],
  ['refresh_token', 'refreshToken'],
  ['obtained_at', 'obtainedAt'],
  ['scope', 'scope'],
  ['value', 'value'],
];

/**
 * Returns the grant in a body. The manager validates the fields. A null field counts as absent.
 *
 * @throws RouteFailure for an unknown name, since a misspelt refresh token must not be lost unnoticed.
 */
export function grantIn(body: JsonObject): Grant {
  const names = FIELDS.map(([wire]) => wire);
  if (Object.keys(body).some((name) => !names.includes(name))) {
    throw badRequest(`a grant may contain ${names.toReversed().join(', ')}, and nothing else`);
  }
  const given = FIELDS.filter(([wire]) => body[wire] != null);
  return Object.fromEntries(given.map(([wire, field]) => [field, body[wire]])) as unknown as Grant;
}

/** Returns the error with the field names of the body. */
export function withWireNames(error: unknown): unknown {
  if (!isTypeError(error)) return error;
  return badRequest(FIELDS.reduce((text, [wire, field]) => text.replaceAll(field, wire), error.message));
}
