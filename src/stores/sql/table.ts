import { type RawBuilder, sql } from 'kysely';
import { describeValue } from '../../core/primitives/redact.js';
import { LONGEST_ID } from '../document-id.js';
import { LONGEST_LANE } from './lane.js';
import { isSqlDialect, type SqlDialect } from './sql-dialect.js';

export const DEFAULT_TABLE = 'wechat_token_manager';

/** The id of the row whose version is that of the table's format. No document can have this id. */
export const FORMAT_ID = 'format';
export const FORMAT = 1;

/** The columns that the statements of the store use. */
export const TABLE_COLUMNS: RawBuilder<unknown> = sql.raw(
  'id, version, data, lane, due_at, changed_at, lease_owner, lease_until',
);

// The limit of 50 characters leaves room for the suffixes of index names, which PostgreSQL truncates at 63 characters.
const NAME = '[A-Za-z_][A-Za-z0-9_]{0,49}';
const TABLE = new RegExp(`^(?:${NAME}\\.)?${NAME}$`);

export function assertTable(table: unknown): asserts table is string {
  if (typeof table === 'string' && TABLE.test(table)) return;
  const what = 'a name of at most 50 letters, digits and _, with or without a schema before it';
  throw new TypeError(`table must be ${what}, got ${describeValue(table)}`);
}

/**
 * Returns the statements that {@link SqlStore.migrate} runs, for those who run theirs by hand. Running them again changes
 * nothing.
 *
 * @param table - as in the options of `SqlStore`.
 * @returns the statements, each ended by a semicolon and a line break.
 * @throws TypeError for a dialect or a table that there cannot be.
 *
 * @example
 * ```ts
 * console.log(tableDefinition('postgres'));
 * ```
 *
 * @public
 */
export function tableDefinition(dialect: SqlDialect, table: string = DEFAULT_TABLE): string {
  assertTable(table);
  return tableStatements(dialect, table)
    .map((statement) => `${statement};\n`)
    .join('');
}

export function tableStatements(dialect: SqlDialect, table: string): string[] {
  if (!isSqlDialect(dialect)) {
    throw new TypeError(`dialect must be 'postgres', 'mysql' or 'sqlite', got ${describeValue(dialect)}`);
  }
  const [name = '', schema] = table.split('.').reverse();
  return STATEMENTS[dialect](name, schema);
}

type TableStatements = (name: string, schema: string | undefined) => string[];

const FORMAT_ROW = `(id, version, changed_at, lease_until) values ('${FORMAT_ID}', ${FORMAT}, 0, 0)`;

const STATEMENTS: Readonly<Record<SqlDialect, TableStatements>> = {
  postgres: (name, schema) => {
    const table = qualified(name, schema, '"');
    return [
      `create table if not exists ${table} (
  id text collate "C" not null primary key,
  version bigint not null,
  data text,
  lane text collate "C",
  due_at bigint,
  changed_at bigint not null,
  lease_owner text,
  lease_until bigint not null
)`,
      `create index if not exists "${name}_due" on ${table} (lane, due_at)`,
      `create index if not exists "${name}_changed" on ${table} (changed_at)`,
      `insert into ${table} ${FORMAT_ROW} on conflict (id) do nothing`,
    ];
  },
  mysql: (name, schema) => {
    const table = qualified(name, schema, '`');
    const ascii = (type: string): string => `${type} character set ascii collate ascii_bin`;
    return [
      `create table if not exists ${table} (
  id ${ascii(`varchar(${LONGEST_ID})`)} not null primary key,
  version bigint not null,
  data ${ascii('longtext')},
  lane ${ascii(`varchar(${LONGEST_LANE})`)},
  due_at bigint,
  changed_at bigint not null,
  lease_owner ${ascii('varchar(32)')},
  lease_until bigint not null,
  index ${name}_due (lane, due_at),
  index ${name}_changed (changed_at)
) engine = InnoDB row_format = dynamic`,
      `insert ignore into ${table} ${FORMAT_ROW}`,
    ];
  },
  sqlite: (name, schema) => {
    const table = qualified(name, schema, '"');
    return [
      `create table if not exists ${table} (
  id text not null primary key,
  version integer not null,
  data text,
  lane text,
  due_at integer,
  changed_at integer not null,
  lease_owner text,
  lease_until integer not null
)`,
      `create index if not exists ${qualified(`${name}_due`, schema, '"')} on "${name}" (lane, due_at)`,
      `create index if not exists ${qualified(`${name}_changed`, schema, '"')} on "${name}" (changed_at)`,
      `insert or ignore into ${table} ${FORMAT_ROW}`,
    ];
  },
};

function qualified(name: string, schema: string | undefined, quote: string): string {
  const quoted = quote + name + quote;
  return schema === undefined ? quoted : `${quote}${schema}${quote}.${quoted}`;
}
