import type { Clock } from './clock.js';
import { LookUpTurns } from './look-up-turns.js';
import { RateLimiter, RateLimiters } from './rate-limit.js';

/** The result of a read. One that has `failed` shows neither that something is there nor that nothing is. */
export type ReadOutcome = 'found' | 'vain' | 'failed';

export interface VainReadRates {
  readonly perSecond: number;
  /** The share of one sender, so that a flood from one address does not use up the reads of all others. */
  readonly perSecondOfSender: number;
}

/** The rates of reads for apps that are not in memory. */
export const APP_READ_RATES: VainReadRates = { perSecond: 20, perSecondOfSender: 10 };

interface Limit {
  readonly limiter: RateLimiter;
  readonly turns: LookUpTurns;
  readonly group: string;
  /** The outcomes after which a read counts for nothing. */
  readonly refunded: ReadonlySet<ReadOutcome>;
}

const MAX_SENDERS = 10_000;
/** The group of all reads, which share one limit. */
const ALL = '';
const OF_ALL: ReadonlySet<ReadOutcome> = new Set(['found']);
/** While the store fails, each sender has its share again when the store works. */
const OF_SENDER: ReadonlySet<ReadOutcome> = new Set(['found', 'failed']);

/**
 * Limits the reads of the store that senders cause without any credential, and that find nothing. Reads that find something count
 * for nothing, since what they find is in memory afterwards. Reads beyond the limit wait while others are in progress that may turn
 * out to have found something.
 */
export class VainReads {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #all: RateLimiter;
  readonly #turns: LookUpTurns;
  readonly #ofSenders: RateLimiters;
  readonly #turnsOfSenders: LookUpTurns;

  constructor(clock: Pick<Clock, 'monotonic' | 'setTimer'>, { perSecond, perSecondOfSender }: VainReadRates) {
    this.#clock = clock;
    this.#all = new RateLimiter(perSecond, perSecond);
    this.#turns = new LookUpTurns(clock);
    this.#ofSenders = new RateLimiters(perSecondOfSender, MAX_SENDERS, perSecondOfSender);
    this.#turnsOfSenders = new LookUpTurns(clock);
  }

  /**
   * Reads if the limits grant it.
   *
   * @param sender - the network of the sender; `''` if it is unknown, so that it has no share of its own.
   * @returns what `read` returns; `undefined` if no read is left.
   * @throws what `read` throws, which counts as a read that has failed.
   */
  run<Result>(
    sender: string,
    read: () => Promise<Result>,
    outcomeOf: (result: Result) => ReadOutcome,
  ): Promise<Result | undefined> {
    const all = { limiter: this.#all, turns: this.#turns, group: ALL, refunded: OF_ALL };
    const ofAll = (): Promise<Result | undefined> => this.#within(all, read, outcomeOf);
    if (sender === '') return ofAll();
    const limiter = this.#ofSenders.of(sender);
    const limit = { limiter, turns: this.#turnsOfSenders, group: sender, refunded: OF_SENDER };
    return this.#within(limit, ofAll, (result) => (result === undefined ? 'failed' : outcomeOf(result)));
  }

  async #within<Result>(
    { limiter, turns, group, refunded }: Limit,
    read: () => Promise<Result>,
    outcomeOf: (result: Result) => ReadOutcome,
  ): Promise<Result | undefined> {
    const begun = turns.begin(group, () => limiter.reserve(this.#clock.monotonic()) === 0);
    if (begun !== true && !(await begun)) return undefined;
    let outcome: ReadOutcome = 'failed';
    try {
      const result = await read();
      outcome = outcomeOf(result);
      return result;
    } finally {
      if (refunded.has(outcome)) limiter.refund();
      turns.end(group);
    }
  }
}
