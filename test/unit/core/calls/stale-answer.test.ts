import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { type CallOutcome, isStaleAnswer, isStaleTokenError } from '../../../../src/core/calls/stale-answer.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

function json(body: unknown, type: string | null = 'application/json; charset=utf-8'): Response {
  const response = new Response(typeof body === 'string' ? body : JSON.stringify(body));
  if (type === null) response.headers.delete('content-type');
  else response.headers.set('content-type', type);
  return response;
}

const isStale = (outcome: CallOutcome): Promise<boolean> => isStaleAnswer(outcome, { clock: new FakeClock() });

const failed = (fields: object): Error => Object.assign(new Error('failed'), fields);

/** The members by which a response of superagent is recognized, with a body that is not labelled as JSON. */
const SUPERAGENT = { header: {}, links: {}, body: {}, statusType: 2, text: '{"errcode":40001}' };

describe('codes of a stale token', () => {
  test.each([40_001, 40_014, 42_001, '40001', '40014', '42001'])('the code %j is stale', async (errcode) => {
    expect(await isStale({ result: { errcode } })).toBe(true);
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
  ])('the code %s is not stale', async (errcode) => {
    expect(await isStale({ result: { errcode } })).toBe(false);
  });
});

describe('shapes of a result', () => {
  test.each<[string, unknown, boolean]>([
    ['the body', { errcode: 42_001, errmsg: 'expired' }, true],
    ['the body in data', { status: 200, data: { errcode: 40_001 } }, true],
    ['a numeric string in data', { data: { errcode: '40014' } }, true],
    ['a code in neither', { code: 40_001 }, false],
    ['nested deeper', { data: { data: { errcode: 40_001 } } }, false],
    ['the body in body', { body: { errcode: 40_001 } }, true],
    ['a body that is text', { body: '{"errcode":42001}' }, true],
    ['a body nested deeper', { body: { body: { errcode: 40_001 } } }, false],
    ['a body nested in a list', { data: [{ data: { errcode: 40_001 } }] }, false],
    ['nested elsewhere', { answer: { errcode: 40_001 } }, false],
    ['a code in the body', { body: { code: 40_001 } }, false],
    ['an error in the result', { error: { code: 40_001 } }, false],
    ['a result with a response', { response: { data: { errcode: 40_001 } } }, false],
    ['a response of superagent with its text', { ...SUPERAGENT }, true],
    ['an object with less than superagent has: header', { ...SUPERAGENT, header: undefined }, false],
    ['an object with less than superagent has: links', { ...SUPERAGENT, links: undefined }, false],
    ['an object with less than superagent has: body', { ...SUPERAGENT, body: undefined }, false],
    ['an object with less than superagent has: statusType', { ...SUPERAGENT, statusType: undefined }, false],
    ['a business object with a text', { text: '{"errcode":40001}' }, false],
    ['data that is a list', { data: [{ errcode: 40_001 }] }, false],
    ['data that is text', { data: '{"errcode":40001}' }, true],
    ['data that is other text', { data: 'errcode 40001' }, false],
    ['data that is null', { data: null }, false],
    ['a list', [{ errcode: 40_001 }], false],
    ['text', '{"errcode":"40001"}', true],
    ['text with the code deeper', '{"data":{"errcode":40001}}', false],
    ['text that is a list', '[{"errcode":40001}]', false],
    ['text after white space', ' \r\n\t{"errcode":40001}\n', true],
    ['text after a byte order mark', '\ufeff{"errcode":40001}', true],
    ['text that begins otherwise', 'x{"errcode":40001}', false],
    ['text of more than 64 KiB', `{"errcode":40001,"a":"${'x'.repeat(65_536)}"}`, false],
    ['text with the code as a word', '40001', false],
    ['text that is cut off', '{"errcode":40001', false],
    ['a number', 40_001, false],
    ['null', null, false],
    ['nothing', undefined, false],
    ['an error that was returned', failed({ errcode: 40_001 }), true],
  ])('a result is judged by its shape: %s: %#', async (_, result, expected) => {
    expect(await isStale({ result })).toBe(expected);
  });
});

/** The facts of a manager's error for a secret that WeChat has refused. */
const OTHER_TOKEN = { appid: 'wx9', type: 'access_token', errcode: 40_001 };

