/** What was known when a refresh was forced: only a fetch that began later is its answer. */
export interface Force {
  /** When it was forced, in epoch milliseconds. */
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
