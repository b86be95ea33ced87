import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type ApiKeyOptions, checkedApiKeys, createApiKey, keyIdOf } from '../../../../src/http/access/api-key.js';

const { key, entry } = createApiKey({ scopes: ['read'] });

describe('new keys', () => {
  test('a new key holds the id of its entry, and the entry holds a hash in place of the key', () => {
    expect(key).toMatch(/^wtm_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
    expect(entry).toEqual({
      id: keyIdOf(key),
      hash: createHash('sha256').update(key).digest('hex'),
      scopes: ['read'],
      createdAt: expect.any(Number),
    });
    expect(Math.abs(Date.now() - (entry.createdAt ?? 0))).toBeLessThan(60_000);
  });

  test('a new key is made of the random bytes that it is given', () => {
    const made = createApiKey({ scopes: ['refresh'] }, (size) => new Uint8Array(size).fill(255));
    expect(made.key).toBe(`wtm_dddddddd_${'_'.repeat(42)}8`);
    expect(createApiKey({ scopes: ['read'] }).key).not.toBe(key);
  });

  test('a new key has the limits of its options, as a copy', () => {
    const appids = ['wx-a'];
    const limits: ApiKeyOptions = { scopes: ['read', 'refresh'], appids, perSecond: 5, note: 'of the shop' };
    const made = createApiKey(limits);
    appids.push('wx-b');
    expect(made.entry).toMatchObject({ ...limits, appids: ['wx-a'] });
    expect(checkedApiKeys([made.entry])).toEqual([made.entry]);
  });

  test('the entry of a new key has its creation time and its expiry', () => {
    const made = createApiKey({ scopes: ['read'], expiresAt: 1_001 }, undefined, 1_000);
    expect(made.entry).toMatchObject({ createdAt: 1_000, expiresAt: 1_001 });
    expect(checkedApiKeys([made.entry])).toEqual([made.entry]);
  });

  test.each([
    [1_000, 'expiresAt must be after 1000, in milliseconds since 1970, got 1000'],
    [999, 'expiresAt must be after 1000'],
    [1_000.5, 'expiresAt must be a whole number, got 1000.5'],
    [-1, 'expiresAt must be a number from 0 to 8640000000000000, got -1'],
    ['2027-01-01', 'expiresAt must be a number from 0 to 8640000000000000, got a string'],
    [null, 'expiresAt must be a number from 0 to 8640000000000000, got null'],
  ])('a new key cannot expire at %j', (expiresAt, message) => {
    const create = (): unknown => createApiKey({ scopes: ['read'], expiresAt: expiresAt as number }, undefined, 1_000);
    expect(create).toThrow(message);
  });

  test.each([
    [undefined, 'the options of createApiKey must be an object, got undefined'],
    [{}, 'scopes must be an array of read, refresh, register, call, got undefined'],
    [
      { scopes: ['read'], appid: 'wx' },
      'the options of createApiKey: unknown name "appid", expected one of scopes, appids,',
    ],
    [{ scopes: ['read'], appids: [] }, 'appids must contain at least one appid, got an empty array'],
    [{ scopes: ['read'], perSecond: Number.NaN }, 'perSecond must be a number from 0.01 to 1000000, got NaN'],
    [{ scopes: ['read'], perSecond: 1_000_001 }, 'perSecond must be a number from 0.01 to 1000000, got 1000001'],
    [{ scopes: ['read'], perSecond: '5' }, 'perSecond must be a number, got a string'],
    [{ scopes: ['read'], note: 5 }, 'note must be a string, got a number'],
  ])('createApiKey rejects %j', (options, message) => {
    const create = (): unknown => createApiKey(options as ApiKeyOptions);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(message);
  });
});

test.each([
  ['as the hash', { ...entry, hash: key }],
  ['as the id', { ...entry, id: key }],
  ['as a scope', { ...entry, scopes: [key] }],
  ['as an appid, with its scheme', { ...entry, appids: [`Bearer ${key}`] }],
  ['as a limit', { ...entry, perSecond: key }],
  ['as the name of a field', { ...entry, [key]: true }],
  ['instead of an entry', key],
])('a key in the wrong place is not shown in the error: %s', (_, wrong) => {
  expect(shownBy(() => checkedApiKeys([wrong]))).not.toMatch(/wtm_/);
});

function shownBy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return inspect(error, { depth: 9 });
  }
  throw new Error('nothing was thrown');
}

test('an entry of an older release without createdAt is accepted', () => {
  const { createdAt: _createdAt, ...older } = entry;
  expect(checkedApiKeys([older])).toEqual([older]);
  expect(() => checkedApiKeys([{ ...entry, createdAt: 'today' }])).toThrow('keys[0].createdAt must be a number');
});
