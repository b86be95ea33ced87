/** The state when a refresh was forced: only a fetch that began later answers it. */
export interface Force {
  /** The instant at which the refresh was forced, in epoch milliseconds. */
  readonly at: number;
  /** The version of the record then, in the store. */
  readonly version: number;
  /** The value that is to be replaced. */
  readonly value: string | undefined;
}

/** Returns whether a record was fetched after the refresh was forced, by any process, and replaces what was current then. */
export function isAnswerTo(
  force: Force,
  version: number,
  { obtainedAt, value }: { readonly obtainedAt: number; readonly value: string },
): boolean {
  return version > force.version && obtainedAt >= force.at && value !== force.value;
}
