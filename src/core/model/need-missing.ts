import type { TokenError } from './errors.js';

/** Something that a refresh needs could not be had: never a failure of the key itself. */
export class NeedMissing extends Error {
  readonly #isOurs = true;
  readonly error: TokenError;

  /** Unlike `instanceof` it cannot be led astray by what a refresher throws. */
  static is(thrown: unknown): thrown is NeedMissing {
    return typeof thrown === 'object' && thrown !== null && #isOurs in thrown;
  }

  constructor(error: TokenError) {
    super(error.message);
    this.error = error;
  }
}
