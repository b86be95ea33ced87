import { onAbort } from '../core/concurrency/abort-listeners.js';
import type { Clock } from '../core/concurrency/clock.js';
import { WaitingGroups } from '../core/concurrency/waiting-groups.js';
import type { TokenKey } from '../core/model/token-key.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';

/**
 * The limit of concurrent calls to hosts whose last answer took less than 2 s, the first two calls of each host. Hundreds of
 * such hosts may stop answering at the same time, and must not delay another one until that has been noticed.
 */
const MAX_PROMPT = 512;
/** The limit of concurrent further calls to these hosts. */
const MAX_FURTHER = 64;
/**
 * The limit of concurrent calls to all other hosts. Each of them has two slots, so that it takes more than two hundred
 * unresponsive hosts to delay another one.
 */
const MAX_DOUBTFUL = 512;
const FIRST_CALLS = 2;
const PROMPT_MS = 2_000;
const MAX_REMEMBERED = 10_000;

/** The bounds of calls that differ from those of callbacks. */
export interface HostBounds {
  /** The time within which an answer is prompt. Default: 2 s. */
  readonly promptMs?: number;
  /** The limit of concurrent further calls to prompt hosts. Default: 64. */
  readonly maxFurther?: number;
  /**
   * Whether the newest waiting call begins first while a host is not prompt: for calls that end at an instant which their
   * wait does not put off. The oldest has the least time left. If that is less than the host needs, a host that was slow
   * once is never seen to answer promptly again. Default: no.
   */
  readonly newestFirst?: boolean;
}

/** The turn that a call waits for. */
export interface HostTurn {
  /** The name and the port of the host. */
  readonly host: string;
  /** The group that the call belongs to. The calls of one group to a host do not hold up those of another. */
  readonly group: string;
}

/** Returns the turn that a call to a URL of a task waits for. The tasks of one app and type are a group. */
export function turnOf({ host }: URL, { appid, type }: TokenKey): HostTurn {
  return { host, group: `${appid}/${type}` };
}

/** A call that waits for a slot. */
interface WaitingCall {
  readonly group: string;
  readonly begin: (pool: Pool) => void;
}

/** The calls that share a limit. */
interface Pool {
  free: number;
  /** The hosts whose next call waits for a free slot, in the order of their turns. */
  readonly hosts: Set<Host>;
}

interface Host {
  readonly name: string;
  readonly waiting: WaitingGroups<WaitingCall>;
  underWay: number;
  /** The number of calls in progress that are not further ones. */
  first: number;
}

/**
 * Limits the calls that run at once, in total and for each host. A host that is unknown or was slow the last time has two
 * slots in a separate pool until it answers promptly, so that unresponsive hosts do not delay others. If a pool has no free
 * slot, hosts take turns; if a host has none, its groups do, since a host may answer one of them and leave another waiting.
 */
export class HostTurns {
  readonly #prompt = newPool(MAX_PROMPT);
  readonly #further: Pool;
  readonly #doubtful = newPool(MAX_DOUBTFUL);
  readonly #hosts = new Map<string, Host>();
  /** The hosts whose last answer was prompt. */
  readonly #answering = boundedCache<string, true>(MAX_REMEMBERED);
  readonly #maxPerHost: number;
  readonly #promptMs: number;
  readonly #newestFirst: boolean;
  readonly #clock: Pick<Clock, 'monotonic'>;

  constructor(maxPerHost: number, clock: Pick<Clock, 'monotonic'>, bounds: HostBounds = {}) {
    this.#maxPerHost = maxPerHost;
    this.#promptMs = bounds.promptMs ?? PROMPT_MS;
    this.#newestFirst = bounds.newestFirst ?? false;
    this.#further = newPool(bounds.maxFurther ?? MAX_FURTHER);
    this.#clock = clock;
  }

  /**
   * Runs a call as soon as there is a free slot.
   *
   * @throws the signal's reason when it is aborted before the call has begun.
   */
  async run<Result>(
    { host: name, group }: HostTurn,
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const host = this.#hosts.get(name) ?? newHost(name);
    this.#hosts.set(name, host);
    const pool = await this.#turn(host, group, signal);
    try {
      return await this.#timed(name, signal, work);
    } finally {
      this.#end(host, pool);
    }
  }

  /** Waits for a slot, and returns the pool that it belongs to. */
  #turn(host: Host, group: string, signal: AbortSignal | undefined): Promise<Pool> {
    return new Promise((resolve, reject) => {
      const begin = (pool: Pool): void => {
        endListening?.();
        resolve(pool);
      };
      const call: WaitingCall = { group, begin };
      const leave = (): void => {
        host.waiting.delete(call);
        this.#forgetIdle(host);
        reject(signal?.reason);
      };
      const endListening = signal === undefined ? undefined : onAbort(signal, leave);
      host.waiting.add(call);
      this.#beginNext(host);
    });
  }

  /** Begins the waiting calls of a host as far as there are free slots. */
  #beginNext(host: Host): void {
    while (host.waiting.size > 0) {
      const pool = this.#poolOf(host);
      if (pool === undefined) return;
      if (pool.free === 0) {
        pool.hosts.add(host);
        return;
      }
      host.underWay += 1;
      if (pool !== this.#further) host.first += 1;
      pool.free -= 1;
      const isNewest = this.#newestFirst && pool === this.#doubtful;
      (isNewest ? host.waiting.takeNewest() : host.waiting.take())?.begin(pool);
    }
  }

  /** Returns the pool in which the next call of a host has to find a slot; `undefined` while the host is at its limit. */
  #poolOf(host: Host): Pool | undefined {
    const isAnswering = this.#answering.has(host.name);
    if (host.underWay >= (isAnswering ? this.#maxPerHost : Math.min(this.#maxPerHost, FIRST_CALLS))) return undefined;
    if (!isAnswering) return this.#doubtful;
    return host.first < FIRST_CALLS ? this.#prompt : this.#further;
  }

  #end(host: Host, pool: Pool): void {
    host.underWay -= 1;
    if (pool !== this.#further) host.first -= 1;
    pool.free += 1;
    // A host that still has waiting calls goes to the end of the pool's queue, which a loop over the set reaches again.
    for (const next of pool.hosts) {
      if (pool.free === 0) break;
      pool.hosts.delete(next);
      this.#beginNext(next);
    }
    this.#beginNext(host);
    this.#forgetIdle(host);
  }

  #forgetIdle(host: Host): void {
    if (host.underWay > 0 || host.waiting.size > 0) return;
    this.#hosts.delete(host.name);
    for (const pool of [this.#prompt, this.#further, this.#doubtful]) pool.hosts.delete(host);
  }

  /** Runs a call and records whether the host is prompt. An aborted call tells nothing about the host. */
  async #timed<Result>(name: string, signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    const beganAt = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      const isPrompt = this.#clock.monotonic() - beganAt < this.#promptMs;
      if (!isPrompt) this.#answering.delete(name);
      else if (signal?.aborted !== true) this.#answering.set(name, true);
    }
  }
}

function newHost(name: string): Host {
  return { name, waiting: new WaitingGroups(({ group }) => group), underWay: 0, first: 0 };
}

function newPool(free: number): Pool {
  return { free, hosts: new Set() };
}
