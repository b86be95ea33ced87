import { describe, expect, test } from 'vitest';
import { jsonCopy, jsonTextOf } from '../../../../src/core/primitives/json-copy.js';

const BOUNDS = { maxLength: 100, maxDepth: 3 };
const copy = (value: unknown) => jsonCopy('params', value as object, BOUNDS);
const EMPTY = 'an instance of a class without fields of its own, such as a promise or a Map';

function fail(): never {
  throw new Error('CANARY');
}

describe('jsonCopy', () => {
  test('jsonCopy copies what JSON keeps, and shares nothing with it', () => {
    const given = { a: [1, 'x', null, true], b: { c: undefined, d: new Date(0) }, e: Object.create(null) };
    const copied = copy(given);
    expect(copied).toEqual({ a: [1, 'x', null, true], b: { d: '1970-01-01T00:00:00.000Z' }, e: {} });
    given.a.push('later');
    expect(copied['a']).toHaveLength(4);
  });

  test('jsonCopy takes a class whose instances say what they are in JSON', () => {
    class Money {
      toJSON(): object {
        return { cents: 5 };
      }
    }
    expect(copy(new Money())).toEqual({ cents: 5 });
    expect(copy({ price: new Money() })).toEqual({ price: { cents: 5 } });
  });

  test.each<[unknown, string]>([
    [{ a: Promise.resolve('CANARY') }, `params must be JSON, but "a" is ${EMPTY}`],
    [{ a: { b: new Map([['CANARY', 1]]) } }, `params must be JSON, but "b" is ${EMPTY}`],
    [{ a: [new Set(['CANARY'])] }, `params must be JSON, but "0" is ${EMPTY}`],
    [{ a: /CANARY/ }, `params must be JSON, but "a" is ${EMPTY}`],
    [{ a: () => 'CANARY' }, 'params must be JSON, but "a" is a function'],
    [{ a: Symbol('CANARY') }, 'params must be JSON, but "a" is a symbol'],
    [{ a: Number.NaN }, 'params must be JSON, but "a" is NaN'],
    [{ a: Number.NEGATIVE_INFINITY }, 'params must be JSON, but "a" is -Infinity'],
    [{ a: new Date(Number.NaN) }, 'params must be JSON, but "a" is an invalid date'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is refused.
    [{ a: [1, , 2] }, 'params must be JSON, but "1" is missing'],
    [{ a: [undefined] }, 'params must be JSON, but "0" is missing'],
    [{ a: 1n }, 'params must be JSON'],
    [Object.defineProperty({}, 'a', { enumerable: true, get: fail }), 'params must be JSON'],
    [{ toJSON: fail }, 'params must be JSON'],
    [Buffer.from('{"CANARY":1}'), 'params must be an object with fields of its own, got bytes'],
    [new Uint8Array(3), 'params must be an object with fields of its own, got bytes'],
    [new Float64Array(3), 'params must be an object with fields of its own, got bytes'],
    [{ a: Buffer.from('CANARY') }, 'params must be JSON, but "a" is bytes'],
    [{ a: [new Uint16Array(3)] }, 'params must be JSON, but "0" is bytes'],
    [
      /CANARY/,
      'params must be an object with fields of its own, got an instance of a class without any, such as a promise or a Map',
    ],
    [new Date(0), 'params must be an object in JSON too'],
    [{ toJSON: () => ['CANARY'] }, 'params must be an object in JSON too'],
    [{ toJSON: () => undefined }, 'params must be an object in JSON too'],
    [{ a: 'x'.repeat(93) }, 'params must be at most 100 characters of JSON, got 101'],
    [{ a: 1, b: [[{}]] }, 'params must be at most 3 objects and arrays deep'],
    [{ a: [[{}]] }, 'params must be at most 3 objects and arrays deep'],
  ])('jsonCopy refuses what JSON would turn into something else: %#', (value, message) => {
    expect(() => copy(value)).toThrow(new TypeError(message));
    expect(message).not.toContain('CANARY');
  });

  test('jsonCopy takes the most characters and the greatest depth', () => {
    expect(copy({ a: 'x'.repeat(92) })['a']).toHaveLength(92);
    expect(copy({ a: [[1]] })).toEqual({ a: [[1]] });
  });

  test('jsonCopy refuses a proxy that was revoked, without its message', () => {
    const { proxy, revoke } = Proxy.revocable({ a: 1 }, {});
    revoke();
    expect(() => copy({ a: proxy })).toThrow(new TypeError('params must be JSON'));
  });
});

describe('jsonTextOf', () => {
  test('jsonTextOf refuses instances that become {}, and nothing else that JSON can convert', () => {
    expect(jsonTextOf('result', { a: Number.NaN, b: () => 1, c: [undefined], d: new Date(0) })).toBe(
      '{"a":null,"c":[null],"d":"1970-01-01T00:00:00.000Z"}',
    );
    expect(() => jsonTextOf('result', { a: new Map() })).toThrow(`result must be JSON, but "a" is ${EMPTY}`);
    expect(() => jsonTextOf('result', Buffer.from('{}'))).toThrow(
      'result must be an object with fields of its own, got bytes',
    );
    expect(() => jsonTextOf('result', new Map())).toThrow('result must be an object with fields of its own');
  });
});
