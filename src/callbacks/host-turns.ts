import type { Clock } from '../core/concurrency/clock.js';
import { Slots } from '../core/concurrency/slots.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';

/** The limit of works under way for hosts that answered within 2 s the last time. */
const MAX_PROMPT = 64;
/** The limit for all other hosts, each of which has two: two hundred silent hosts keep none from another. */
const MAX_DOUBTFUL = 512;
const MAX_PER_DOUBTFUL_HOST = 2;
const PROMPT_MS = 2_000;
const MAX_REMEMBERED = 10_000;

interface Host {
  readonly slots: Slots;
  users: number;
}

/**
 * Lets a bounded number of works run at once, and fewer that concern the same host. A host that was slow the last time, or is
 * not known, has two places among those of its kind until it answers promptly, so that silent hosts hold up no other.
 */
export class HostTurns {
  readonly #prompt = new Slots(MAX_PROMPT);
  readonly #doubtful = new Slots(MAX_DOUBTFUL);
  readonly #hosts = new Map<string, Host>();
  /** Hosts that were prompt the last time. */
  readonly #answering = boundedCache<string, true>(MAX_REMEMBERED);
  readonly #maxPerHost: number;
  readonly #clock: Pick<Clock, 'monotonic'>;

  constructor(maxPerHost: number, clock: Pick<Clock, 'monotonic'>) {
    this.#maxPerHost = maxPerHost;
    this.#clock = clock;
  }

  /**
   * Does the work when it is its turn.
   *
   * @param host - name and port.
   *
   * @throws the signal's reason when that is aborted before.
   */
  async run<Result>(host: string, signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    const turns = this.#hosts.get(host) ?? { slots: new Slots(this.#placesOf(host)), users: 0 };
    this.#hosts.set(host, turns);
    turns.users += 1;
    const taken: (() => void)[] = [];
    try {
      // The host's comes first, so that those who wait for a slow host take no slot from the others.
      taken.push(await turns.slots.take(signal));
      taken.push(await (this.#answering.has(host) ? this.#prompt : this.#doubtful).take(signal));
      return await this.#timed(host, turns, signal, work);
    } finally {
      for (const giveBack of taken) giveBack();
      turns.users -= 1;
      if (turns.users === 0) this.#hosts.delete(host);
    }
  }

  /** Notes whether the host is prompt. A work that was given up says nothing of it. */
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
