import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TokenStore } from '../../../../src/core/model/store.js';
import { EncryptedStore, type EncryptedStoreOptions } from '../../../../src/stores/encrypted/encrypted-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { shared } from '../../../support/stores/shared-store.js';
import {
  A,
  all,
  B,
  C,
  DATA,
  dataOf,
  encrypted,
  held,
  ID,
  ID_OF_A,
  OTHER_ID,
  UNKNOWN_KEY,
} from './encrypted-documents.js';

describe('encryption keys', () => {
  test('the keys change in three steps, and old and new processes read what either writes', async () => {
    const inner = new MemoryStore();
    const deploys = [[A], [A, B], [B, A]];
    for (const [index, keys] of deploys.entries()) {
      const processes = [deploys[index - 1] ?? keys, keys].map((held) => encrypted(shared(inner), ...held));
      for (const [by, writer] of processes.entries()) {
        const [before] = await writer.get([ID]);
        expect(await writer.set(ID, { index, by }, before?.version ?? 0)).toBeDefined();
        for (const reader of processes) expect(await dataOf(reader)).toEqual({ index, by });
      }
    }
    const [last, next] = [encrypted(shared(inner), B, A), encrypted(shared(inner), B)];
    expect(await dataOf(next)).toEqual({ index: 2, by: 1 });
    await next.set(ID, { by: 'next' }, (await held(inner)).version);
    expect(await dataOf(last)).toEqual({ by: 'next' });
  });

  test('the first key encrypts', async () => {
    const inner = new MemoryStore();
    await encrypted(inner, A, B).set(ID, DATA, 0);
    expect((await dataOf(inner)).keyId).toBe(ID_OF_A);
    expect(await dataOf(encrypted(inner, A))).toEqual(DATA);
    expect(await dataOf(encrypted(inner, C, B, A))).toEqual(DATA);
    expect(await dataOf(encrypted(inner, B))).toEqual({
      unreadable: `it was encrypted with a key that is not among the keys (key id ${ID_OF_A})`,
    });
  });

  test('a lost key that is found again makes its documents readable again', async () => {
    const inner = new MemoryStore();
    await encrypted(inner, A).set(ID, DATA, 0);
    const before = await held(inner);
    const without = encrypted(inner, B);
    for (let n = 0; n < 3; n++) expect(await dataOf(without)).toEqual(UNKNOWN_KEY);
    expect(await held(inner)).toBe(before);
    expect(await dataOf(encrypted(inner, B, A))).toEqual(DATA);
  });

  test('a key may be dropped when all was read and written again, as the documentation shows', async () => {
    const inner = new MemoryStore();
    const due = { lane: 'access_token', at: 5 };
    await encrypted(inner, A).set(ID, DATA, 0, { due });
    await inner.set(OTHER_ID, DATA, 0);
    await encrypted(inner, C).set('key/wx3/access_token', DATA, 0);
    const store = new EncryptedStore(inner, { keys: [B, A], acceptPlaintext: true });
    for (const kind of ['app', 'task', 'key', 'limit', 'quarantine']) {
      for await (const { id, version, data, due } of store.list(kind)) {
        if (data.unreadable === undefined) await store.set(id, data, version, due && { due });
      }
    }
    const after = await all(encrypted(inner, B).list('key'));
    expect(after).toMatchObject([{ id: ID, data: DATA, due }, { id: OTHER_ID, data: DATA }, { data: UNKNOWN_KEY }]);
    expect(await dataOf(encrypted(inner, C), 'key/wx3/access_token')).toEqual(DATA);
  });

  const bytes = Buffer.from(A, 'hex');
  const forms: [string, Uint8Array | string][] = [
    ['a Buffer', bytes],
    ['a Uint8Array', new Uint8Array(bytes)],
    ['a Uint8Array of another realm', runInNewContext('Uint8Array.from(bytes)', { bytes: [...bytes] })],
    ['a part of a longer buffer', Buffer.concat([bytes, bytes]).subarray(32)],
    ['hex in capitals', A.toUpperCase()],
    ['base64', bytes.toString('base64')],
    ['base64url', bytes.toString('base64url')],
  ];

  test.each(forms)('a key may be %s', async (_, form) => {
    const inner = new MemoryStore();
    await encrypted(inner, A).set(ID, DATA, 0);
    expect(await dataOf(encrypted(inner, form))).toEqual(DATA);
  });

  test('a key of any bytes is the same in every form', () => {
    const property = fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        const keys = [key, Buffer.from(key).toString(form)];
        expect(() => encrypted(new MemoryStore(), ...keys)).toThrow(
          /^keys\[1\] must be another key, got that of keys\[0\]$/,
        );
      }
    });
    fc.assert(property);
  });

  test('keys are copied: what happens to the array later does not matter', async () => {
    const key = Buffer.from(bytes);
    const keys = [key];
    const store = new EncryptedStore(new MemoryStore(), { keys });
    key.fill(0);
    keys.length = 0;
    await store.set(ID, DATA, 0);
    expect(await dataOf(store)).toEqual(DATA);
  });
});

