import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { EncryptedStore } from '../../../../src/stores/encrypted/encrypted-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { anyCodePoint } from '../../../support/any-text.js';
import { everythingIn, newDirectory, openStore } from '../file/file-places.js';
import {
  A,
  all,
  B,
  DATA,
  dataOf,
  encrypted,
  held,
  ID,
  ID_OF_A,
  NOT_ENCRYPTED,
  NOT_VERIFIED,
  OTHER_ID,
  plant,
  UNKNOWN_KEY,
} from './encrypted-documents.js';

describe('a document that is written', () => {
  test('get, list and lease return a document as it was written, with its version and due', async () => {
    const store = encrypted(new MemoryStore(), A);
    const due = { lane: 'access_token', at: 1_767_225_600_123 };
    const version = await store.set(ID, DATA, 0, { due });
    const expected = { id: ID, version, data: DATA, due };
    expect(await store.get([OTHER_ID, ID])).toEqual([undefined, expected]);
    expect(await all(store.list('key'))).toEqual([expected]);
    expect((await store.lease(ID, 1_000))?.document).toEqual(expected);
    expect((await store.lease(OTHER_ID, 1_000))?.document).toBeUndefined();
  });

  test('any JSON is read as it was written', async () => {
    const data = fc.dictionary(fc.string({ unit: anyCodePoint }), fc.jsonValue({ stringUnit: anyCodePoint }));
    const property = fc.asyncProperty(data, async (written) => {
      fc.pre(typeof written.unreadable !== 'string');
      const store = encrypted(new MemoryStore(), A);
      await store.set(ID, written as JsonObject, 0);
      expect(JSON.stringify(await dataOf(store))).toBe(JSON.stringify(written));
    });
    await fc.assert(property);
  });

  test('the other store gets no value and no name of a field, only the due', async () => {
    const inner = new MemoryStore();
    const due = { lane: 'access_token', at: 5 };
    await encrypted(inner, A).set(ID, DATA, 0, { due });
    const { data, ...beside } = await held(inner);
    expect(beside).toEqual({ id: ID, version: expect.any(Number), due });
    expect(data).toEqual({
      encrypted: 1,
      keyId: ID_OF_A,
      iv: expect.stringMatching(/^[\w+/]{16}$/),
      text: expect.stringMatching(/^[\w+/]+={0,2}$/),
    });
    const bytes = Object.values(data).map((value) => Buffer.from(String(value), 'base64').toString('latin1'));
    const seen = JSON.stringify(data) + bytes.join();
    for (const word of ['CANARY', 'token', 'grant', 'value', 'format', 'checksum', '0badcafe']) {
      expect(seen).not.toContain(word);
    }
  });

  test('a file holds nothing of a document in plain text either', async () => {
    const directory = newDirectory();
    const store = encrypted(openStore(directory), A);
    let version = 0;
    for (let n = 0; n < 3; n++) version = (await store.set(ID, DATA, version)) ?? 0;
    const files = (await everythingIn(directory)).map((path) =>
      readFile(join(directory, path), 'utf8').catch(() => ''),
    );
    const texts = (await Promise.all(files)).join('\n');
    expect(texts).toContain('"encrypted":1');
    expect(texts).not.toMatch(/CANARY|grant|checksum/);
    expect(await dataOf(store)).toEqual(DATA);
  });

  test('a document is encrypted differently each time, even when it is the same', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    const seen = new Set<unknown>();
    let version = 0;
    for (let n = 0; n < 20; n++) {
      version = (await store.set(ID, DATA, version)) ?? 0;
      const { iv, text } = await dataOf(inner);
      seen.add(iv).add(text);
    }
    expect(seen.size).toBe(40);
  });

  test('the data of a write is not frozen or changed', async () => {
    const data = structuredClone(DATA);
    await encrypted(new MemoryStore(), A).set(ID, data, 0);
    expect(data).toEqual(DATA);
    expect(Object.isFrozen(data)).toBe(false);
  });

  test('the stand-in of an unreadable document is refused by set, since it would replace it', async () => {
    const inner = new MemoryStore();
    await encrypted(inner, A).set(ID, DATA, 0);
    const store = encrypted(inner, B);
    const before = await held(inner);
    const { version, data } = await held(store);
    expect(data).toEqual(UNKNOWN_KEY);
    await expect(store.set(ID, data, version)).rejects.toThrow(TypeError);
    await expect(store.set(ID, { ...data, more: 1 }, version)).rejects.toThrow(`got an unreadable one: ${ID}`);
    expect(await held(inner)).toEqual(before);
  });

  test('a document can be decrypted with nothing but the key, as the format says', async () => {
    const envelope = {
      encrypted: 1,
      keyId: ID_OF_A,
      iv: 'AAECAwQFBgcICQoL',
      text: '1wln1d1uXlewEjxiW7blTNVoT9Mb6zI=',
    };
    const inner = new MemoryStore();
    await plant(inner, envelope);
    expect(await dataOf(encrypted(inner, A))).toEqual({ n: 1 });
  });
});

