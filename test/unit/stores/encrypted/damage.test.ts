import { truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { APPID, TYPE, World } from '../../../support/worlds/world.js';
import { newDirectory, openStore, versionFile } from '../file/file-places.js';
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
  NOT_VERIFIED,
  OTHER_ID,
  plant,
} from './encrypted-documents.js';

describe('a document that cannot be decrypted', () => {
  const envelopes: [string, (envelope: JsonObject) => JsonObject, unknown][] = [
    [
      'of a newer version',
      (e) => ({ ...e, encrypted: 2 }),
      /^its envelope has version 2; this release reads version 1$/,
    ],
    ['of no version', (e) => ({ ...e, encrypted: 'yes' }), /^its authentication tag does not verify/],
    ['without a key id', ({ keyId: _, ...e }) => e, /^its authentication tag does not verify/],
    [
      'with a key id that is none',
      (e) => ({ ...e, keyId: 'CANARY\n'.repeat(99) }),
      /^its authentication tag does not verify/,
    ],
    ['with the id of another key', (e) => ({ ...e, keyId: 'f'.repeat(16) }), /key id ffffffffffffffff\)$/],
    ['without an iv', ({ iv: _, ...e }) => e, /^its authentication tag does not verify/],
    ['with an iv of another length', (e) => ({ ...e, iv: `${e.iv}AAAA` }), /^its authentication tag does not verify/],
    ['with an empty iv', (e) => ({ ...e, iv: '' }), /^its authentication tag does not verify/],
    ['without text', ({ text: _, ...e }) => e, /^its authentication tag does not verify/],
    ['with a text that is no string', (e) => ({ ...e, text: [1] }), /^its authentication tag does not verify/],
    ['with a text shorter than a tag', (e) => ({ ...e, text: 'AAAA' }), /^its authentication tag does not verify/],
    [
      'with a text and a tag that is cut',
      (e) => ({ ...e, text: String(e.text).slice(0, -4) }),
      /^its authentication tag does not/,
    ],
    ['in another spelling', (e) => ({ ...e, text: ` ${e.text}` }), /^its authentication tag does not verify/],
    [
      'that holds no more than the tag of nothing',
      (e) => ({ ...e, text: 'A'.repeat(22) }),
      /^its authentication tag does not/,
    ],
    ['not encrypted', () => DATA, /^it is not encrypted$/],
    [
      'that the other store could not read',
      () => ({ unreadable: 'CANARY' }),
      /^the store that holds it cannot read it$/,
    ],
  ];

  test.each(envelopes)('an envelope %s is unreadable, and the rest is read', async (_, change, reason) => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    for (const id of [ID, OTHER_ID]) await store.set(id, DATA, 0);
    const envelope = await dataOf(inner);
    const due = { lane: 'access_token', at: 5 };
    const version = await inner.set(ID, change(envelope), (await held(inner)).version, { due });
    const before = await held(inner);
    const expected = { id: ID, version, data: { unreadable: expect.stringMatching(reason as RegExp) }, due };
    const other = await held(store, OTHER_ID);
    expect(other.data).toEqual(DATA);
    expect(await store.get([OTHER_ID, ID])).toEqual([other, expected]);
    expect(await all(store.list('key'))).toEqual([expected, other]);
    expect((await store.lease(ID, 1_000))?.document).toEqual(expected);
    expect(JSON.stringify(await store.get([ID]))).not.toMatch(/CANARY|\\n/);
    expect(await held(inner)).toBe(before);
  });

  test('a document under the id of another is unreadable', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    for (const id of [ID, OTHER_ID]) await store.set(id, { of: id }, 0);
    await plant(inner, await dataOf(inner, OTHER_ID), ID);
    expect(await dataOf(store)).toEqual(NOT_VERIFIED);
    expect(await dataOf(store, OTHER_ID)).toEqual({ of: OTHER_ID });
  });

  test('a changed bit, anywhere, is noticed', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    await store.set(ID, DATA, 0);
    const envelope = await dataOf(inner);
    for (const field of ['iv', 'text'] as const) {
      const bytes = Buffer.from(String(envelope[field]), 'base64');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        await plant(inner, { ...envelope, [field]: changed.toString('base64') });
        expect(await dataOf(store), `bit ${bit} of ${field}`).toEqual(NOT_VERIFIED);
      }
    }
    await plant(inner, envelope);
    expect(await dataOf(store)).toEqual(DATA);
  });

  test('a changed character, anywhere, is noticed', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    // Of any length, so that base64 ends with no, one and two characters that fill it up.
    for (const length of [0, 1, 2]) {
      await plant(inner, {});
      await store.set(ID, { v: 'x'.repeat(length) }, (await held(inner)).version);
      const envelope = await dataOf(inner);
      for (const field of ['keyId', 'iv', 'text'] as const) {
        const text = String(envelope[field]);
        for (let index = 0; index < text.length; index++) {
          for (const character of ['0', 'A', 'B', 'g', '+', '-', '=', ' ', '\u00e9']) {
            if (character === text[index]) continue;
            const changed = text.slice(0, index) + character + text.slice(index + 1);
            await plant(inner, { ...envelope, [field]: changed });
            const expected = field === 'keyId' ? { unreadable: expect.any(String) } : NOT_VERIFIED;
            expect(await dataOf(store), `${field}: ${changed}`).toEqual(expected);
          }
        }
      }
    }
  });

  test('an encrypted value that is no object is unreadable', async () => {
    const inner = new MemoryStore();
    const store = encrypted(inner, A);
    await store.set(ID, [1, 2] as unknown as JsonObject, 0);
    expect(await dataOf(store)).toEqual({ unreadable: 'its decrypted content is not a JSON object' });
  });

  test('a torn file is unreadable, and nothing of it is shown', async () => {
    const directory = newDirectory();
    const store = encrypted(openStore(directory), A);
    await store.set(ID, DATA, 0);
    truncateSync(versionFile(directory, ID, 1), 80);
    const document = await held(store);
    expect(document.version).toBe(1);
    expect(document.data).toEqual({ unreadable: 'its file is damaged' });
  });

  test('an unreadable document can be deleted like any other', async () => {
    const inner = new MemoryStore();
    await encrypted(inner, A).set(ID, DATA, 0);
    const store = encrypted(inner, B);
    expect(await store.delete(ID, (await held(store)).version)).toBe(true);
    expect(await inner.get([ID])).toEqual([undefined]);
  });

  test('an unreadable document fails the manager for that key alone, and is untouched', async () => {
    const memory = new MemoryStore({ clock: new FakeClock() });
    await using before = new World({ store: () => encrypted(memory, A) });
    await before.registered();
    const documents = await all(memory.list('app'));
    await using after = new World({ store: () => encrypted(memory, B) });
    const tokens = after.manager();
    await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`key id ${ID_OF_A}`),
    });
    expect(await all(memory.list('app'))).toEqual(documents);
    expect(await all(memory.list('quarantine'))).toEqual([]);
    await tokens.register({ appid: 'wxother', secret: 'another', tasks: [TYPE] });
    expect(await tokens.get('wxother', TYPE)).toEqual(expect.any(String));
  });
});
