/** The command was given something it cannot work with: one line that names it, and exit code 2. Anything else is 1. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}
