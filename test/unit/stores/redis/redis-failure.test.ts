import { describe, expect, it } from 'vitest';
import { RedisFailure } from '../../../../src/stores/redis/redis-failure.js';

const PASSWORD = 'pass-word';

describe('a failure of Redis', () => {
  it.each([
    [
      'ERR bad lua script for redis cluster, all the keys that the script uses should be passed using the KEYS array',
      'Redis failed (ERR): bad lua script for redis cluster, all the keys that the script uses should be passed using the KEYS array',
    ],
    ['ERR max number of clients reached', 'Redis failed (ERR): max number of clients reached'],
    [
      "NOPERM this user has no permissions to run the 'evalsha' command",
      "this Redis user lacks permissions that the store requires (NOPERM): this user has no permissions to run the 'evalsha' command",
    ],
    [
      'MISCONF Errors writing to the AOF file: No space left on device',
      'Redis cannot save its data and refuses writes (MISCONF): Errors writing to the AOF file: No space left on device',
    ],
    [
      "OOM command not allowed when used memory > 'maxmemory'. script: 5ad3, on @user_script:12.",
      "Redis is out of memory (OOM): command not allowed when used memory > 'maxmemory'.",
    ],
    ['NOAUTH', 'Redis requires a password (NOAUTH)'],
    ['', 'Redis failed'],
    [
      'Reached the max retries per request limit (which is 20).',
      'Redis failed: Reached the max retries per request limit (which is 20).',
    ],
    ['Connection is closed.', 'Redis failed: Connection is closed.'],
  ])('a failure of Redis has the message of the server: %s', (reply, message) => {
    expect(RedisFailure.of(new Error(reply)).message).toBe(message);
  });

  it('a failed connection to Redis names host and port of each address that was tried', () => {
    const refused = new AggregateError([
      new Error('connect ECONNREFUSED ::1:6379'),
      new Error('connect ECONNREFUSED 127.0.0.1:6379'),
    ]);
    expect(RedisFailure.of(Object.assign(refused, { code: 'ECONNREFUSED' }))).toMatchObject({
      code: 'ECONNREFUSED',
      message:
        'no connection to Redis (ECONNREFUSED): connect ECONNREFUSED ::1:6379; connect ECONNREFUSED 127.0.0.1:6379',
    });
  });

  it.each([
    `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '${PASSWORD}'`,
    `ERR unknown command \`evalsha\`, with args beginning with: \`5ad3\`, \`6\`, \`${PASSWORD}\``,
    `ERR cannot connect to redis://user:${PASSWORD}@10.0.0.1`,
    `ERR bad value {"value":"${PASSWORD}"}`,
    `ERR bad value near ${PASSWORD}`,
  ])('a failure of Redis shows no operand of a command: %s', (reply) => {
    const failure = RedisFailure.of(new Error(reply), [`{"value":"${PASSWORD}"}`]);
    expect(failure.message).not.toContain(PASSWORD);
    expect(failure.code).toBe('ERR');
  });
});
