import { describe, expect, test } from 'vitest';
import { assertNoCycle, dependenciesOf } from '../../../../src/core/model/dependencies.js';
import type { Refresher } from '../../../../src/core/model/refresher.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';

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
  test('a key that depends on nothing, or on an unknown type, is accepted', () => {
    expect(() => check(key('a'), {})).not.toThrow();
    expect(() => check(key('a'), { a: [] })).not.toThrow();
    expect(() => check(key('a'), { a: [key('unknown')] })).not.toThrow();
    expect(() => assertNoCycle(key('a'), (type) => ({ type, refresh: () => Promise.reject() }))).not.toThrow();
  });

  test('a chain and a diamond of dependencies are accepted', () => {
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

  test.each([15, 16])('a chain of %i keys is accepted as long as it is at most 16', (length) => {
    const edges = Object.fromEntries(
      Array.from({ length: length - 1 }, (_, index) => [`t${index}`, [key(`t${index + 1}`)]]),
    );
    expect(() => check(key('t0'), edges)).not.toThrow();
  });

  test('an endless iteration of dependencies is a TypeError', () => {
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
  ])('a dependency that is no key is a TypeError: %#', (dependency, message) => {
    expect(() => check(key('a'), { a: [dependency] })).toThrow(TypeError);
    expect(() => check(key('a'), { a: [dependency] })).toThrow(message);
  });
});

const naming = (result: unknown): Refresher =>
  ({ type: 'a', dependsOn: () => result, refresh: () => Promise.reject() }) as unknown as Refresher;
const leaves = (count: number): TokenKey[] => Array.from({ length: count }, (_, index) => key('b', `s${index}`));

describe('dependenciesOf', () => {
  test('a key has no dependencies without dependsOn, or where it returns nothing', () => {
    expect(dependenciesOf(key('a'), undefined)).toEqual([]);
    expect(dependenciesOf(key('a'), naming(undefined))).toEqual([]);
    expect(dependenciesOf(key('a'), naming(null))).toEqual([]);
  });

  test('dependencies are copies of what dependsOn named, without other fields', () => {
    const named = { appid: 'wx1', type: 'b', subject: 's', extra: 'x' };
    expect(dependenciesOf(key('a'), naming([named]))).toEqual([{ appid: 'wx1', type: 'b', subject: 's' }]);
  });

  test.each([
    [63, true],
    [64, true],
    [65, false],
  ])('%i dependencies are accepted: %s', (count, accepted) => {
    const named = () => dependenciesOf(key('a'), naming(leaves(count)));
    if (accepted) expect(named()).toHaveLength(count);
    else expect(named).toThrow('dependsOn of a failed: its result must have at most 64 members, got 65');
  });

  test.each<[unknown, string]>([
    ['CANARY', 'dependsOn of a failed: its result must be an array, got a string'],
    [Promise.resolve([]), 'dependsOn of a failed: its result must be an array, got an object'],
    [new Set([key('b')]), 'dependsOn of a failed: its result must be an array, got an object'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is refused.
    [[key('b'), , key('c')], 'dependsOn of a failed: its result must be an array without holes'],
    [['b'], 'a key that dependsOn of a names must be an object, got a string'],
    [
      [Object.defineProperty({}, 'type', { get: () => fail() })],
      'a key that dependsOn of a names: type cannot be read',
    ],
  ])('a dependsOn that returns no array of keys is a TypeError of ours: %#', (result, message) => {
    expect(() => dependenciesOf(key('a'), naming(result))).toThrow(new TypeError(message));
  });
});

function fail(): never {
  throw new Error('CANARY');
}

describe('all dependencies of a key', () => {
  /** A key with 16 dependencies, each of which has some of its own, which end it. */
  const wide = (each: number) => {
    const edges = new Map<string, TokenKey[]>([['a', leaves(16)]]);
    return (type: string): Refresher =>
      ({
        type,
        dependsOn: ({ type: of, subject }: TokenKey) =>
          of === 'b' ? leaves(each).map(({ subject: end }) => key('c', `${subject}.${end}`)) : (edges.get(of) ?? []),
        refresh: () => Promise.reject(),
      }) as unknown as Refresher;
  };

  test.each([
    [14, true], // 1 + 16 + 224 = 241
    [15, false], // 1 + 16 + 240 = 257
  ])('a key with %i dependencies of each of 16 is accepted: %s', (each, accepted) => {
    const check = () => assertNoCycle(key('a'), wide(each));
    if (accepted) expect(check).not.toThrow();
    else expect(check).toThrow(/^dependsOn of \w leads to more than 256 keys$/);
  });

  test('a shared dependency is followed once, so that layers do not multiply', () => {
    let asked = 0;
    const layered = (type: string): Refresher =>
      ({
        type,
        dependsOn: () => {
          asked += 1;
          const layer = Number(type.slice(1));
          return layer === 12 ? [] : [key(`l${layer + 1}`), key(`l${layer + 1}`, 's')];
        },
        refresh: () => Promise.reject(),
      }) as unknown as Refresher;
    expect(() => assertNoCycle(key('l0'), layered)).not.toThrow();
    expect(asked).toBe(25);
  });
});
