import { describe, expect, test } from 'vitest';
import { readStatusQuery } from '../../../../src/core/engine/status.js';
import type { StatusQuery } from '../../../../src/core/engine/task-status.js';

const TYPES = new Set(['access_token', 'jsapi_ticket']);

function read(query: unknown): StatusQuery {
  return readStatusQuery(query as StatusQuery, (type) => {
    if (!TYPES.has(type as string)) throw new TypeError(`there is no type ${String(type)}`);
  });
}

describe('a query of the status', () => {
  test.each<StatusQuery>([
    {},
    { appid: 'wx1' },
    { appid: 'wx1', type: 'access_token' },
    { appid: 'wx1', type: 'access_token', subject: 'o/1' },
    { limit: 1 },
    { limit: Number.MAX_SAFE_INTEGER },
    { after: 'wx1/access_token' },
    { after: 'wx1/access_token/o%2F1' },
    { after: `${'a'.repeat(384)}/${'b'.repeat(384)}/${'c'.repeat(384)}` },
  ])('a query is accepted: %j', (query) => {
    expect(read(query)).toMatchObject(query);
  });

  test.each<[string, unknown, string | RegExp]>([
    ['a type without an appid', { type: 'access_token' }, 'status takes a type only together with an appid'],
    ['a subject without a type', { appid: 'wx1', subject: 's' }, 'status takes a subject only together with a type'],
    ['an unknown type', { appid: 'wx1', type: 'x' }, 'there is no type x'],
    ['an appid of the wrong kind', { appid: 7 }, /appid/],
    ['a subject of the wrong kind', { appid: 'wx1', type: 'access_token', subject: 7 }, /subject/],
    ['a limit of none', { limit: 0 }, /limit/],
    ['a limit with a fraction', { limit: 1.5 }, /limit/],
    ['a limit as text', { limit: '10' }, /limit/],
    ['a field with a typing error', { appId: 'wx1' }, /appId/],
    ['no object', 'wx1', /the query of status/],
  ])('a query with %s is refused', (_, query, message) => {
    expect(() => read(query)).toThrow(TypeError);
    expect(() => read(query)).toThrow(message);
  });

  test.each<[string, unknown]>([
    ['a number', 7],
    ['an appid alone', 'wx1'],
    ['an empty text', ''],
    ['an empty segment', 'wx1//s'],
    ['four segments', 'wx1/a/s/t'],
    ['a space', 'wx1/a b'],
    ['a character that is not ASCII', 'wx1/票'],
    ['a segment of 385 characters', `wx1/${'a'.repeat(385)}`],
    ['a line break at the end', 'wx1/a\n'],
    ['a slash in front', '/wx1/a'],
  ])('a page after %s is refused, as that is no id of a task', (_, after) => {
    expect(() => read({ after })).toThrow(/^after must be the id of a task, got /);
  });

  test('each field of a query is read once', () => {
    let reads = 0;
    const query = {
      get appid() {
        reads += 1;
        return 'wx1';
      },
    };
    expect([read(query).appid, reads]).toEqual(['wx1', 1]);
  });
});