describe('the constructor of EncryptedStore', () => {
  const short = 'f00d'.repeat(15);
  const form = '32 bytes, as a Uint8Array, as 64 hex digits, or as base64 (44 characters; 43 of base64url)';
  const wrong: [string, unknown, string][] = [
    ['no options', undefined, 'the options of EncryptedStore must be an object, got undefined'],
    ['a key in the place of options', A, 'the options of EncryptedStore must be an object, got a string'],
    [
      'an unknown option',
      { keys: [A], key: A },
      'the options of EncryptedStore: unknown name "key", expected one of keys, acceptPlaintext',
    ],
    ['no keys', {}, 'keys must be an array, got undefined'],
    ['one key that is in no array', { keys: A }, 'keys must be an array, got a string'],
    ['no key', { keys: [] }, 'keys must contain at least one key, got an empty array'],
    ['the same key twice', { keys: [A, B, Buffer.from(A, 'hex')] }, 'keys[2] must be another key, got that of keys[0]'],
    ['a short text', { keys: [A, short] }, `keys[1] must be ${form}, got a string of 60 characters`],
    ['a line of text', { keys: [`${A}\n`] }, 'keys[0] must not end with white space (U+000A)'],
    ['a key in quotation marks', { keys: [A, `"${B}"`] }, 'keys[1] must not be in quotation marks'],
    ['an invisible character', { keys: [`\ufeff${A}`] }, 'keys[0] must not begin with an invisible character (U+FEFF)'],
    ['text that is no hex', { keys: [`${A.slice(1)}x`] }, `keys[0] must be ${form}, got a string of 64 characters`],
    [
      'base64 without padding',
      { keys: [`+${'A'.repeat(42)}`] },
      `keys[0] must be ${form}, got a string of 43 characters`,
    ],
    [
      'base64 with bits left over',
      { keys: [`${'A'.repeat(42)}B=`] },
      `keys[0] must be ${form}, got a string of 44 characters`,
    ],
    ['empty text', { keys: [A, ''] }, `keys[1] must be ${form}, got an empty string`],
    ['too few bytes', { keys: [A, new Uint8Array(31)] }, `keys[1] must be ${form}, got 31 bytes`],
    ['too many bytes', { keys: [Buffer.from(A)] }, `keys[0] must be ${form}, got 64 bytes`],
    ['an array of bytes', { keys: [[...Buffer.from(A, 'hex')]] }, `keys[0] must be ${form}, got an array`],
    ['an array with a hole', { keys: new Array(1) }, `keys[0] must be ${form}, got undefined`],
    ['an object', { keys: [{ A }] }, `keys[0] must be ${form}, got an object`],
    ['a word for yes', { keys: [A], acceptPlaintext: 'true' }, 'acceptPlaintext must be true or false, got "true"'],
    ['null for no', { keys: [A], acceptPlaintext: null }, 'acceptPlaintext must be true or false, got null'],
  ];

  test.each(wrong)('the constructor refuses %s', (_, options, message) => {
    const construct = () => new EncryptedStore(new MemoryStore(), options as EncryptedStoreOptions);
    const error = errorOf(construct);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(message);
    expect(inspect(error, { depth: 9, showHidden: true }).toLowerCase()).not.toMatch(/a1a1|f00d/);
  });

  test.each([
    [undefined, 'store must be an object with a function now, got undefined'],
    ['./wechat-tokens', 'store must be an object with a function now, got a string'],
    [{ ...shared(new MemoryStore()), lease: 1 }, 'store must be an object with a function lease, got an object'],
  ])('the constructor refuses a store that is none: %o', (store, message) => {
    expect(() => encrypted(store as unknown as TokenStore, A)).toThrow(new TypeError(message));
  });

  test('keys are shown neither by inspect nor by JSON', async () => {
    const store = encrypted(new MemoryStore(), A, Buffer.from(B, 'hex'));
    await store.set(ID, DATA, 0);
    const lease = await store.lease(ID, 1_000);
    const shown = [store, { store }, lease?.release].map((value) => {
      return inspect(value, { depth: 9, showHidden: true, getters: true }) + JSON.stringify(value);
    });
    expect(shown.join()).not.toMatch(/a1a1|b2b2|a1 a1|b2 b2|CANARY/);
  });
});

function errorOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
