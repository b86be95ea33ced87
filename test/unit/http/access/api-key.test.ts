import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type ApiKeyOptions, checkedApiKeys, createApiKey, keyIdOf } from '../../../../src/http/access/api-key.js';

const { key, entry } = createApiKey({ scopes: ['read'] });

describe('a new key', () => {
  test('names its entry, which holds its hash and never the key', () => {
    expect(key).toMatch(/^wtm_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
    expect(entry).toEqual({
      id: keyIdOf(key),
      hash: createHash('sha256').update(key).digest('hex'),
      scopes: ['read'],
    });
  });

  test('is made of the random bytes that it is given', () => {
    const made = createApiKey({ scopes: ['refresh'] }, (size) => new Uint8Array(size).fill(255));
    expect(made.key).toBe(`wtm_dddddddd_${'_'.repeat(42)}8`);
    expect(createApiKey({ scopes: ['read'] }).key).not.toBe(key);
  });

  test('has the limits that it was made with, as a copy', () => {
    const appids = ['wx-a'];
    const limits: ApiKeyOptions = { scopes: ['read', 'refresh'], appids, perSecond: 5, note: 'of the shop' };
    const made = createApiKey(limits);
    appids.push('wx-b');
    expect(made.entry).toMatchObject({ ...limits, appids: ['wx-a'] });
    expect(checkedApiKeys([made.entry])).toEqual([made.entry]);
  });

  test.each([
    [undefined, 'the options of createApiKey must be an object, got undefined'],
    [{}, 'scopes must be an array of read, refresh, register, got undefined'],
    [{ scopes: ['read'], appid: 'wx' }, 'the options of createApiKey: there is no "appid", only scopes, appids,'],
    [{ scopes: ['read'], appids: [] }, 'appids must hold at least one appid, got an empty array'],
    [{ scopes: ['read'], perSecond: Number.NaN }, 'perSecond must be a number from 0.01 to 1000000, got NaN'],
    [{ scopes: ['read'], perSecond: 1_000_001 }, 'perSecond must be a number from 0.01 to 1000000, got 1000001'],
    [{ scopes: ['read'], perSecond: '5' }, 'perSecond must be a number, got a string'],
    [{ scopes: ['read'], note: 5 }, 'note must be a string, got a number'],
  ])('is refused for %j', (options, message) => {
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
])('a key that stands where it does not belong is not shown: %s', (_, wrong) => {
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