describe('shapes of an error', () => {
  test.each<[string, unknown, boolean]>([
    ['errcode', failed({ errcode: 40_001 }), true],
    ['errcode that is text', failed({ errcode: '42001' }), true],
    ['code', failed({ code: 40_014 }), true],
    ['code that is text', failed({ code: '40001' }), true],
    ['response.data.errcode', failed({ response: { data: { errcode: 42_001 } } }), true],
    ['a plain object', { errcode: 40_001 }, true],
    ['an error of ours', new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_001 }), true],
    ['the failure to get another token', new TokenError('UPSTREAM_REJECTED', 'no', OTHER_TOKEN), false],
    ['its like in a cause', new Error('no', { cause: new TokenError('UPSTREAM_REJECTED', 'no', OTHER_TOKEN) }), false],
    ['another code', failed({ code: 'ECONNRESET' }), false],
    ['response.errcode', failed({ response: { errcode: 40_001 } }), false],
    ['data.errcode', failed({ data: { errcode: 40_001 } }), true],
    ['data.code', failed({ data: { code: 40_001 } }), false],
    ['body.errcode', failed({ body: { errcode: 40_001 } }), true],
    ['response.body.errcode', failed({ response: { body: { errcode: 40_001 } } }), true],
    ['response.body that is text', failed({ response: { body: '{"errcode":40014}' } }), true],
    ['response.data that is bytes', failed({ response: { data: Buffer.from('{"errcode":40014}') } }), true],
    ['response.body.code', failed({ response: { body: { code: 40_001 } } }), false],
    ['a response nested deeper', failed({ response: { data: { data: { errcode: 40_001 } } } }), false],
    ['a response that is text', failed({ response: '{"errcode":40001}' }), false],
    ['a cause', new Error('no', { cause: { errcode: 40_001 } }), true],
    ['the code of a cause', new Error('no', { cause: failed({ code: 42_001 }) }), true],
    ['the response of a cause', new Error('no', { cause: failed({ response: { data: { errcode: 42_001 } } }) }), true],
    ['a message', new Error('{"errcode":40001}'), false],
    ['a transaction of PostgreSQL that has to be repeated', failed({ code: '40001', severity: 'ERROR' }), false],
    ['such a transaction in a cause', new Error('no', { cause: failed({ code: '40001', severity: 'ERROR' }) }), false],
    ['a deadlock of MySQL', failed({ code: 'ER_LOCK_DEADLOCK', errno: 1213, sqlState: '40001' }), false],
    ['a transaction of MySQL that has to be repeated', failed({ code: '40001', sqlState: '40001' }), false],
    ['a response that is null', failed({ response: null }), false],
    ['a list', [{ errcode: 40_001 }], false],
    ['text', '40001', false],
    ['null', null, false],
  ])('an error is judged by its shape: %s: %#', async (_, error, expected) => {
    expect(await isStale({ error })).toBe(expected);
  });

  test.each([
    [8, true],
    [9, false],
  ])('an error is judged by its causes: %i of them: %s', async (count, expected) => {
    let error: unknown = { errcode: 40_001 };
    for (let depth = 0; depth < count; depth++) error = new Error('no', { cause: error });
    expect(await isStale({ error })).toBe(expected);
  });

  test('an error that is undefined is no error', async () => {
    expect(await isStale({ error: undefined })).toBe(false);
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
    ['text/html', true],
    ['text/javascript', true],
    ['application/octet-stream', true],
    ['image/jpeg', true],
    [null, true],
    ['text/event-stream', false],
    ['multipart/x-mixed-replace; boundary=x', false],
  ])('a Response of type %s is looked at: %s, and can still be read', async (type, expected) => {
    const response = json({ errcode: 40_001 }, type);
    expect(await isStale({ result: response })).toBe(expected);
    expect(response.bodyUsed).toBe(false);
    expect(await response.json()).toEqual({ errcode: 40_001 });
  });

  test.each([
    ['another code', { errcode: 0 }],
    ['a code in data', { data: { errcode: 40_001 } }],
    ['no JSON', '<html>40001</html>'],
    ['no body', ''],
    ['null', null],
  ])('a Response with %s is not stale', async (_, body) => {
    expect(await isStale({ result: json(body) })).toBe(false);
  });

  test('a Response that was read before is left alone', async () => {
    const response = json({ errcode: 40_001 });
    await response.text();
    expect(await isStale({ result: response })).toBe(false);
  });

  test.each([
    ['thrown', (response: Response) => response],
    ['the response of an error', (response: Response) => failed({ response })],
    ['the cause of an error', (response: Response) => new Error('no', { cause: response })],
  ])('a Response that is %s is looked at, and can still be read', async (_, errorWith) => {
    const response = json({ errcode: 42_001 });
    expect(await isStale({ error: errorWith(response) })).toBe(true);
    expect(await response.json()).toEqual({ errcode: 42_001 });
  });

  test.each([
    [['{"errcode":', '40001}'], true],
    [[' \n', '{"errcode":40001}'], true],
    [['{"errcode":0}'], false],
    [['<html>'], false],
  ])(
    'a Response whose body does not end is judged as soon as its beginning says enough: %j',
    async (parts, expected) => {
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          for (const part of parts) {
            controller.enqueue(Buffer.from(part));
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      });
      expect(await isStale({ result: new Response(body) })).toBe(expected);
    },
  );

  test('a Request is not taken for a Response', async () => {
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://127.0.0.1', { method: 'POST', headers, body: '{"errcode":40001}' });
    expect(await isStale({ result: request })).toBe(false);
    expect(request.bodyUsed).toBe(false);
  });
});

