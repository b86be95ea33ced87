import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  assertBoolean,
  assertFunction,
  assertInteger,
  assertMethods,
  assertNumber,
  copyField,
  copyFields,
  mapMembers,
  readFields,
} from '../../../../src/core/primitives/assert-options.js';

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
  test('readFields returns the fields that are there, also inherited, hidden and undefined ones', () => {
    const value = Object.defineProperty(Object.create({ a: 1 }), 'b', { value: undefined });
    expect(read(value)).toStrictEqual({ a: 1, b: undefined });
    expect(read({})).toStrictEqual({});
    expect(read(Object.freeze({ b: 2 }))).toStrictEqual({ b: 2 });
  });

  test('readFields reads each field once', () => {
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
    [{ a: 1, c: 2 }, 'the options: unknown name "c", expected one of a, b'],
    [Object.defineProperty({}, 'b', { get: fail }), 'the options: b cannot be read'],
    [new Proxy({}, { ownKeys: fail }), 'the options cannot be read'],
    [new Proxy({}, { has: fail }), 'the options: a cannot be read'],
    [new Proxy({ a: 1 }, { get: fail }), 'the options: a cannot be read'],
  ])('readFields refuses in one sentence of ours: %#', (value, message) => {
    expect(() => read(value)).toThrow(new TypeError(message));
  });
});

describe('objects that look like empty options', () => {
  const NO_FIELDS =
    'the options must be an object with fields of its own, got an instance of a class without any, such as a Map';

  class Empty {}

  test.each<[string, unknown, string]>([
    ['a promise', Promise.resolve({ a: 1 }), 'the options must be an object, got a promise that was not awaited'],
    // biome-ignore lint/suspicious/noThenProperty: the thenable is what is refused.
    ['a thenable', Object.create({ then() {} }), 'the options must be an object, got a promise that was not awaited'],
    ['a Map', new Map([['a', 1]]), NO_FIELDS],
    ['a Set', new Set(['a']), NO_FIELDS],
    ['a WeakMap', new WeakMap(), NO_FIELDS],
    ['an Error', new Error('CANARY'), NO_FIELDS],
    ['a Date', new Date(), NO_FIELDS],
    ['a RegExp', /CANARY/, NO_FIELDS],
    ['a URL', new URL('https://u:CANARY@example.com'), NO_FIELDS],
    ['an AbortSignal', new AbortController().signal, NO_FIELDS],
    ['an ArrayBuffer', new ArrayBuffer(8), NO_FIELDS],
    ['an instance of a class', new Empty(), NO_FIELDS],
    ['a Map of another realm', runInNewContext('new Map([["a", 1]])'), NO_FIELDS],
    [
      'a promise of another realm',
      runInNewContext('Promise.resolve({})'),
      NO_FIELDS.replace(/ with.*/, ', got a promise that was not awaited'),
    ],
    ['a proxy without a prototype to read', new Proxy({}, { getPrototypeOf: fail }), 'the options cannot be read'],
  ])('an object that only looks like empty options is refused: %s', (_, value, message) => {
    expect(() => read(value)).toThrow(new TypeError(message));
    expect(() => copyFields<Fields>(value, ['a', 'b'], 'the options')).toThrow(new TypeError(message));
    expect(message).not.toContain('CANARY');
  });

  test.each<[string, unknown]>([
    ['empty ones', {}],
    ['ones without a prototype', Object.create(null)],
    ['empty ones of another realm', runInNewContext('({})')],
    ['ones that inherit a field', Object.create({ a: 1 })],
    [
      'an instance whose class has a getter of that name',
      new (class {
        get a() {
          return 1;
        }
      })(),
    ],
  ])('an object that serves as empty options is accepted: %s', (_, value) => {
    expect(() => read(value)).not.toThrow();
  });
});

