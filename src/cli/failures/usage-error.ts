import { isTypeError } from '../../core/primitives/foreign-objects.js';

/** Reports what the command was given and cannot work with: one line that names it, and exit code 2. Anything else is 1. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/**
 * Returns what `make` makes.
 *
 * @param reworded - what the message of its TypeError is to say to users of the command.
 * @throws UsageError instead of a TypeError.
 */
export function asUsage<Result>(
  make: () => Result,
  reworded: (message: string) => string = (message) => message,
): Result {
  try {
    return make();
  } catch (error) {
    if (isTypeError(error)) throw new UsageError(reworded(error.message));
    throw error;
  }
}
