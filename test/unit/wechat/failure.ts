import { inspect } from 'node:util';
import { expect } from 'vitest';
import type { TokenError } from '../../../src/core/model/errors.js';

/** What a promise rejects with. */
export function failure(promise: Promise<unknown>): Promise<TokenError> {
  return promise.then(
    (value) => expect.fail(`resolved with ${inspect(value)}`),
    (error: TokenError) => error,
  );
}

/** Everything that printing an error could show, its causes and hidden fields included. */
export function everythingShown(error: unknown): string {
  const { stack, message } = error as Error;
  return [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), String(error), stack, message].join(
    '\n',
  );
}
