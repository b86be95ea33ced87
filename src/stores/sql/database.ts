import type { Kysely, QueryResult, RawBuilder } from 'kysely';
import { sql } from 'kysely';
import { type Clock, wait } from '../../core/concurrency/clock.js';
import { Semaphore } from '../../core/concurrency/semaphore.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';
import { DIALECTS, type DialectWords, type SqlDialect } from './sql-dialect.js';
import { type SqlFailure, sqlFailure } from './sql-failure.js';

/** The time for which a statement is retried, well below the two seconds that the manager allows for a command. */
const RETRY_FOR_MS = 1_200;
const FIRST_DELAY_MS = 10;
const MAX_DELAY_MS = 100;

/** Runs statements on the user's database, each in its own transaction, and knows its dialect and the name of the table. */
export class Database {
  readonly dialect: SqlDialect;
  readonly words: DialectWords;
  readonly table: RawBuilder<unknown>;
  readonly #kysely: Kysely<unknown>;
  readonly #clock: Clock;
  /** The slot for statements of SQLite, which runs them in this thread. Between two of them the event loop can do other work. */
  readonly #turns: Semaphore | undefined;
  /**
   * Whether a statement of SQLite may have been left in progress after it failed as busy. Later statements would not be
   * committed then.
   */
  #mayBeStuck = false;
  readonly #closing = new AbortController();

  constructor(kysely: Kysely<unknown>, dialect: SqlDialect, table: string, clock: Clock) {
    this.dialect = dialect;
    this.words = DIALECTS[dialect];
    this.table = sql.table(table);
    // Plugins, for example for renaming columns, are meant for the user's own tables.
    this.#kysely = kysely.withoutPlugins();
    this.#clock = clock;
    this.#turns = dialect === 'sqlite' ? new Semaphore(1) : undefined;
  }

  /** Refuses all further statements, including waiting ones, so that the user may destroy the Kysely instance. */
  close(): void {
    this.#closing.abort(new StoreFailure('the store is closed'));
  }

  /** Throws if the store is closed. */
  assertOpen(): void {
    this.#closing.signal.throwIfAborted();
  }

  async rows<Row>(statement: RawBuilder<Row>): Promise<Row[]> {
    return (await this.run(statement)).rows;
  }

  /**
   * Runs a statement. If it fails because of concurrent writes to the same rows, nothing was changed, and it is retried
   * for a while.
   *
   * @throws a `SqlFailure`; a `StoreFailure` once the store is closed, so that no statement follows the close.
   */
  async run<Row>(statement: RawBuilder<Row>): Promise<QueryResult<Row>> {
    const { signal } = this.#closing;
    const startedAt = this.#clock.monotonic();
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(MAX_DELAY_MS, 2 * delayMs)) {
      const outcome = await this.#once(statement);
      if (!('failure' in outcome)) return outcome;
      const elapsedMs = this.#clock.monotonic() - startedAt;
      if (outcome.failure.code !== 'BUSY' || elapsedMs > RETRY_FOR_MS) throw outcome.failure;
      await wait(this.#clock, this.#clock.random() * delayMs, { ref: true, signal });
    }
  }

  async #once<Row>(statement: RawBuilder<Row>): Promise<QueryResult<Row> | { readonly failure: SqlFailure }> {
    const { signal } = this.#closing;
    const giveBack = await this.#turns?.acquire(signal);
    try {
      if (this.#mayBeStuck) await this.#assertCommits();
      signal.throwIfAborted();
      return await statement.execute(this.#kysely);
    } catch (error) {
      if (signal.aborted && error === signal.reason) throw error;
      const failure = sqlFailure(error, this.#parametersOf(statement));
      if (this.dialect === 'sqlite' && failure.code === 'BUSY') this.#mayBeStuck = true;
      return { failure };
    } finally {
      if (giveBack !== undefined) setImmediate(giveBack);
    }
  }

  #parametersOf(statement: RawBuilder<unknown>): readonly unknown[] {
    try {
      return statement.compile(this.#kysely).parameters;
    } catch {
      return [];
    }
  }

  /** Asserts that the driver commits, with an empty transaction that does not block other connections. */
  async #assertCommits(): Promise<void> {
    await this.#kysely.connection().execute(async (connection) => {
      await sql`begin`.execute(connection);
      try {
        await sql`commit`.execute(connection);
      } catch (error) {
        await sql`rollback`.execute(connection);
        throw error;
      }
    });
    this.#mayBeStuck = false;
  }
}
