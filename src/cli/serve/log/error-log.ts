import type { Clock } from '../../../core/concurrency/clock.js';
import { boundedCache } from '../../../core/primitives/bounded-cache.js';
import { failureText } from '../../failures/failure-text.js';
import { LineLimit } from './line-limit.js';
import type { Log } from './log.js';

const MAX_TEXTS = 100;

/**
 * Returns a function that logs the errors of the server. Each text has a limit of its own, because anyone's pushes cause the same
 * error again and again while the store is slow, which must not hide another one.
 */
export function logErrors(log: Log, clock: Clock): (error: Error) => void {
  const limits = boundedCache<string, LineLimit>(MAX_TEXTS);
  return (error) => {
    const text = failureText(error);
    let lines = limits.get(text);
    if (lines === undefined) limits.set(text, (lines = new LineLimit(log, clock)));
    lines.write('error', 'serverError', { error: text, stack: error.stack });
  };
}
