import { isTypeError } from '../../core/primitives/foreign-objects.js';

/**
 * Reports invalid input. It results in one line that names the input, and exit code 2. All other failures result in exit
 * code 1.
 */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/**
 * Calls `make`, and returns its result.
 *
 * @param reworded - rewords the message of the TypeError for users of the command.
 *
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
