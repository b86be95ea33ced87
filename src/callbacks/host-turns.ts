import type { Clock } from '../core/concurrency/clock.js';
import { Semaphore } from '../core/concurrency/semaphore.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';

/** The limit of concurrent calls to hosts whose last answer took less than 2 s. */
const MAX_PROMPT = 64;
/**
 * The limit of concurrent calls to all other hosts. Each of them has two slots, so that it takes more than two hundred
 * unresponsive hosts to delay another one.
 */
const MAX_DOUBTFUL = 512;
const MAX_PER_DOUBTFUL_HOST = 2;
const PROMPT_MS = 2_000;
const MAX_REMEMBERED = 10_000;

interface Host {
  readonly slots: Semaphore;
  users: number;
}

/**
 * Limits the calls that run at once, in total and for each host. A host that is unknown or was slow the last time has two
 * slots in a separate pool until it answers promptly, so that unresponsive hosts do not delay others.
 */
export class HostTurns {
  readonly #prompt = new Semaphore(MAX_PROMPT);
  readonly #doubtful = new Semaphore(MAX_DOUBTFUL);
  readonly #hosts = new Map<string, Host>();
  /** The hosts whose last answer was prompt. */
  readonly #answering = boundedCache<string, true>(MAX_REMEMBERED);
  readonly #maxPerHost: number;
  readonly #clock: Pick<Clock, 'monotonic'>;

  constructor(maxPerHost: number, clock: Pick<Clock, 'monotonic'>) {
    this.#maxPerHost = maxPerHost;
    this.#clock = clock;
  }

  /**
   * Runs a call as soon as there is a free slot.
   *
   * @param host - the name and the port.
   *
   * @throws the signal's reason when it is aborted before the call has begun.
   */
  async run<Result>(host: string, signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    const turns = this.#hosts.get(host) ?? { slots: new Semaphore(this.#placesOf(host)), users: 0 };
    this.#hosts.set(host, turns);
    turns.users += 1;
    const taken: (() => void)[] = [];
    try {
      // The slot of the host is acquired first, so that calls that wait for a slow host hold no slot of the shared pool.
      taken.push(await turns.slots.acquire(signal));
      taken.push(await (this.#answering.has(host) ? this.#prompt : this.#doubtful).acquire(signal));
      return await this.#timed(host, turns, signal, work);
    } finally {
      for (const giveBack of taken) giveBack();
      turns.users -= 1;
      if (turns.users === 0) this.#hosts.delete(host);
    }
  }

  /** Runs a call and records whether the host is prompt. An aborted call tells nothing about the host. */
  async #timed<Result>(
    host: string,
    { slots }: Host,
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const beganAt = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      const isPrompt = this.#clock.monotonic() - beganAt < PROMPT_MS;
      if (!isPrompt) this.#answering.delete(host);
      else if (signal?.aborted !== true) this.#answering.set(host, true);
      slots.resize(this.#placesOf(host));
    }
  }

  #placesOf(host: string): number {
    return this.#answering.has(host) ? this.#maxPerHost : Math.min(this.#maxPerHost, MAX_PER_DOUBTFUL_HOST);
  }
}
