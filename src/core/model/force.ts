/** The state of a key when a refresh was forced. Only a token that was requested later satisfies it. */
export interface Force {
  /** The instant at which the refresh was forced, in epoch milliseconds. */
  readonly at: number;
  /** The version of the stored record at that time. */
  readonly version: number;
  /** The value of the token that has to be replaced. */
  readonly value: string | undefined;
}

/**
 * Returns whether a record, from any process, was requested after the refresh was forced and replaces the token that
 * was current then.
 */
export function isAnswerTo(
  force: Force,
  version: number,
  { obtainedAt, value }: { readonly obtainedAt: number; readonly value: string },
): boolean {
  return version > force.version && obtainedAt >= force.at && value !== force.value;
}
