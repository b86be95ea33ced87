import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { TokenRecord } from '../../../../src/core/model/token-record.js';

const KEY = { appid: 'wx1', type: 'access_token', subject: 'o1' };
const FIELDS = { value: 'CANARY-the-token', obtainedAt: 1, expiresAt: 3, dueAt: 2, version: 7 };
const SHOWN = { value: '[redacted, 16 characters]', obtainedAt: 1, expiresAt: 3, dueAt: 2, version: 7 };

const record = new TokenRecord(KEY, FIELDS, async (key, version) => ({
  access_token: 'CANARY',
  key: key.appid,
  version,
}));

describe('TokenRecord', () => {
  test('TokenRecord has the value and the times', () => {
    const { value, obtainedAt, expiresAt, dueAt, version } = record;
    expect({ value, obtainedAt, expiresAt, dueAt, version }).toEqual(FIELDS);
  });

  test.each([
    ['inspect', () => inspect(record)],
    ['inspect with everything', () => inspect(record, { showHidden: true, getters: false, depth: 9 })],
    ['inspect without customs', () => inspect(record, { showHidden: true, customInspect: false, depth: 9 })],
    ['inspect within something', () => inspect({ list: [record] }, { depth: 9 })],
    ['format', () => format('%s %o %O %j', record, record, record, record)],
    ['JSON', () => JSON.stringify({ record })],
    ['a template', () => `${record}`],
    ['spread', () => JSON.stringify({ ...record })],
    ['assign', () => inspect(Object.assign({}, record))],
    ['entries', () => JSON.stringify(Object.entries(record))],
    ['descriptors', () => inspect(Object.getOwnPropertyDescriptors(record), { depth: 9, showHidden: true })],
    ['structuredClone', () => inspect(structuredClone(record), { showHidden: true })],
  ])('%s of a TokenRecord shows no secret', (_, show) => {
    expect(show()).not.toContain('CANARY');
  });

  test('TokenRecord is printed with its times', () => {
    expect(JSON.parse(JSON.stringify(record))).toEqual(SHOWN);
    expect(inspect(record)).toBe(inspect(SHOWN));
  });

  test('TokenRecord cannot be changed', () => {
    expect(Object.isFrozen(record)).toBe(true);
    expect(() => Object.assign(record, { value: 'x' })).toThrow(TypeError);
  });

  test("TokenRecord reads WeChat's answer of its own version", async () => {
    expect(await record.result()).toEqual({ access_token: 'CANARY', key: 'wx1', version: 7 });
  });
});
