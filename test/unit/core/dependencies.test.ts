import { describe, expect, test } from 'vitest';
import { assertNoCycle } from '../../../src/core/dependencies.js';
import type { Refresher } from '../../../src/core/refresher.js';
import type { TokenKey } from '../../../src/core/token-key.js';

const key = (type: string, subject?: string): TokenKey => ({
  appid: 'wx1',
  type,
  ...(subject === undefined ? {} : { subject }),
});

function check(start: TokenKey, edges: Record<string, readonly unknown[]>): void {
  assertNoCycle(start, (type) =>
    Object.hasOwn(edges, type)
      ? ({ type, dependsOn: () => edges[type], refresh: () => Promise.reject() } as unknown as Refresher)
      : undefined,
  );
}

describe('assertNoCycle', () => {
  test('what depends on nothing, or on an unknown type, is fine', () => {
    expect(() => check(key('a'), {})).not.toThrow();
    expect(() => check(key('a'), { a: [] })).not.toThrow();
    expect(() => check(key('a'), { a: [key('unknown')] })).not.toThrow();
    expect(() => assertNoCycle(key('a'), (type) => ({ type, refresh: () => Promise.reject() }))).not.toThrow();
  });

  test('a chain and a diamond are fine', () => {
    expect(() => check(key('a'), { a: [key('b')], b: [key('c')], c: [] })).not.toThrow();
    expect(() => check(key('a'), { a: [key('b'), key('c')], b: [key('d')], c: [key('d')], d: [] })).not.toThrow();
  });

  test('the same type of another subject or app is another key', () => {
    const byKey = (given: TokenKey): readonly TokenKey[] => (given.subject === undefined ? [] : [key('a')]);
    const refresher = { type: 'a', dependsOn: byKey, refresh: () => Promise.reject() };
    expect(() => assertNoCycle(key('a', 's'), () => refresher)).not.toThrow();
  });

  test.each<[string, Record<string, readonly unknown[]>, string]>([
    ['itself', { a: [key('a')] }, 'wx1/a -> wx1/a'],
    ['two', { a: [key('b')], b: [key('a')] }, 'wx1/a -> wx1/b -> wx1/a'],
    [
      'three, behind another',
      { a: [key('x'), key('b')], b: [key('c')], c: [key('b')] },
      'wx1/a -> wx1/b -> wx1/c -> wx1/b',
    ],
  ])('a circle of %s is a TypeError that shows it', (_, edges, path) => {
    expect(() => check(key('a'), edges)).toThrow(TypeError);
    expect(() => check(key('a'), edges)).toThrow(`dependsOn goes in a circle: ${path}`);
  });

  test('a chain without an end is a TypeError, not a stack overflow', () => {
    let serial = 0;
    const endless = { type: 'a', dependsOn: () => [key('a', `s${serial++}`)], refresh: () => Promise.reject() };
    expect(() => assertNoCycle(key('a'), () => endless)).toThrow(TypeError);
    expect(() => assertNoCycle(key('a'), () => endless)).toThrow('dependsOn of a leads through more than 16 keys');
  });

  test.each([15, 16])('a chain of %i keys is fine as long as it is at most 16', (length) => {
    const edges = Object.fromEntries(
      Array.from({ length: length - 1 }, (_, index) => [`t${index}`, [key(`t${index + 1}`)]]),
    );
    expect(() => check(key('t0'), edges)).not.toThrow();
  });

  test('an iteration without an end is a TypeError', () => {
    const endless = {
      type: 'a',
      *dependsOn(): Generator<TokenKey> {
        for (let serial = 0; ; serial++) yield key('b', `s${serial}`);
      },
      refresh: () => Promise.reject(),
    } as unknown as Refresher;
    expect(() => assertNoCycle(key('a'), (type) => (type === 'a' ? endless : undefined))).toThrow(
      'dependsOn of a failed',
    );
  });

  test.each<[unknown, string]>([
    [{ appid: 'a b', type: 'b' }, 'appid must be'],
    [{ appid: 'wx1', type: '' }, 'type must be'],
    [{ appid: 'wx1', type: 'b', subject: '' }, 'subject must be'],
  ])('what is no key is a TypeError: %#', (dependency, message) => {
    expect(() => check(key('a'), { a: [dependency] })).toThrow(TypeError);
    expect(() => check(key('a'), { a: [dependency] })).toThrow(message);
  });
});
