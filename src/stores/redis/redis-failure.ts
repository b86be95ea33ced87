import { memberOf } from '../../core/foreign-objects.js';
import { StoreFailure } from '../../core/store-failure.js';

/** What Redis answers in capitals, in words. */
const MEANINGS: Readonly<Record<string, string>> = {
  WRONGPASS: 'Redis refused the name or the password',
  NOAUTH: 'Redis wants a password',
  NOPERM: 'Redis does not let this user do what the store needs',
  READONLY: 'this Redis is a replica, which cannot be written to',
  OOM: 'Redis is out of memory',
  LOADING: 'Redis is still loading its data',
  MISCONF: 'Redis cannot save its data and refuses writes',
  NOREPLICAS: 'Redis has too few replicas and refuses writes',
  MASTERDOWN: 'this Redis is a replica without its primary',
  CLUSTERDOWN: 'the Redis cluster is down',
  TRYAGAIN: 'the Redis cluster is moving the keys of the store',
  BUSY: 'Redis is busy with a script',
  NOSCRIPT: 'Redis does not know the script',
  WRONGTYPE: 'a key of the store has a value of another type',
  FOREIGN: 'a key of the store has a value of another program',
};

const CODES = new RegExp(`\\b(${Object.keys(MEANINGS).join('|')})\\b`);

/**
 * Why Redis did not do what it was asked for. Errors of clients carry the command with all that was to be written, so
 * nothing of them is kept but this.
 */
export class RedisFailure extends StoreFailure {
  override readonly name: string = 'RedisFailure';

  static of(error: unknown): RedisFailure {
    if (error instanceof RedisFailure) return error;
    const message = memberOf(error, 'message');
    const code = memberOf(error, 'code');
    const text = typeof message === 'string' ? message : '';
    const answer = CODES.exec(text)?.[0];
    if (answer !== undefined) return new RedisFailure(`${MEANINGS[answer]} (${answer})`, answer);
    if (typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code))
      return new RedisFailure(`no connection to Redis (${code})`, code);
    const word = /^-?([A-Z]{2,24})\b/.exec(text)?.[1];
    return new RedisFailure(word === undefined ? 'Redis failed' : `Redis failed (${word})`, word);
  }
}
