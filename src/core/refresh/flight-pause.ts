import { type Clock, wait } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import type { Flight } from './single-flight.js';

interface PauseParts {
  readonly clock: Clock;
  readonly closing: Closing;
}

/**
 * Waits for `ms` milliseconds, a whole number of them and at least one, or until the flight is woken. If a caller waits, the
 * process is kept alive meanwhile.
 *
 * @throws a `TokenError` with code `CLOSED` once the closing has begun, which wakes every flight.
 */
export async function pauseFlight(flight: Flight<unknown>, { clock, closing }: PauseParts, ms: number): Promise<void> {
  closing.assertOpen();
  const over = new AbortController();
  const waited = wait(clock, Math.max(1, Math.ceil(ms)), { ref: flight.urgent, signal: over.signal }).catch(() => {});
  await Promise.race([waited, flight.woken()]);
  over.abort();
  closing.assertOpen();
}
