import type { Kysely, QueryResult, RawBuilder } from 'kysely';
import { sql } from 'kysely';
import { type Clock, wait } from '../../core/clock.js';
import { Slots } from '../../core/slots.js';
import { DIALECTS, type DialectWords, type SqlDialect } from './sql-dialect.js';
import { type SqlFailure, sqlFailure } from './sql-failure.js';

/** Well within the two seconds that the manager gives a command. */
const RETRY_FOR_MS = 1_200;
const FIRST_DELAY_MS = 10;
const MAX_DELAY_MS = 100;

/** The user's database: its dialect, the name of the table, and a way to run statements, each a transaction of its own. */
export class Database {
  readonly dialect: SqlDialect;
  readonly words: DialectWords;
  readonly table: RawBuilder<unknown>;
  readonly #kysely: Kysely<unknown>;
  readonly #clock: Clock;
  /** SQLite does its work in this thread: one statement at a time, and a turn for everything else between two of them. */
  readonly #turns: Slots | undefined;
  /** A statement of SQLite has failed busy, and perhaps has been left in progress: then nothing is committed after it. */
  #mayBeStuck = false;

  constructor(kysely: Kysely<unknown>, dialect: SqlDialect, table: string, clock: Clock) {
    this.dialect = dialect;
    this.words = DIALECTS[dialect];
    this.table = sql.table(table);
    // A plugin that renames columns is meant for the user's own tables.
    this.#kysely = kysely.withoutPlugins();
    this.#clock = clock;
    this.#turns = dialect === 'sqlite' ? new Slots(1) : undefined;
  }

  async rows<Row>(statement: RawBuilder<Row>): Promise<Row[]> {
    return (await this.run(statement)).rows;
  }

  /** What failed because others wrote the same rows has changed nothing, and is tried again for a while. */
  async run<Row>(statement: RawBuilder<Row>): Promise<QueryResult<Row>> {
    const startedAt = this.#clock.monotonic();
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(MAX_DELAY_MS, 2 * delayMs)) {
      const outcome = await this.#once(statement);
      if (!('failure' in outcome)) return outcome;
      const elapsedMs = this.#clock.monotonic() - startedAt;
      if (outcome.failure.code !== 'BUSY' || elapsedMs > RETRY_FOR_MS) throw outcome.failure;
      await wait(this.#clock, this.#clock.random() * delayMs, { ref: true });
    }
  }

  async #once<Row>(statement: RawBuilder<Row>): Promise<QueryResult<Row> | { readonly failure: SqlFailure }> {
    const giveBack = await this.#turns?.take();
    try {
      if (this.#mayBeStuck) await this.#assertCommits();
      return await statement.execute(this.#kysely);
    } catch (error) {
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

  /** Whether the driver commits can be told from a transaction that does nothing and locks nobody out. */
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
