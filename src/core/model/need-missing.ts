import type { TokenError } from './errors.js';

/** Reports that something a refresh needs could not be had, which is never a failure of the key itself. */
export class NeedMissing extends Error {
  readonly #isOurs = true;
  readonly error: TokenError;

  /** Tells whether this is such an error: unlike `instanceof`, it cannot be misled by what a refresher throws. */
  static is(thrown: unknown): thrown is NeedMissing {
    return typeof thrown === 'object' && thrown !== null && #isOurs in thrown;
  }

  constructor(error: TokenError) {
    super(error.message);
    this.error = error;
  }
}
