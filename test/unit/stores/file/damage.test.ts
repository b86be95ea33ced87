import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StoredDocument } from '../../../../src/core/model/store.js';
import type { FileStore } from '../../../../src/stores/file/file-store.js';
import { everythingIn, newDirectory, openStore, placeOf, versionFile } from './file-places.js';

const ID = 'key/wx1/access_token';
const OTHER_ID = 'key/wx2/access_token';

describe('a version that cannot be read', () => {
  const damages: [string, (path: string, root: string) => Promise<void>][] = [
    ['torn', (path) => truncate(path, 30)],
    ['empty', (path) => truncate(path, 0)],
    ['zeroed', (path) => writeFile(path, Buffer.alloc(100))],
    ['not UTF-8', (path) => writeFile(path, Buffer.from([0xff, 0xfe, 0x80]))],
    ['JSON of another form', (path) => writeFile(path, '[1]')],
    ['without data', (path) => writeFile(path, `{"id":"${ID}","version":2}`)],
    ['with a broken due', (path) => writeFile(path, `{"id":"${ID}","version":2,"data":{},"due":{"lane":1}}`)],
    ['of another version', (path) => writeFile(path, `{"id":"${ID}","version":7,"data":{}}`)],
    ['of another document', (path, root) => copyFile(versionFile(root, OTHER_ID, 2), path)],
  ];

  test.each(damages)('a version that is %s is neither absent nor an error, and can be replaced', async (_, damage) => {
    const root = newDirectory();
    const store = openStore(root);
    for (const id of [ID, OTHER_ID]) {
      await store.set(id, { n: 1 }, 0);
      await store.set(id, { n: 2 }, 1, { due: { lane: 'a', at: 1 } });
    }
    await damage(versionFile(root, ID, 2), root);
    const damaged = await readFile(versionFile(root, ID, 2), 'utf8');
    const expected = { id: ID, version: 2, data: { damaged } };
    expect(await store.get([ID])).toEqual([expected]);
    expect((await documents(store, 'key')).find(({ id }) => id === ID)).toEqual(expected);
    expect((await store.lease(ID, 1))?.document).toEqual(expected);
    expect(await store.set(ID, {}, 0)).toBeUndefined();
    expect(await store.set(ID, {}, 1)).toBeUndefined();
    expect(await store.set(ID, { n: 3 }, 2)).toBe(3);
    expect(await store.get([ID])).toEqual([{ id: ID, version: 3, data: { n: 3 } }]);
  });

  test('an unreadable version shows at most 64 KiB of itself', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, {}, 0);
    await writeFile(versionFile(root, ID, 1), 'x'.repeat(1_000_000));
    const [document] = await store.get([ID]);
    expect(String(document?.data.damaged)).toHaveLength(65_536);
  });

  test('an unreadable version is left out of a list only when its id is lost too', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, {}, 0);
    await truncate(versionFile(root, ID, 1), 3);
    await writeFile(join(placeOf(root, ID), 'id'), OTHER_ID);
    expect(await documents(store, 'key')).toEqual([]);
    await unlink(join(placeOf(root, ID), 'id'));
    expect(await documents(store, 'key')).toEqual([]);
    expect((await store.get([ID]))[0]?.version).toBe(1);
  });
});

