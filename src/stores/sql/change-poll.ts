import type { Clock, ClockTimer } from '../../core/concurrency/clock.js';
import type { ChangeListener } from '../../core/model/store.js';

export interface Change {
  readonly id: string;
  readonly version: number;
}

export interface Changes {
  /** The database's clock as it looked. */
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
/** Word of a change makes it look at once, but not more often than this. */
const MIN_GAP_MS = 50;
/** A statement that took so long to commit bears an earlier time than others that were seen before it. */
const OVERLAP_MS = 5_000;
const MAX_CHANGES = 1_000;

/** Looks twice a second which documents have changed. */
export class ChangePoll {
  readonly #parts: ChangePollParts;
  /** By the database's clock. */
  #lookedAt = 0;
  /** The instant from which the next look reads changes. */
  #since = 0;
  /** The changes after that instant which have been seen: versions by id. */
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

  /** Changes from before it resolves are not told. */
  static async start(parts: ChangePollParts): Promise<ChangePoll> {
    const poll = new ChangePoll(parts);
    const { now } = await parts.read(Number.MAX_SAFE_INTEGER, 1);
    poll.#remember(await parts.read(now - OVERLAP_MS, MAX_CHANGES), MAX_CHANGES);
    poll.#schedule(POLL_MS);
    return poll;
  }

  /** Looks at once: there is word of a change. */
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

  /** Sets a timer; an earlier one that is set already stays. */
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
   * Notes what a look has found. Of what was not read, beyond the limit or because the database's clock was set back,
   * nothing can be told apart later: then the next look begins with the millisecond in which this one was.
   *
   * @returns whether everything was read.
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
