import { sql } from 'kysely';
import type { Clock } from '../../core/concurrency/clock.js';
import type { Database } from './database.js';

const EVERY_MS = 3_600_000;
const AGAIN_MS = 30_000;
const BATCH = 500;

/** Removes rows without a document that have been unused for a week: those of deleted documents, and of mere leases. */
export class GarbageCollection {
  readonly #database: Database;
  readonly #clock: Clock;
  #nextAt: number;
  #running: Promise<void> | undefined;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    // Not right at the start, nor at the same time in every process.
    this.#nextAt = clock.monotonic() + clock.random() * EVERY_MS;
  }

  /** Begins it in the background if it is time; a failure is as good as nothing to collect. */
  beginIfDue(): void {
    if (this.#running !== undefined || this.#clock.monotonic() < this.#nextAt) return;
    this.#nextAt = this.#clock.monotonic() + EVERY_MS;
    this.#running = this.#collect()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when the statement that is under way has ended; the database of a closed store takes no further one. */
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
