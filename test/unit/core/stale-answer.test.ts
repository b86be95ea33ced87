import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../src/core/errors.js';
import { isStaleAnswer, isStaleTokenError } from '../../../src/core/stale-answer.js';

function json(body: unknown, type: string | null = 'application/json; charset=utf-8'): Response {
  const response = new Response(typeof body === 'string' ? body : JSON.stringify(body));
  if (type === null) response.headers.delete('content-type');
  else response.headers.set('content-type', type);
  return response;
}

const failed = (fields: object): Error => Object.assign(new Error('failed'), fields);

describe('codes', () => {
  test.each([40_001, 40_014, 42_001, '40001', '40014', '42001'])('%j is stale', async (errcode) => {
    expect(await isStaleAnswer({ result: { errcode } })).toBe(true);
  });

  test.each([
    40_000,
    40_002,
    40_013,
    40_015,
    42_000,
    42_002,
    0,
    -1,
    40_001.5,
    Number.NaN,
    '040001',
    '40001 ',
    ' 40001',
    '40001.0',
    '4000',
    '400010',
    '',
    null,
    undefined,
    true,
    40_001n,
    [40_001],
    { errcode: 40_001 },
  ])('%s is not', async (errcode) => {
    expect(await isStaleAnswer({ result: { errcode } })).toBe(false);
  });
});

describe('shapes of a result', () => {
  test.each<[string, unknown, boolean]>([
    ['the body', { errcode: 42_001, errmsg: 'expired' }, true],
    ['the body in data', { status: 200, data: { errcode: 40_001 } }, true],
    ['a numeric string in data', { data: { errcode: '40014' } }, true],
    ['a code in neither', { code: 40_001 }, false],
    ['nested deeper', { data: { data: { errcode: 40_001 } } }, false],
    ['nested elsewhere', { body: { errcode: 40_001 } }, false],
    ['data that is a list', { data: [{ errcode: 40_001 }] }, false],
    ['data that is text', { data: '{"errcode":40001}' }, false],
    ['data that is null', { data: null }, false],
    ['a list', [{ errcode: 40_001 }], false],
    ['text', '{"errcode":40001}', false],
    ['a number', 40_001, false],
    ['null', null, false],
    ['nothing', undefined, false],
    ['an error that was returned', failed({ errcode: 40_001 }), true],
  ])('%s: %#', async (_, result, expected) => {
    expect(await isStaleAnswer({ result })).toBe(expected);
  });
});

describe('shapes of an error', () => {
  test.each<[string, unknown, boolean]>([
    ['errcode', failed({ errcode: 40_001 }), true],
    ['errcode that is text', failed({ errcode: '42001' }), true],
    ['code', failed({ code: 40_014 }), true],
    ['code that is text', failed({ code: '40001' }), true],
    ['response.data.errcode', failed({ response: { data: { errcode: 42_001 } } }), true],
    ['a plain object', { errcode: 40_001 }, true],
    ['an error of ours', new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_001 }), true],
    ['another code', failed({ code: 'ECONNRESET' }), false],
    ['response.errcode', failed({ response: { errcode: 40_001 } }), false],
    ['data.errcode', failed({ data: { errcode: 40_001 } }), false],
    ['a cause', new Error('no', { cause: { errcode: 40_001 } }), false],
    ['a response that is null', failed({ response: null }), false],
    ['a list', [{ errcode: 40_001 }], false],
    ['text', '40001', false],
    ['null', null, false],
  ])('%s: %#', async (_, error, expected) => {
    expect(await isStaleAnswer({ error })).toBe(expected);
  });

  test('an error that is undefined is no error', async () => {
    expect(await isStaleAnswer({ error: undefined })).toBe(false);
  });
});

describe('a Response', () => {
  test.each([
    ['application/json', true],
    ['application/JSON; charset=utf-8', true],
    ['application/problem+json', true],
    ['text/json', true],
    ['text/plain', true],
    ['TEXT/PLAIN; encoding=utf-8', true],
    ['text/html', false],
    ['application/jsonp', false],
    ['application/octet-stream', false],
    ['image/text/plain', false],
    [null, false],
  ])('of type %s is looked at: %s, and can still be read', async (type, expected) => {
    const response = json({ errcode: 40_001 }, type);
    expect(await isStaleAnswer({ result: response })).toBe(expected);
    expect(response.bodyUsed).toBe(false);
    expect(await response.json()).toEqual({ errcode: 40_001 });
  });

  test.each([
    ['another code', { errcode: 0 }],
    ['a code in data', { data: { errcode: 40_001 } }],
    ['no JSON', '<html>40001</html>'],
    ['no body', ''],
    ['null', null],
  ])('with %s is not stale', async (_, body) => {
    expect(await isStaleAnswer({ result: json(body) })).toBe(false);
  });

  test('that was read before is left alone', async () => {
    const response = json({ errcode: 40_001 });
    await response.text();
    expect(await isStaleAnswer({ result: response })).toBe(false);
  });

  test('without the global class is an object like any other', async () => {
    const { Response: before } = globalThis;
    Reflect.deleteProperty(globalThis, 'Response');
    try {
      expect(await isStaleAnswer({ result: { errcode: 40_001 } })).toBe(true);
    } finally {
      globalThis.Response = before;
    }
  });
});

test.each([
  [new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_001 }), true],
  [new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_002 }), false],
  [new TokenError('UPSTREAM_REJECTED', 'no'), false],
  [failed({ errcode: 40_001 }), false],
  [undefined, false],
])(
  "a refresher's error tells of a stale token only when it is a TokenError with such a code: %#",
  (error, expected) => {
    expect(isStaleTokenError(error)).toBe(expected);
  },
);
