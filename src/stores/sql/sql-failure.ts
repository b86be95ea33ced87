import { memberOf } from '../../core/primitives/foreign-objects.js';
import { foreignMessage, foreignText } from '../../core/primitives/foreign-text.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';

/**
 * Reports a failure of the database: first in words that are the same for all databases, then in those of the database.
 * Errors of drivers may contain statements, rows and parameters with tokens, so that only the code and the cleaned
 * message are kept.
 */
export class SqlFailure extends StoreFailure {
  override readonly name: string = 'SqlFailure';
  declare readonly code: string;

  constructor(code: string, message: string) {
    super(message, code);
  }
}

interface Kind {
  readonly message: string;
  /** The codes of the drivers: SQLSTATEs of PostgreSQL, names of MySQL and SQLite, and those of sockets. */
  readonly codes: RegExp;
  /** The pattern of the message, for drivers that give no code. */
  readonly text?: RegExp;
}

const TOO_LARGE = 'the database does not accept a value of this size: raise its limit, such as max_allowed_packet';

const KINDS: Readonly<Record<string, Kind>> = {
  // This row precedes BUSY, because its errors have the same code.
  STUCK: {
    message:
      'the driver leaves a statement open, so that nothing is committed: pass libsql to Kysely with libsqlDatabase()',
    codes: /(?!)/,
    text: /\bSQL statements in progress\b/,
  },
  BUSY: {
    message: 'the database was too busy: others were writing the same rows',
    codes: /^(40001|40P01|55P03|ER_LOCK_DEADLOCK|ER_LOCK_WAIT_TIMEOUT|ER_CHECKREAD|SQLITE_(BUSY|LOCKED)\w*)$/,
  },
  DUPLICATE: {
    message: 'a row with this id exists already',
    codes: /^(23505|ER_DUP_ENTRY|SQLITE_CONSTRAINT\w*)$/,
  },
  TABLE_MISSING: {
    message:
      'the table does not exist: create it with the statements of "wechat-token-manager ddl", or with migrate() of the SqlStore',
    codes: /^(42P01|3F000|ER_NO_SUCH_TABLE)$/,
    text: /\bno such table\b/,
  },
  TABLE_UNFIT: {
    message: 'the table does not belong to this store: it has other columns',
    codes: /^(42703|ER_BAD_FIELD_ERROR|ER_KEY_COLUMN_DOES_NOT_EXITS)$/,
    text: /\b(no such column|has no column)\b/,
  },
  TABLE_EXISTS: {
    message: 'another process is creating the table',
    codes: /^(42P07|42710)$/,
  },
  READ_ONLY: {
    message: 'the database is read-only: check whether it is a replica',
    codes:
      /^(25006|ER_OPTION_PREVENTS_STATEMENT|ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION|ER_READ_ONLY_MODE|SQLITE_READONLY\w*)$/,
  },
  ACCESS_DENIED: {
    message: 'the database rejected this user: wrong name, password, database or privileges',
    codes: /^(28\w{3}|3D000|42501|ER_ACCESS_DENIED_\w*|ER_\w*ACCESS_DENIED_ERROR|ER_BAD_DB_ERROR|SQLITE_(AUTH|PERM))$/,
  },
  TOO_LARGE: {
    message: TOO_LARGE,
    codes: /^(54\w{3}|22001|ER_NET_PACKET_TOO_LARGE|ER_DATA_TOO_LONG|SQLITE_TOOBIG)$/,
  },
  DISK_FULL: {
    message: 'the disk of the database is full',
    codes: /^(53100|ER_DISK_FULL|ER_RECORD_FILE_FULL|SQLITE_FULL)$/,
  },
  DATABASE_CLOSED: {
    message: 'the Kysely instance of the store has been destroyed; close the store first',
    codes: /^POOL_CLOSED$/,
    text: /^driver has already been destroyed|^Cannot use a pool after calling end|^Pool is closed|connection is not open/i,
  },
  UNREACHABLE: {
    message: 'the database cannot be reached, or closed the connection',
    codes:
      /^(08\w{3}|57P0[1-35]|53300|E(CONN|HOST|NET|TIMEDOUT|PIPE|AI_|ADDR)\w*|ENOTFOUND|ENOENT|ER_CON_COUNT_ERROR|ER_SERVER_SHUTDOWN|ER_CONNECTION_KILLED|PROTOCOL_\w*|SQLITE_CANTOPEN\w*)$/,
    text: /^Connection terminated|^timeout (expired|exceeded)|connection is (in )?closed/i,
  },
};

/** The names of the numeric codes of `node:sqlite`. */
const SQLITE_CODES: Readonly<Record<number, string>> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
};

const WORD = /^[A-Za-z0-9_]{1,64}$/;

export function tooLarge(): SqlFailure {
  return new SqlFailure('TOO_LARGE', TOO_LARGE);
}

/*
 * Two parts of a message repeat a statement or a row: the text after `near`, which with some drivers contains values, and
 * a value in quotes after a colon, as in `invalid input syntax for type json: "..."`.
 */
const NEAR = /\bnear ['"`].*$/s;
const QUOTED_VALUE = /: ?(['"]).*\1/gs;

/**
 * Returns the failure for an error of the driver.
 *
 * @param parameters - the values of the statement, which are removed from the message.
 */
export function sqlFailure(error: unknown, parameters: readonly unknown[] = []): SqlFailure {
  if (error instanceof SqlFailure) return error;
  const { code, message } = readDriverError(error);
  for (const [kind, { message: text, codes, text: texts }] of Object.entries(KINDS)) {
    if (!codes.test(code) && texts?.test(message) !== true) continue;
    return new SqlFailure(kind, withMessage(code === '' ? text : `${text} (${code})`, message, parameters));
  }
  const what = `the database failed${code && ` with ${code}`}`;
  return new SqlFailure(code === '' ? 'DATABASE_FAILED' : code, withMessage(what, message, parameters));
}

function withMessage(what: string, message: string, parameters: readonly unknown[]): string {
  const texts = parameters.filter((parameter) => typeof parameter === 'string');
  const said = foreignText(message.replace(NEAR, 'near [redacted]').replace(QUOTED_VALUE, ': [redacted]'), texts);
  return said === '' ? what : `${what}: ${said}`;
}

function readDriverError(error: unknown): { readonly code: string; readonly message: string } {
  const errcode = memberOf(error, 'errcode');
  const sqlMessage = memberOf(error, 'sqlMessage');
  const named = typeof errcode === 'number' ? SQLITE_CODES[errcode & 0xff] : undefined;
  const code = memberOf(error, 'code');
  const word = named ?? (typeof code === 'string' || typeof code === 'number' ? String(code) : '');
  const message = typeof sqlMessage === 'string' ? sqlMessage : foreignMessage(error);
  return { code: WORD.test(word) ? word : '', message };
}
