import type { AnswerGrant, FieldNames, Grant } from '../model/refresher.js';
import { copyField, readFields } from '../primitives/assert-options.js';
import { assertNoStrayCharacter } from '../primitives/stray-characters.js';

/** Says what is wrong with a grant, in words of ours and without its value. */
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

/** The fields of a grant as they were given: unchecked, and each read once. */
export type GivenGrant = { readonly [name in keyof Grant]?: unknown } & {
  /** The names of the fields in the answer that the grant comes from. */
  readonly fieldNames?: FieldNames;
};

/**
 * Returns the fields of a grant that a caller puts.
 *
 * @throws TypeError for what is no grant, for a field that cannot be read, for a token with characters at its ends that were
 *   copied along with it, and for a name that is not known: a caller who misspells the refresh token must not lose it
 *   unnoticed.
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
 * The fields of a grant that a refresher returned. Those that cannot be read are left out, and `problem` names the first of
 * them: the refresh token may be the only good one, whatever is wrong with the rest.
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
