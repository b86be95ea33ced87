import { sql } from 'kysely';
import type { Clock } from '../../core/concurrency/clock.js';
import type { Database } from './database.js';

const EVERY_MS = 3_600_000;
const AGAIN_MS = 30_000;
const BATCH = 500;

/**
 * Removes rows without a document that have been unused for a week: those of deleted documents, and those that only had a
 * lease.
 */
export class GarbageCollection {
  readonly #database: Database;
  readonly #clock: Clock;
  #nextAt: number;
  #running: Promise<void> | undefined;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    // The first run is random, so that it is neither at the start nor at the same time in every process.
    this.#nextAt = clock.monotonic() + clock.random() * EVERY_MS;
  }

  /** Starts a run in the background if one is due. A failure is ignored until the next run. */
  beginIfDue(): void {
    if (this.#running !== undefined || this.#clock.monotonic() < this.#nextAt) return;
    this.#nextAt = this.#clock.monotonic() + EVERY_MS;
    this.#running = this.#collect()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when the current run has ended. The database of a closed store refuses further statements. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #collect(): Promise<void> {
    const { table, words } = this.#database;
    const isOver = sql`lane is null and due_at <= ${words.nowMs} and data is null and lease_until <= ${words.nowMs}`;
    const rows = await this.#database.rows(
      sql<{ readonly id: string }>`select id from ${table} where ${isOver} limit ${sql.lit(BATCH)}`,
    );
    if (rows.length === 0) return;
    await this.#database.run(
      sql`delete from ${table} where id in (${sql.join(rows.map(({ id }) => id))}) and ${isOver}`,
    );
    if (rows.length === BATCH) this.#nextAt = this.#clock.monotonic() + AGAIN_MS;
  }
}
