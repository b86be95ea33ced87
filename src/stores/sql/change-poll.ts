import type { Clock, ClockTimer } from '../../core/concurrency/clock.js';
import type { ChangeListener } from '../../core/model/store.js';

export interface Change {
  readonly id: string;
  readonly version: number;
}

export interface Changes {
  /** The database's time of the poll. */
  readonly now: number;
  readonly changes: readonly Change[];
}

export interface ChangePollParts {
  readonly clock: Clock;
  /** Reads at most `limit` changes from after `since` until now, by the database's clock. */
  readonly read: (since: number, limit: number) => Promise<Changes>;
  readonly changed: ChangeListener;
}

const POLL_MS = 500;
/** The shortest interval between two polls, even if changes are notified. */
const MIN_GAP_MS = 50;
/**
 * The time for which a poll looks back, because a statement that takes long to commit has an earlier time than changes
 * that were already seen.
 */
const OVERLAP_MS = 5_000;
const MAX_CHANGES = 1_000;

/** Polls the changed documents twice a second. */
export class ChangePoll {
  readonly #parts: ChangePollParts;
  /** The database's time of the last poll. */
  #lookedAt = 0;
  /** The database's time from which the next poll reads changes. */
  #since = 0;
  /** The versions that have been seen after that time, by id. */
  #seen: ReadonlyMap<string, number> = new Map();
  #timer: ClockTimer | undefined;
  #pollAt = 0;
  #polledAt = Number.NEGATIVE_INFINITY;
  #polling: Promise<void> | undefined;
  #wakened = false;
  #lost = false;
  #ended = false;

  private constructor(parts: ChangePollParts) {
    this.#parts = parts;
  }

  /** Starts to poll. Changes before the promise resolves are not reported. */
  static async start(parts: ChangePollParts): Promise<ChangePoll> {
    const poll = new ChangePoll(parts);
    const { now } = await parts.read(Number.MAX_SAFE_INTEGER, 1);
    poll.#remember(await parts.read(now - OVERLAP_MS, MAX_CHANGES), MAX_CHANGES);
    poll.#schedule(POLL_MS);
    return poll;
  }

  /** Polls at once, after a change notification. */
  wake(): void {
    this.#wakened = true;
    if (this.#ended || this.#polling !== undefined) return;
    this.#schedule(Math.max(0, this.#polledAt + MIN_GAP_MS - this.#parts.clock.monotonic()));
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    await this.#polling;
  }

  /** Sets the timer, unless it already expires earlier. */
  #schedule(delayMs: number): void {
    const at = this.#parts.clock.monotonic() + delayMs;
    if (this.#timer !== undefined && this.#pollAt <= at) return;
    this.#timer?.cancel();
    this.#pollAt = at;
    this.#timer = this.#parts.clock.setTimer(() => this.#poll(), delayMs);
  }

  #poll(): void {
    this.#timer = undefined;
    this.#wakened = false;
    this.#polledAt = this.#parts.clock.monotonic();
    this.#polling = this.#look()
      .catch(() => {
        this.#lost = true;
      })
      .finally(() => {
        this.#polling = undefined;
        if (!this.#ended) this.#schedule(this.#wakened ? MIN_GAP_MS : POLL_MS);
      });
  }

  async #look(): Promise<void> {
    const limit = this.#seen.size + MAX_CHANGES + 1;
    const found = await this.#parts.read(this.#since, limit);
    const seen = this.#seen;
    const isWhole = this.#remember(found, limit);
    const isLost = this.#lost || !isWhole;
    this.#lost = false;
    if (isLost) this.#tell(undefined);
    else for (const { id, version } of found.changes) if (seen.get(id) !== version) this.#tell(id, version);
  }

  /**
   * Records the result of a poll. If not all changes were read, because of the limit or because the database's clock was
   * set back, it is unknown which have been seen. The next poll then begins at the time of this one.
   *
   * @returns whether all changes were read.
   */
  #remember({ now, changes }: Changes, limit: number): boolean {
    const isWhole = changes.length < limit && now >= this.#lookedAt;
    this.#lookedAt = now;
    this.#since = isWhole ? Math.max(this.#since, now - OVERLAP_MS) : now - 1;
    this.#seen = new Map(isWhole ? changes.map(({ id, version }) => [id, version]) : []);
    return isWhole;
  }

  #tell(id: string | undefined, version?: number): void {
    if (!this.#ended) this.#parts.changed(id, version);
  }
}