describe('a Blob', () => {
  const text = '{"errcode":40001}';
  const polyfill = { size: 17, type: '', slice() {}, stream() {}, arrayBuffer() {}, text: async () => text };

  test.each<[string, unknown, boolean]>([
    ['as the result', new Blob([text], { type: 'application/octet-stream' }), true],
    ['after a byte order mark', new Blob(['\ufeff', text]), true],
    ['as data', { data: new Blob([text]) }, true],
    ['as body', { body: new Blob([text]) }, true],
    ['of another package', polyfill, true],
    ['of a file', new File([text], 'answer.json'), true],
    ['of something else', new Blob(['x', text]), false],
    ['of more than 64 KiB', new Blob([text, ' '.repeat(65_536)]), false],
    ['that cannot be read', { ...polyfill, text: () => Promise.reject(new Error('gone')) }, false],
  ])('a Blob is judged by its size and text: %s: %#', async (_, result, expected) => {
    expect(await isStale({ result })).toBe(expected);
    expect(await isStale({ error: failed({ response: { data: result } }) })).toBe(expected && !isMember(result));
  });

  const isMember = (result: unknown): boolean => 'data' in (result as object) || 'body' in (result as object);

  test('a Blob that is thrown is looked at', async () => {
    expect(await isStale({ error: new Blob([text]) })).toBe(true);
  });
});

describe('bytes', () => {
  const text = '{"errcode":40001}';
  const bytes = Buffer.from(text);
  const inOtherRealm = (expression: string): unknown =>
    runInNewContext(`const codes = ${JSON.stringify([...bytes])}; ${expression}`);

  test.each<[string, unknown, boolean]>([
    ['a Buffer', bytes, true],
    ['a Uint8Array', new Uint8Array(bytes), true],
    ['an ArrayBuffer', new Uint8Array(bytes).buffer, true],
    ['a DataView', new DataView(new Uint8Array(bytes).buffer), true],
    ['a part of a buffer', Buffer.from(`xx${text}xx`).subarray(2, 2 + text.length), true],
    ['a Uint8Array of another realm', inOtherRealm('Uint8Array.from(codes)'), true],
    ['an ArrayBuffer of another realm', inOtherRealm('Uint8Array.from(codes).buffer'), true],
    ['bytes after white space', Buffer.from(` \r\n\t${text}`), true],
    ['bytes after a byte order mark', Buffer.from(`\ufeff ${text}`), true],
    ['bytes that begin otherwise', Buffer.from(`x${text}`), false],
    ['bytes of more than 64 KiB', Buffer.from(`${' '.repeat(65_536)}${text}`), false],
    [
      'bytes of more than 64 KiB in fewer characters',
      Buffer.from(`{"errcode":40001,"a":"${'微'.repeat(30_000)}"}`),
      false,
    ],
    ['bytes without the code', Buffer.from('{"errcode":0,"errmsg":"40001"}'), false],
    ['no bytes', Buffer.alloc(0), false],
  ])('bytes are judged as the text they hold: %s: %#', async (_, body, expected) => {
    expect(await isStale({ result: body })).toBe(expected);
    expect(await isStale({ result: { data: body } })).toBe(expected);
    expect(await isStale({ error: failed({ response: { body } }) })).toBe(expected);
  });

  test.each([
    [65_535, true],
    [65_536, true],
    [65_537, false],
  ])('bytes are looked at up to 64 KiB, as text is: %i', async (length, expected) => {
    const head = '{"errcode":40001,"errmsg":"';
    const long = `${head}${'x'.repeat(length - head.length - 2)}"}`;
    expect(await isStale({ result: long })).toBe(expected);
    expect(await isStale({ result: Buffer.from(long) })).toBe(expected);
  });
});

describe('objects that are hard to look at', () => {
  test('a member that throws hides no other member', async () => {
    const result = {
      get errcode(): number {
        throw new Error('no');
      },
      data: { errcode: 40_001 },
    };
    expect(await isStale({ result })).toBe(true);
  });

  test('a search through circular causes ends', async () => {
    const error: Error = new Error('first');
    error.cause = new Error('second', { cause: error });
    expect(await isStale({ error })).toBe(false);
  });

  test('errors and objects of another realm count like those of this realm', async () => {
    const error: unknown = runInNewContext("Object.assign(new Error('no'), { code: '40001' })");
    expect(await isStale({ error })).toBe(true);
    expect(await isStale({ result: runInNewContext('({ data: { errcode: 40014 } })') })).toBe(true);
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
