import { describe, expect, it } from 'vitest';
import { sqlFailure } from '../../../../src/stores/sql/sql-failure.js';

const SECRET = 'short-secret';

function driverError(message: string, facts: object): Error {
  return Object.assign(new Error(message), facts);
}

describe('a failure of a database', () => {
  it.each([
    [
      driverError('no pg_hba.conf entry for host "10.0.0.9", user "app", database "tokens", no encryption', {
        code: '28000',
      }),
      'ACCESS_DENIED',
      'the database rejected this user: wrong name, password, database or privileges (28000): no pg_hba.conf entry for host "10.0.0.9", user "app", database "tokens", no encryption',
    ],
    [
      driverError('could not extend file "base/1/2": No space left on device', { code: '53100' }),
      'DISK_FULL',
      'the disk of the database is full (53100): could not extend file "base/1/2": No space left on device',
    ],
    [
      driverError('connect ECONNREFUSED 127.0.0.1:5432', { code: 'ECONNREFUSED' }),
      'UNREACHABLE',
      'the database cannot be reached, or closed the connection (ECONNREFUSED): connect ECONNREFUSED 127.0.0.1:5432',
    ],
    [
      driverError('x', {
        code: 'ER_ACCESS_DENIED_ERROR',
        sqlMessage: "Access denied for user 'app'@'10.0.0.9' (using password: YES)",
      }),
      'ACCESS_DENIED',
      "the database rejected this user: wrong name, password, database or privileges (ER_ACCESS_DENIED_ERROR): Access denied for user 'app'@'10.0.0.9' (using password: YES)",
    ],
    [
      driverError('disk I/O error', { code: 'SQLITE_IOERR' }),
      'SQLITE_IOERR',
      'the database failed with SQLITE_IOERR: disk I/O error',
    ],
    [
      driverError('database is locked', { errcode: 5 }),
      'BUSY',
      'the database was too busy: others were writing the same rows (SQLITE_BUSY): database is locked',
    ],
    ['thrown', 'DATABASE_FAILED', 'the database failed'],
  ])('a failure has the message of the database: %s', (error, code, message) => {
    expect(sqlFailure(error)).toMatchObject({ name: 'SqlFailure', code, message });
  });

  it.each([
    [
      "You have an error in your SQL syntax; check the manual for the right syntax to use near 'short-secret' at line 1",
      {},
    ],
    [`syntax error at or near "${SECRET}"`, { code: '42601' }],
    [`invalid input syntax for type bigint: "${SECRET}"`, { code: '22P02' }],
    [`Incorrect string value: '${SECRET}' for column 'data'`, { code: 'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD' }],
    [
      'value out of range',
      { code: '22003', detail: SECRET, where: SECRET, hint: SECRET, sql: SECRET, parameters: [SECRET] },
    ],
    [`duplicate key value ("${SECRET}")`, { code: '23505' }, [SECRET]],
    [`Duplicate entry '${SECRET}' for key 'PRIMARY'`, { code: 'ER_DUP_ENTRY' }, [`{"value":"${SECRET}"}`]],
    [`cannot connect to postgres://app:${SECRET}@10.0.0.9/tokens`, {}],
  ])('a failure shows no value, statement or row: %s', (message, facts, parameters: string[] = []) => {
    const failure = sqlFailure(driverError(message, facts), parameters);
    expect(JSON.stringify([failure.message, failure])).not.toContain(SECRET);
  });
});
