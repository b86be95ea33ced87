import type { Clock } from '../concurrency/clock.js';
import { isTokenError, TOKEN_ERROR_CODES } from '../model/errors.js';
import type { Events } from '../model/events.js';
import type { Upstream } from '../model/refresher.js';
import { Counter, Histogram } from '../primitives/counters.js';

const OTHER_CODE = 'OTHER';

/** The bounds of the histogram, in seconds. A request is given up after 6 s, and repeated at most once. */
const SECONDS_OF_REQUESTS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];

/** Counts and times the work of this process since its start. */
export class Meters {
  readonly refreshes: Counter = new Counter();
  readonly refreshFailures: Counter = new Counter([...TOKEN_ERROR_CODES, OTHER_CODE].map((code) => ({ code })));
  readonly leaseContentions: Counter = new Counter([{}]);
  readonly deliveries: Counter = new Counter([{ outcome: 'delivered' }, { outcome: 'failed' }]);
  /** The durations of requests, by result: `answered`, or the code of the error. */
  readonly requests: Map<string, Histogram> = new Map([['answered', new Histogram(SECONDS_OF_REQUESTS)]]);

  listen(events: Events): void {
    events.on('refreshed', ({ type, source, reason }) => this.refreshes.add({ type, source, reason }));
    events.on('refreshFailed', ({ error }) => this.refreshFailures.add({ code: codeOf(error) }));
    events.on('delivered', () => this.deliveries.add({ outcome: 'delivered' }));
    events.on('deliveryFailed', () => this.deliveries.add({ outcome: 'failed' }));
  }

  /** Returns the same upstream with its requests timed. */
  timed(upstream: Upstream, clock: Pick<Clock, 'monotonic'>): Upstream {
    return {
      request: async (request, options) => {
        const startedAt = clock.monotonic();
        const end = (outcome: string): void => this.#requested(outcome, (clock.monotonic() - startedAt) / 1_000);
        try {
          const answer = await upstream.request(request, options);
          end('answered');
          return answer;
        } catch (error) {
          end(codeOf(error));
          throw error;
        }
      },
      close: () => upstream.close(),
    };
  }

  #requested(outcome: string, seconds: number): void {
    let histogram = this.requests.get(outcome);
    if (histogram === undefined) this.requests.set(outcome, (histogram = new Histogram(SECONDS_OF_REQUESTS)));
    histogram.observe(seconds);
  }
}

/** Returns the code of an error if it is one of this library's, and the same substitute for any other. */
function codeOf(error: unknown): string {
  return isTokenError(error) && TOKEN_ERROR_CODES.includes(error.code) ? error.code : OTHER_CODE;
}
