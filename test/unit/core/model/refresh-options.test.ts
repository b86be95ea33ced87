import { describe, expect, test } from 'vitest';
import { isTokenError, safeCause } from '../../../../src/core/model/errors.js';
import { resolveOptions } from '../../../../src/core/model/options.js';

const resolve = (options: object) => resolveOptions(options as Parameters<typeof resolveOptions>[0]);

describe('the options of a manager', () => {
  test.each<[object, boolean]>([
    [{}, true],
    [{ refresh: {} }, true],
    [{ refresh: { marginMs: 1_000 } }, true],
    [{ refresh: 'never' }, false],
  ])('whether a manager with the options %j refreshes: %s', (options, expected) => {
    expect(resolve(options).refreshes).toBe(expected);
  });

  test.each<[object, boolean]>([
    [{}, false],
    [{ whenStoreUnavailable: 'fail' }, false],
    [{ whenStoreUnavailable: 'fetch' }, true],
  ])('whether a manager with the options %j fetches without its store: %s', (options, expected) => {
    expect(resolve(options).fetchesWithoutStore).toBe(expected);
  });

  test.each<[object, string]>([
    [{ refresh: 'always' }, `refresh must be an object or 'never', got "always"`],
    [{ refresh: { maxPerSecond: 0 } }, 'refresh.maxPerSecond must be a number from 1 to '],
    [{ refresh: { maxPerSecondOfApp: 0 } }, 'refresh.maxPerSecondOfApp must be a number from 1 to '],
    [{ whenStoreUnavailable: 'wait' }, `whenStoreUnavailable must be 'fail' or 'fetch', got "wait"`],
  ])('a manager refuses the options %j', (options, message) => {
    expect(() => resolve(options)).toThrow(TypeError);
    expect(() => resolve(options)).toThrow(message);
  });
});

describe('errors of other packages', () => {
  const throwing = (name: string): Error =>
    Object.defineProperty(new Error('no'), name, {
      get() {
        throw new Error('CANARY');
      },
    });

  test('an error that cannot be inspected is described as that', () => {
    expect(safeCause(throwing('name')).message).toBe('a value that cannot be inspected was thrown');
  });

  test('an error that cannot be inspected is not one of this library', () => {
    expect(isTokenError(throwing('name'))).toBe(false);
  });

  test('an error keeps its name and code only where these are words', () => {
    const named = Object.assign(new Error('CANARY'), { name: 'DriverError', code: 'ECONNRESET' });
    expect(safeCause(named)).toMatchObject({
      name: 'DriverError',
      message: 'DriverError ECONNRESET',
      code: 'ECONNRESET',
    });
    const odd = Object.assign(new Error('CANARY'), { name: 'Error of CANARY', code: 'the CANARY' });
    expect(safeCause(odd)).toMatchObject({ name: 'Error', message: '' });
    expect(String(safeCause(odd).stack)).not.toContain('CANARY');
  });
});
