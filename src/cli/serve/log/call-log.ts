import type { Clock } from '../../../core/concurrency/clock.js';
import type { CallReport } from '../../../http/index.js';
import { LineLimit } from './line-limit.js';
import type { Log } from './log.js';

/**
 * Returns a function that logs the calls of WeChat's API that the server makes for programs. The lines of failures are limited in
 * number, because a program may repeat a call that fails as often as it likes.
 *
 * @param isEach - whether each call is logged, and not only those that fail.
 */
export function logCall(log: Log, clock: Clock, isEach: boolean): (report: CallReport) => void {
  const lines = new LineLimit(log, clock);
  return ({ keyId, failure, ...report }) => {
    const { errcode = 0 } = report;
    const fields = { key: keyId, ...report, error: failure };
    if (failure !== undefined || errcode !== 0) lines.write('warn', 'callFailed', fields);
    else if (isEach) log.info('called', fields);
  };
}
