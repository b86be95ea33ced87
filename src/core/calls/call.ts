import type { ResponseReading } from './response-beginning.js';
import { type CallOutcome, isStaleAnswer } from './stale-answer.js';

/**
 * Returns whether the outcome of a call means that its token was stale.
 *
 * @public
 */
export type IsStale = (outcome: CallOutcome) => boolean | Promise<boolean>;

export interface CallParts<Result> {
  readonly token: string;
  readonly run: (token: string) => Result | Promise<Result>;
  /** The rule that the caller has given in place of {@link isStaleAnswer}. */
  readonly isStale: IsStale | undefined;
  readonly reading: ResponseReading;
  /** Reports the token as stale and returns the current one. */
  readonly replace: (stale: string) => Promise<string>;
}

/** Runs the call, and repeats it once with another token if its outcome means that the first one was stale. */
export async function callWithToken<Result>({
  token,
  run,
  reading,
  isStale = (outcome) => isStaleAnswer(outcome, reading),
  replace,
}: CallParts<Result>): Promise<Result> {
  const outcome = await outcomeOf(() => run(token));
  const wasStale: boolean = await Promise.resolve(
    isStale('error' in outcome ? { error: outcome.error } : { result: outcome.result }),
  );
  if (!wasStale) return unwrap(outcome);
  const fresh = await replace(token);
  return fresh === token ? unwrap(outcome) : run(fresh);
}

type Outcome<Result> = { readonly result: Result } | { readonly error: unknown };

async function outcomeOf<Result>(run: () => Result | Promise<Result>): Promise<Outcome<Result>> {
  try {
    return { result: await run() };
  } catch (error) {
    return { error };
  }
}

function unwrap<Result>(outcome: Outcome<Result>): Result {
  if ('error' in outcome) throw outcome.error;
  return outcome.result;
}