describe('the remains of a killed writer', () => {
  test('a half written temporary file is harmless', async () => {
    const root = newDirectory();
    await openStore(root).set(ID, { n: 1 }, 0);
    await writeFile(join(root, 'tmp', 'abc-1'), '{"id":"key/w');
    const store = openStore(root);
    expect(await store.set(ID, { n: 2 }, 1)).toBe(2);
    expect((await documents(store, 'key')).map(({ data }) => data)).toEqual([{ n: 2 }]);
  });

  test('an old version that was left behind is harmless, and removed by the next write', async () => {
    const root = newDirectory();
    const store = openStore(root);
    for (let version = 0; version < 5; version++) await store.set(ID, { n: version + 1 }, version);
    await writeFile(versionFile(root, ID, 2), `{"id":"${ID}","version":2,"data":{"n":"bogus"}}`);
    expect((await store.get([ID]))[0]?.data).toEqual({ n: 5 });
    expect(await store.set(ID, { n: 6 }, 2)).toBeUndefined();
    expect(await store.set(ID, { n: 6 }, 5)).toBe(6);
    await expect
      .poll(() => everythingIn(placeOf(root, ID)))
      .toEqual(['id', 'v0000000000000004.json', 'v0000000000000005.json', 'v0000000000000006.json']);
  });

  test('a directory with an id and no version is no document', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await mkdir(placeOf(root, ID), { recursive: true });
    await writeFile(join(placeOf(root, ID), 'id'), '');
    expect(await store.get([ID])).toEqual([undefined]);
    expect(await documents(store, 'key')).toEqual([]);
    expect(await store.set(ID, {}, 0)).toBe(1);
    expect(await readFile(join(placeOf(root, ID), 'id'), 'utf8')).toBe(ID);
  });

  test('foreign files are left alone', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, { n: 1 }, 0);
    for (const name of [
      '.DS_Store',
      'v1.json',
      'v000000000000000x.json',
      'v9999999999999999.json',
      'v0000000000000002.json~',
    ]) {
      await writeFile(join(placeOf(root, ID), name), 'foreign');
      await writeFile(join(root, 'key', name), 'foreign');
    }
    expect((await documents(store, 'key')).map(({ version }) => version)).toEqual([1]);
    expect(await store.set(ID, { n: 2 }, 1)).toBe(2);
    for (let version = 2; version < 6; version++) expect(await store.set(ID, {}, version)).toBe(version + 1);
    await expect.poll(() => everythingIn(placeOf(root, ID))).toHaveLength(5 + ['id'].length + 3);
  });
});

describe('a disk that fails', () => {
  test('a write to a directory that cannot be written rejects, and the document stays', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, { n: 1 }, 0);
    await rm(join(root, 'tmp'), { recursive: true });
    await writeFile(join(root, 'tmp'), '');
    await expect(store.set(ID, { n: 2 }, 1)).rejects.toThrow(/ENOTDIR/);
    await expect(store.set(OTHER_ID, {}, 0)).rejects.toThrow(/ENOTDIR/);
    await expect(store.delete(ID, 1)).rejects.toThrow(/ENOTDIR/);
    await expect(store.lease(ID, 1_000)).rejects.toThrow(/ENOTDIR/);
    await expect(store.now()).rejects.toThrow(/ENOTDIR/);
    await expect(openStore(root).set(ID, { n: 2 }, 1)).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect((await store.get([ID]))[0]?.data).toEqual({ n: 1 });
    expect(await store.get([OTHER_ID])).toEqual([undefined]);
    await unlink(join(root, 'tmp'));
    await mkdir(join(root, 'tmp'));
    expect(await store.set(ID, { n: 2 }, 1)).toBe(2);
    expect(await store.now()).toBeGreaterThan(0);
  });

  test('writes to a full disk reject, lose nothing, and work again when there is room', async ({ skip }) => {
    const root = newDirectory();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root], { stdio: 'ignore' });
    } catch {
      skip('mounting a tmpfs of 1 MiB takes root');
    }
    onTestFinished(() => void execFileSync('umount', ['-l', root]));
    const store = openStore(root);
    await store.set(ID, { n: 1 }, 0);
    await store.set(OTHER_ID, { n: 1 }, 0);
    await writeFile(join(root, 'ballast'), Buffer.alloc(2_000_000)).catch(() => undefined);
    const large = 'x'.repeat(20_000);
    for (const id of [ID, OTHER_ID]) {
      await expect(store.set(id, { large }, 1)).rejects.toThrow(/ENOSPC/);
      await expect(store.delete(id, 1)).rejects.toThrow(/ENOSPC/);
    }
    await expect(store.set('key/wx3/access_token', { large }, 0)).rejects.toThrow(/ENOSPC/);
    expect((await store.get([ID, OTHER_ID])).map((document) => document?.data)).toEqual([{ n: 1 }, { n: 1 }]);
    expect((await documents(store, 'key')).map(({ data }) => data)).toEqual([{ n: 1 }, { n: 1 }]);
    await expect.poll(() => everythingIn(join(root, 'tmp'))).toEqual([]);
    await unlink(join(root, 'ballast'));
    expect(await store.set(ID, { large }, 1)).toBe(2);
    expect(await store.set('key/wx3/access_token', { large }, 0)).toBe(1);
  });
});

async function documents(store: FileStore, prefix: string): Promise<StoredDocument[]> {
  const found = [];
  for await (const document of store.list(prefix)) found.push(document);
  return found;
}