describe('a store that holds plain documents', () => {
  test('plain documents are read as they are if accepted, and encrypted when they are written', async () => {
    const inner = new MemoryStore();
    const version = await inner.set(ID, DATA, 0, { due: { lane: 'a', at: 1 } });
    const strict = encrypted(inner, A);
    expect(await dataOf(strict)).toEqual(NOT_ENCRYPTED);
    expect(await dataOf(new EncryptedStore(inner, { keys: [A], acceptPlaintext: false }))).toEqual(NOT_ENCRYPTED);
    const store = new EncryptedStore(inner, { keys: [A], acceptPlaintext: true });
    expect(await store.get([ID])).toEqual(await inner.get([ID]));
    expect((await store.lease(ID, 1_000))?.document?.data).toEqual(DATA);
    await store.set(ID, { ...DATA, n: 2 }, version ?? 0);
    expect(await dataOf(inner)).toMatchObject({ encrypted: 1, keyId: ID_OF_A });
    for (const reader of [store, strict]) expect(await dataOf(reader)).toEqual({ ...DATA, n: 2 });
  });

  test('damaged envelopes do not pass for plain documents', async () => {
    const inner = new MemoryStore();
    const store = new EncryptedStore(inner, { keys: [A], acceptPlaintext: true });
    await store.set(ID, DATA, 0);
    const envelope = await dataOf(inner);
    await plant(inner, { ...envelope, encrypted: '1' });
    expect(await dataOf(store)).toEqual(NOT_VERIFIED);
    await plant(inner, { ...envelope, iv: 'AAAAAAAAAAAAAAAA' });
    expect(await dataOf(store)).toEqual(NOT_VERIFIED);
  });
});

describe('reencrypt', () => {
  const IDS = ['app/wx1', 'task/wx1/access_token', ID, 'limit/wx1/~reports', 'quarantine/wx1/1-2'];

  test('reencrypt leaves nothing under an old key or in plain text, and keeps each due', async () => {
    const inner = new MemoryStore();
    const due = { lane: 'access_token', at: 5 };
    for (const id of IDS) await encrypted(inner, A).set(id, DATA, 0, { due });
    await inner.set(OTHER_ID, DATA, 0, { due });
    const store = new EncryptedStore(inner, { keys: [B, A], acceptPlaintext: true });
    expect(await store.reencrypt()).toBe(0);
    const afterwards = encrypted(inner, B);
    for (const id of [...IDS, OTHER_ID]) expect(await held(afterwards, id)).toMatchObject({ data: DATA, due });
  });

  test('reencrypt does not touch documents under the first key, nor unreadable ones, which it counts', async () => {
    const inner = new MemoryStore();
    await encrypted(inner, B).set(ID, DATA, 0);
    await encrypted(inner, A).set(OTHER_ID, DATA, 0);
    const before = [await held(inner, ID), await held(inner, OTHER_ID)];
    expect(await encrypted(inner, B).reencrypt()).toBe(1);
    expect([await held(inner, ID), await held(inner, OTHER_ID)]).toEqual(before);
  });

  test('reencrypt does not undo what is written meanwhile', async () => {
    const inner = new MemoryStore();
    const version = await encrypted(inner, A).set(ID, DATA, 0);
    const writer = encrypted(inner, B, A);
    const list = inner.list.bind(inner);
    inner.list = async function* (...args: Parameters<MemoryStore['list']>) {
      for await (const document of list(...args)) {
        await writer.set(ID, { newer: true }, version as number);
        yield document;
      }
    };
    await encrypted(inner, B, A).reencrypt();
    expect(await dataOf(writer)).toEqual({ newer: true });
  });
});
