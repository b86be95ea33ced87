import { describe, expect, it } from 'vitest';
import { StartFailure, unusableStore } from '../../../../src/cli/failures/start-failure.js';
import { TokenError } from '../../../../src/index.js';
import { FileFailure } from '../../../../src/stores/file/file-failure.js';
import { RedisFailure } from '../../../../src/stores/redis/redis-failure.js';
import { SqlFailure } from '../../../../src/stores/sql/sql-failure.js';

const SHOWN = 'redis://a.test';
const whyOf = (error: unknown): string =>
  unusableStore(SHOWN, error).message.replace(/^the store .*? cannot be used: /, '');

describe('the reason that a store cannot be used', () => {
  it.each([
    [
      new RedisFailure('Redis requires a password (NOAUTH)', 'NOAUTH'),
      'Redis requires a password (NOAUTH); add it to the URL',
    ],
    [new RedisFailure('Redis is busy', 'BUSY'), 'Redis is busy'],
    [new FileFailure('no space is left', 'ENOSPC'), /^no space is left$/],
    [
      new SqlFailure('TABLE_UNFIT', 'the table has format 2'),
      /^the table has format 2; choose another one with \?table=/,
    ],
  ])('a failure of a known store is reported in its own words', (failure, why) => {
    expect(whyOf(failure)).toMatch(why);
    expect(whyOf(new TokenError('STORE_UNAVAILABLE', 'x', { cause: failure }))).toMatch(why);
  });

  it('an unknown error is reported without its message, which may hold secrets', () => {
    const error = Object.assign(new Error('CANARY'), { code: 'EACCES', syscall: 'open' });
    expect(unusableStore(SHOWN, error).message).toBe(`the store ${SHOWN} cannot be used: EACCES open`);
  });

  it('a start failure is not wrapped again', () => {
    const failure = new StartFailure('said');
    expect(unusableStore(SHOWN, failure)).toBe(failure);
  });
});
