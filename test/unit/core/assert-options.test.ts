import { describe, expect, test } from 'vitest';
import { assertMethods, mapMembers, readFields } from '../../../src/core/assert-options.js';

interface Fields {
  readonly a: unknown;
  readonly b: unknown;
}

const read = (value: unknown) => readFields<Fields>(value, ['a', 'b'], 'the options');

function fail(): never {
  throw new Error('CANARY');
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

describe('readFields', () => {
  test('returns the fields that are there, also inherited and hidden ones, and undefined where that was given', () => {
    const value = Object.defineProperty(Object.create({ a: 1 }), 'b', { value: undefined });
    expect(read(value)).toStrictEqual({ a: 1, b: undefined });
    expect(read({})).toStrictEqual({});
    expect(read(Object.freeze({ b: 2 }))).toStrictEqual({ b: 2 });
  });

  test('reads each field once', () => {
    let reads = 0;
    const value = {
      get a() {
        return ++reads;
      },
    };
    expect([read(value), reads]).toEqual([{ a: 1 }, 1]);
  });

  test.each<[unknown, string]>([
    [undefined, 'the options must be an object, got undefined'],
    [['a'], 'the options must be an object, got an array'],
    ['CANARY', 'the options must be an object, got a string'],
    [{ a: 1, c: 2 }, 'the options: there is no "c", only a, b'],
    [Object.defineProperty({}, 'b', { get: fail }), 'the options: b cannot be read'],
    [new Proxy({}, { ownKeys: fail }), 'the options cannot be read'],
    [new Proxy({}, { has: fail }), 'the options: a cannot be read'],
    [new Proxy({ a: 1 }, { get: fail }), 'the options: a cannot be read'],
  ])('refuses in one sentence of ours: %#', (value, message) => {
    expect(() => read(value)).toThrow(new TypeError(message));
  });
});

test('a proxy that was revoked is refused in one sentence of ours', () => {
  expect(() => read(revoked({}))).toThrow('the options must be an object, got a proxy that cannot be read');
  expect(() => mapMembers(revoked([]), 'tasks', String)).toThrow(
    'tasks must be an array, got a proxy that cannot be read',
  );
});

describe('mapMembers', () => {
  const members = (value: unknown, most?: number) => mapMembers(value, 'tasks', (member) => member, most);

  test('reads each member once, as many as there were at first', () => {
    const list: unknown[] = ['x'];
    const growing = mapMembers(list, 'tasks', (member, index) => {
      list.push('later');
      return [member, index];
    });
    expect(growing).toEqual([['x', 0]]);
    expect(members([])).toEqual([]);
    expect(members([undefined])).toEqual([undefined]);
  });

  test.each([
    [1, true],
    [2, true],
    [3, false],
  ])('%i members where two are the most are accepted: %s', (count, accepted) => {
    const list = () => members(new Array(count).fill('x'), 2);
    if (accepted) expect(list()).toHaveLength(count);
    else expect(list).toThrow('tasks must have at most 2 members, got 3');
  });

  test.each<[unknown, string]>([
    [{ length: 1 }, 'tasks must be an array, got an object'],
    [new Array(3), 'tasks must be an array without holes'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is refused.
    [['x', , 'y'], 'tasks must be an array without holes'],
    [new Proxy(['x'], { get: fail }), 'tasks cannot be read'],
    [Object.defineProperty(['x'], 0, { get: fail }), 'tasks cannot be read'],
  ])('refuses in one sentence of ours: %#', (value, message) => {
    expect(() => members(value)).toThrow(new TypeError(message));
  });
});

test.each<[unknown, string]>([
  [undefined, 'a store must be an object with a function get, got undefined'],
  [{ get: 'CANARY' }, 'a store must be an object with a function get, got an object'],
  [Object.defineProperty({}, 'get', { get: fail }), 'a store: get cannot be read'],
])('assertMethods refuses what has not the functions: %#', (value, message) => {
  expect(() => assertMethods('a store', value, ['get'])).toThrow(new TypeError(message));
  expect(() => assertMethods('a store', { get() {} }, ['get'])).not.toThrow();
});