test.each(['CANARY', '5', Number.NaN, -1, null, {}])(
  'a number that is not valid is named, a string is not shown: %j',
  (value) => {
    const got =
      typeof value === 'string'
        ? 'a string'
        : value === null
          ? 'null'
          : typeof value === 'object'
            ? 'an object'
            : String(value);
    expect(() => assertNumber('timeoutMs', value, 0, 9)).toThrow(
      new TypeError(`timeoutMs must be a number from 0 to 9, got ${got}`),
    );
    expect(() => assertInteger('limit', value, 0, 9)).toThrow(
      new TypeError(`limit must be a number from 0 to 9, got ${got}`),
    );
  },
);

test.each([0, 0.5, 9])('the number %d is accepted where 0 to 9 are', (value) => {
  expect(() => assertNumber('timeoutMs', value, 0, 9)).not.toThrow();
});

test.each([9.5, 10, Number.POSITIVE_INFINITY, 5n])('%s is refused where 0 to 9 are accepted', (value) => {
  expect(() => assertNumber('timeoutMs', value, 0, 9)).toThrow(
    new TypeError(`timeoutMs must be a number from 0 to 9, got ${value}`),
  );
});

test('assertInteger accepts whole numbers only', () => {
  expect(() => assertInteger('limit', 9, 0, 9)).not.toThrow();
  expect(() => assertInteger('limit', 0.5, 0, 9)).toThrow(new TypeError('limit must be a whole number, got 0.5'));
});

test('assertFunction accepts functions and an absent option', () => {
  for (const value of [undefined, () => {}, class {}]) {
    expect(() => assertFunction('isStale', value)).not.toThrow();
  }
});

test.each([
  [null, 'null'],
  ['CANARY', 'a string'],
  [{}, 'an object'],
])('assertFunction refuses what is no function, without showing it: %j', (value, got) => {
  expect(() => assertFunction('isStale', value)).toThrow(new TypeError(`isStale must be a function, got ${got}`));
});

test('assertBoolean accepts both values and an absent option', () => {
  for (const value of [undefined, true, false]) expect(() => assertBoolean('force', value)).not.toThrow();
});

test.each([
  [null, 'null'],
  [0, '0'],
  ['true', '"true"'],
  ['a text that may be a token', 'a string'],
])('assertBoolean refuses what is neither true nor false: %j', (value, got) => {
  expect(() => assertBoolean('force', value)).toThrow(new TypeError(`force must be true or false, got ${got}`));
});

describe('copyField', () => {
  const copied = (value: unknown) => copyField<Fields>(value, 'a', 'the options');

  test('copyField returns one field, also an inherited one, and nothing for an absent one', () => {
    expect(copied({ a: 1, b: 2 })).toStrictEqual({ a: 1 });
    expect(copied(Object.create({ a: undefined }))).toStrictEqual({ a: undefined });
    expect(copied(new Map())).toStrictEqual({});
  });

  test.each<[unknown, string]>([
    ['CANARY', 'the options must be an object, got a string'],
    [Object.defineProperty({}, 'a', { get: fail }), 'the options: a cannot be read'],
  ])('copyField refuses in one sentence of ours: %#', (value, message) => {
    expect(() => copied(value)).toThrow(new TypeError(message));
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

  test('mapMembers reads each member once, as many as there were at first', () => {
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
  ])('mapMembers refuses in one sentence of ours: %#', (value, message) => {
    expect(() => members(value)).toThrow(new TypeError(message));
  });
});

test.each<[unknown, string]>([
  [undefined, 'a store must be an object with a function get, got undefined'],
  [{ get: 'CANARY' }, 'a store must be an object with a function get, got an object'],
  [Object.defineProperty({}, 'get', { get: fail }), 'a store: get cannot be read'],
])('assertMethods refuses an object that lacks the functions: %#', (value, message) => {
  expect(() => assertMethods('a store', value, ['get'])).toThrow(new TypeError(message));
  expect(() => assertMethods('a store', { get() {} }, ['get'])).not.toThrow();
});
