import type { AnswerGrant, FieldNames, Grant } from '../model/refresher.js';
import { copyField, readFields } from '../primitives/assert-options.js';
import { assertNoStrayCharacter } from '../primitives/stray-characters.js';

/** Reports an invalid field of a grant, in this library's own words and without the value, which may be a secret. */
export class InvalidGrant extends TypeError {}

const NAMES = [
  'value',
  'expiresInSeconds',
  'obtainedAt',
  'dueInSeconds',
  'refreshToken',
  'refreshTokenExpiresInSeconds',
  'scope',
  'result',
] as const satisfies readonly (keyof Grant)[];

/** The fields of a grant as they were given: unchecked, and each read only once. */
export type GivenGrant = { readonly [name in keyof Grant]?: unknown } & {
  /** The names that the fields of the grant have in WeChat's answer. */
  readonly fieldNames?: FieldNames;
};

/**
 * Returns the fields of a grant that a caller puts.
 *
 * @throws TypeError if the value is not a grant, a field cannot be read, a token begins or ends with characters that
 *   were copied along with it, or a name is unknown: a misspelt refresh token must not be dropped silently.
 */
export function readGivenGrant(grant: unknown): GivenGrant {
  const fields = readFields<GivenGrant>(grant, NAMES, 'a grant');
  for (const name of ['value', 'refreshToken'] as const) {
    const token = fields[name];
    if (typeof token === 'string') assertNoStrayCharacter(`a grant's ${name}`, token);
  }
  return fields;
}

/**
 * The fields of a grant that a refresher returned. Unreadable fields are left out, and `problem` names the first of
 * them: the refresh token may be the only valid one, whatever is wrong with the other fields.
 */
export interface ReturnedGrant {
  readonly grant: GivenGrant;
  readonly problem: InvalidGrant | undefined;
}

export function readReturnedGrant(returned: unknown): ReturnedGrant {
  const grant: GivenGrant = {};
  let problem: InvalidGrant | undefined;
  for (const name of [...NAMES, 'fieldNames'] as const satisfies readonly (keyof AnswerGrant)[]) {
    try {
      Object.assign(grant, copyField<GivenGrant>(returned, name, 'a grant'));
    } catch (error) {
      problem ??= new InvalidGrant((error as TypeError).message);
    }
  }
  return { grant, problem };
}
