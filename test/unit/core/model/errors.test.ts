import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { isTokenError, safeCause, TokenError, toTokenError, withFacts } from '../../../../src/core/model/errors.js';
import { StoreFailure } from '../../../../src/core/primitives/store-failure.js';

const FACTS = {
  appid: 'wx1',
  type: 'access_token',
  subject: 'o1',
  errcode: 40164,
  errmsg: 'not in whitelist',
  rid: 'r-1',
  ip: '1.2.3.4',
  retryAt: 5,
  retryable: true,
  hostOnly: true,
};

function throws(): never {
  throw new Error('CANARY');
}

const throwing = new Proxy({}, { get: throws, has: throws, ownKeys: throws });

describe('TokenError', () => {
  test('TokenError has its facts as fields', () => {
    const cause = new Error('why');
    const error = new TokenError('UPSTREAM_REJECTED', 'refused', { ...FACTS, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ ...FACTS, name: 'TokenError', code: 'UPSTREAM_REJECTED', message: 'refused', cause });
  });

  test.each<[string, readonly unknown[], string]>([
    ['a code', [Symbol('CANARY'), 'm'], 'code must be a string, got a symbol'],
    ['a message', ['TIMEOUT', Symbol('CANARY')], 'message must be a string, got a symbol'],
    ['a message', ['TIMEOUT', throwing], 'message must be a string, got an object'],
    ['facts', ['TIMEOUT', 'm', null], 'the facts of a TokenError must be an object, got null'],
    ['facts', ['TIMEOUT', 'm', throwing], 'the facts of a TokenError: appid cannot be read'],
  ])('TokenError takes no other %s', (_, args, message) => {
    const make = TokenError as unknown as new (...given: readonly unknown[]) => TokenError;
    expect(() => new make(...args)).toThrow(new TypeError(message));
  });

  test('an object that only looks like a TokenError is read without a failure', () => {
    const odd = Object.assign(new Error('m'), { name: 'TokenError', code: 'TIMEOUT', ip: '1.2.3.4' });
    Object.defineProperty(odd, 'errcode', { get: () => throws() });
    expect(withFacts(odd as unknown as TokenError, { retryable: true })).toMatchObject({
      code: 'TIMEOUT',
      ip: '1.2.3.4',
      retryable: true,
    });
  });

  test('TokenError is retryable or for this host only where that is known', () => {
    const error = new TokenError('TIMEOUT', 'late');
    expect(error).toMatchObject({ retryable: false, hostOnly: false });
    expect(Object.hasOwn(error, 'cause')).toBe(false);
    expect(Object.keys(JSON.parse(JSON.stringify(error)))).toEqual([
      'name',
      'code',
      'message',
      'retryable',
      'hostOnly',
    ]);
  });

  // A declared optional field is defined as `undefined` under ES2022 semantics, in spite of the constructor's checks.
  test('TokenError is printed without the facts that are not known', () => {
    const error = new TokenError('TIMEOUT', 'late');
    expect(Object.keys(error).sort()).toEqual(['code', 'hostOnly', 'name', 'retryable']);
    expect(inspect(error)).not.toContain('undefined');
  });

  test('TokenError as JSON shows the facts without cause and stack', () => {
    const error = new TokenError('UPSTREAM_REJECTED', 'refused', { ...FACTS, cause: new Error('CANARY') });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'TokenError',
      code: 'UPSTREAM_REJECTED',
      message: 'refused',
      ...FACTS,
    });
    expect(Object.keys(error.toJSON()).slice(0, 3)).toEqual(['name', 'code', 'message']);
  });
});

describe('withFacts', () => {
  test('withFacts makes a copy in which the given facts replace its own', () => {
    const cause = new Error('why');
    const error = new TokenError('A', 'b', { ...FACTS, cause });
    const copy = withFacts(error, { retryAt: 9, appid: 'wx2' });
    expect(copy).not.toBe(error);
    expect(copy).toMatchObject({ ...FACTS, code: 'A', message: 'b', cause, retryAt: 9, appid: 'wx2' });
    expect(copy.stack).toBe(error.stack);
    expect(error.retryAt).toBe(5);
  });

  test('withFacts adds what was not known', () => {
    const copy = withFacts(new TokenError('A', 'b'), { appid: 'wx1' });
    expect(copy.toJSON()).toEqual({
      name: 'TokenError',
      code: 'A',
      message: 'b',
      appid: 'wx1',
      retryable: false,
      hostOnly: false,
    });
  });

  test('withFacts copies an error that has no stack', () => {
    const error = new TokenError('A', 'b');
    Object.defineProperty(error, 'stack', { value: undefined });
    expect(withFacts(error, {}).stack).toContain('TokenError');
  });
});

