import type { TokenError } from './errors.js';

/** Reports that an input of a refresh is missing. It never counts as a failure of the key itself. */
export class InputMissing extends Error {
  readonly #isOurs = true;
  readonly error: TokenError;

  /**
   * Returns whether a thrown value is an error of this class. Unlike `instanceof`, the check cannot be deceived by a
   * value that a refresher throws.
   */
  static is(thrown: unknown): thrown is InputMissing {
    return typeof thrown === 'object' && thrown !== null && #isOurs in thrown;
  }

  constructor(error: TokenError) {
    super(error.message);
    this.error = error;
  }
}
