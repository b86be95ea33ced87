import { memberOf } from '../../core/primitives/foreign-objects.js';
import { foreignMessage, foreignText } from '../../core/primitives/foreign-text.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';

/** The descriptions of the error names that Redis writes in capitals. */
const MEANINGS: Readonly<Record<string, string>> = {
  WRONGPASS: 'Redis rejected the user name or password',
  NOAUTH: 'Redis requires a password',
  NOPERM: 'this Redis user lacks permissions that the store requires',
  READONLY: 'this Redis is a read-only replica',
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
 * The ends of error messages that repeat input: the operands of an unknown command, which may be those of `HELLO` with
 * the password, and the position in a script.
 */
const REPEATED = /,? (?:with args beginning with:|script: \w+, on @).*$/s;

/**
 * Reports why Redis refused a command, with the message of the server. Errors of clients also contain the command with
 * all its data, so that nothing else of them is kept.
 */
export class RedisFailure extends StoreFailure {
  override readonly name: string = 'RedisFailure';

  /**
   * Returns the failure for an error.
   *
   * @param args - the operands of the command, which are removed from the message.
   */
  static of(error: unknown, args: readonly string[] = []): RedisFailure {
    if (error instanceof RedisFailure) return error;
    const text = foreignMessage(error);
    const answer = CODES.exec(text)?.[0];
    if (answer !== undefined) return new RedisFailure(describe(MEANINGS[answer] ?? '', answer, text, args), answer);
    const code = codeOf(error);
    if (code !== undefined) return new RedisFailure(describe('no connection to Redis', code, text, args), code);
    const word = /^-?([A-Z]{2,24})\b/.exec(text)?.[1];
    return new RedisFailure(describe('Redis failed', word, text, args), word);
  }
}

function describe(what: string, code: string | undefined, text: string, args: readonly string[]): string {
  const sentence = text.replace(REPEATED, '').replace(/^-/, '');
  const said = foreignText(
    code !== undefined && sentence.startsWith(`${code} `) ? sentence.slice(code.length + 1) : sentence,
    args,
  );
  const reason = said === '' || said === code ? '' : `: ${said}`;
  return `${what}${code === undefined ? '' : ` (${code})`}${reason}`;
}

function codeOf(error: unknown): string | undefined {
  const code = memberOf(error, 'code');
  return typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code) ? code : undefined;
}