describe('toTokenError', () => {
  test('toTokenError keeps what an error of ours says and adds to it', () => {
    const error = new TokenError('QUOTA_EXHAUSTED', 'enough', { appid: 'mine', retryable: false });
    const copy = toTokenError(error, 'UPSTREAM_UNAVAILABLE', 'no', { appid: 'wx1', type: 't', retryable: true });
    expect(copy.type).toBeUndefined();
    const own = toTokenError(new TokenError('A', 'b'), 'C', 'd', { appid: 'wx1', type: 't', retryAt: 5 });
    expect(own).toMatchObject({ code: 'A', message: 'b', appid: 'wx1', type: 't', retryAt: 5 });
    expect(copy).toMatchObject({
      code: 'QUOTA_EXHAUSTED',
      message: 'enough',
      appid: 'mine',
      retryable: false,
    });
  });

  test('toTokenError makes any other error a cause without its message', () => {
    const error = toTokenError(new Error('CANARY'), 'UPSTREAM_UNAVAILABLE', 'no', { appid: 'wx1', retryable: true });
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', message: 'no', appid: 'wx1', retryable: true });
    expect(inspect(error, { depth: 9 })).not.toContain('CANARY');
    expect((error.cause as Error).message).toBe('Error');
  });
});

describe('isTokenError', () => {
  test('isTokenError goes by shape, so that another copy of the package counts', () => {
    class TokenErrorOfAnotherCopy extends Error {
      override readonly name = 'TokenError';
      readonly code = 'TIMEOUT';
    }
    expect(isTokenError(new TokenErrorOfAnotherCopy())).toBe(true);
    expect(isTokenError(new TokenError('A', 'b'))).toBe(true);
  });

  test.each([
    undefined,
    null,
    'TokenError',
    { name: 'TokenError', code: 'TIMEOUT' },
    Object.assign(new Error('x'), { code: 'TIMEOUT' }),
    Object.assign(new Error('x'), { name: 'TokenError' }),
    Object.assign(new Error('x'), { name: 'TokenError', code: 5 }),
  ])('isTokenError rejects %j', (error) => {
    expect(isTokenError(error)).toBe(false);
  });
});

describe('safeCause', () => {
  const shown = (error: unknown): string => inspect(error, { depth: 9, showHidden: true });

  test('safeCause keeps class, code, call and place, and nothing else', () => {
    const error = Object.assign(new TypeError('https://x?secret=CANARY\nCANARY'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
      config: { url: 'CANARY' },
      cause: new Error('CANARY'),
    });
    const safe = safeCause(error);
    expect(safe).toMatchObject({ name: 'TypeError', message: 'TypeError ECONNREFUSED connect', code: 'ECONNREFUSED' });
    expect(safe.stack).toMatch(/^TypeError ECONNREFUSED connect\n {4}at .*errors\.test/);
    expect(shown(safe)).not.toContain('CANARY');
  });

  test('safeCause keeps a code that is a number in the message', () => {
    const safe = safeCause(Object.assign(new Error('CANARY'), { code: 5, syscall: 6 }));
    expect([safe.message, Object.hasOwn(safe, 'code')]).toEqual(['Error 5', false]);
    expect(safeCause(Object.assign(new Error('CANARY'), { code: { secret: 'CANARY' } })).message).toBe('Error');
  });

  test.each([
    ['CANARY', 'a string was thrown'],
    [{ message: 'CANARY' }, 'an object was thrown'],
    [undefined, 'undefined was thrown'],
    [null, 'null was thrown'],
  ])('safeCause of %j says only what kind of value it was', (thrown, message) => {
    const safe = safeCause(thrown);
    expect(safe.message).toBe(message);
    expect(shown(safe)).not.toContain('CANARY');
  });

  test('safeCause names the cause of an error without a code, such as that of fetch', () => {
    const facts = { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'CANARY' };
    const network = Object.assign(new Error('CANARY'), facts);
    const error = new TypeError('CANARY', { cause: new Error('CANARY', { cause: network }) });
    expect(safeCause(error).message).toBe('TypeError, caused by Error ENOTFOUND getaddrinfo');
    expect(shown(safeCause(error))).not.toContain('CANARY');
    const round = new Error('CANARY');
    round.cause = round;
    expect(safeCause(round).message).toBe('Error');
  });

  test('safeCause accepts an error without a stack', () => {
    const error = new Error('CANARY');
    Object.defineProperty(error, 'stack', { value: undefined });
    expect(safeCause(error).stack).toBe('Error\n');
  });
});

test('the message of a store failure is passed on only from a store of this package', () => {
  const failure = new StoreFailure('the table does not exist', 'TABLE_MISSING');
  expect(safeCause(failure)).toBe(failure);
  const other = Object.assign(new Error('CANARY'), { name: 'StoreFailure', code: 'TABLE_MISSING' });
  expect(safeCause(other).message).toBe('StoreFailure TABLE_MISSING');
});

describe('errors of another realm', () => {
  test('errors of another realm are TokenErrors by their name, code and message', () => {
    const fields = "{ name: 'TokenError', code: 'TIMEOUT' }";
    const foreign: unknown = runInNewContext(`Object.assign(new Error('late'), ${fields})`);
    expect(isTokenError(foreign)).toBe(true);
    expect(isTokenError(runInNewContext(`({ message: 'late', ...${fields} })`))).toBe(false);
  });

  test('errors of another realm leave their class, code and place as a cause, and nothing else', () => {
    const foreign: unknown = runInNewContext(
      "Object.assign(new RangeError('secret'), { code: 'ECONNREFUSED', syscall: 'connect', url: 'secret' })",
    );
    const cause = safeCause(foreign);
    expect(cause).toMatchObject({ name: 'RangeError', code: 'ECONNREFUSED' });
    expect(cause.message).toBe('RangeError ECONNREFUSED connect');
    expect(inspect(cause)).not.toContain('secret');
  });
});
