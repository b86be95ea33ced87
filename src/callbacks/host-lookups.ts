import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { type Clock, systemClock } from '../core/concurrency/clock.js';
import { Semaphore } from '../core/concurrency/semaphore.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';

/** Returns all addresses of a host. A look-up that has not begun when the signal is aborted is not made. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly LookupAddress[]>;

export interface HostLookupsParts {
  readonly lookup: (host: string) => Promise<readonly LookupAddress[]>;
  /** Returns whether the name servers answer for a host, without occupying a thread. */
  readonly isAnswered: (host: string) => Promise<boolean>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** The time after which a look-up counts as slow. */
const SLOW_MS = 2_000;
const MAX_REMEMBERED = 10_000;

/**
 * Looks up the hosts of callbacks, and leaves room for all other look-ups of the process. Node makes two at once, on
 * threads that cannot be interrupted, and one of a name whose servers are silent takes ten seconds or more: two such names
 * would keep WeChat and the database from being looked up.
 */
export class HostLookups {
  readonly #parts: HostLookupsParts;
  readonly #turn = new Semaphore(1);
  /** The number of look-ups that have the turn or wait for it. */
  #inTurn = 0;
  /** The hosts whose last look-up was slow. */
  readonly #slow = boundedCache<string, true>(MAX_REMEMBERED);

  constructor(parts: HostLookupsParts) {
    this.#parts = parts;
  }

  /** Looks up a host in turn, or at once if another look-up has the turn and this one will be quick. */
  async lookup(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    if (this.#inTurn > 0 && !this.#slow.has(host) && (await this.#parts.isAnswered(host))) {
      signal.throwIfAborted();
      return this.#timed(host);
    }
    this.#inTurn += 1;
    try {
      const release = await this.#turn.acquire(signal);
      // The turn ends with the look-up, although its caller may have given up long before.
      return await this.#timed(host).finally(release);
    } finally {
      this.#inTurn -= 1;
    }
  }

  async #timed(host: string): Promise<readonly LookupAddress[]> {
    const { clock } = this.#parts;
    const beganAt = clock.monotonic();
    try {
      return await this.#parts.lookup(host);
    } finally {
      if (clock.monotonic() - beganAt < SLOW_MS) this.#slow.delete(host);
      else this.#slow.set(host, true);
    }
  }
}

const PROBE_MS = 1_000;
/** The failures with which a name server says that a name, or an address of this kind, does not exist. */
const ANSWERS: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

/** The look-ups of this process. All managers share them, because they share the threads. */
const ofThisProcess = new HostLookups({
  lookup: (host) => lookup(host, { all: true }),
  async isAnswered(host) {
    const resolver = new Resolver({ timeout: PROBE_MS, tries: 1 });
    const answers = [resolver.resolve4(host), resolver.resolve6(host)].map((asked) =>
      asked.then(
        () => true,
        ({ code }: NodeJS.ErrnoException) => ANSWERS.has(code),
      ),
    );
    return (await Promise.all(answers)).every(Boolean);
  },
  clock: systemClock,
});

export const systemLookup: Lookup = (host, signal) => ofThisProcess.lookup(host, signal);
