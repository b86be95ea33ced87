import { stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ListOptions } from '../../../../src/core/model/store.js';
import { EncryptedStore } from '../../../../src/stores/encrypted/encrypted-store.js';
import { FileStore } from '../../../../src/stores/file/file-store.js';
import { everythingIn, newDirectory, openStore, placeOf } from './file-places.js';

const ID = 'key/wx1/access_token';

describe('construction', () => {
  test.each([undefined, null, 7, '', {}])('the constructor refuses %o as a directory', (directory) => {
    expect(() => new FileStore(directory as unknown as string)).toThrow(TypeError);
  });

  test('the constructor refuses the path of a file', async () => {
    const path = join(newDirectory(), 'file');
    await writeFile(path, '');
    expect(() => new FileStore(path)).toThrow(/directory must be the path of a directory/);
  });

  test('the constructor writes nothing, nor does reading', async () => {
    const root = newDirectory();
    const store = openStore(join(root, 'store'));
    expect(await store.get([ID])).toEqual([undefined]);
    for await (const document of store.list('key')) expect(document).toBeUndefined();
    expect(await everythingIn(root)).toEqual([]);
  });
});

describe('the files on disk', () => {
  test('files are 0600 and directories 0700, whatever they hold', async () => {
    const root = join(newDirectory(), 'store');
    const store = openStore(root);
    const version = (await store.set(ID, { value: 'v' }, 0)) ?? 0;
    await store.set(ID, { value: 'w' }, version);
    await store.set('app/wx1', {}, 0);
    await store.delete('app/wx1', 1);
    await store.lease('task/wx1/access_token', 60_000);
    await store.now();
    await store.close();
    const paths = await everythingIn(root);
    expect(paths.length).toBeGreaterThan(12);
    for (const path of ['.', ...paths]) {
      const stats = await stat(join(root, path));
      expect([path, (stats.mode & 0o777).toString(8)]).toEqual([path, stats.isDirectory() ? '700' : '600']);
    }
  });

  test('no file name shows a segment of an id but the first', async () => {
    const root = newDirectory();
    const store = openStore(root);
    for (const id of ['app/..', 'key/wx1234/../etc', '../wx1234', '__proto__/wx1234']) await store.set(id, {}, 0);
    await store.close();
    const names = (await everythingIn(root)).flatMap((path) => path.split('/'));
    const allowed = /^(tmp|key|app|changes\.log|id|v\d{16}\.json|[0-9a-f]{40}(\.d)?)$/;
    expect(names.filter((name) => !allowed.test(name))).toEqual([]);
  });

  test('a document keeps its last three versions, its id and one lease; nothing temporary stays', async () => {
    const root = newDirectory();
    const store = openStore(root);
    let version = 0;
    for (let round = 0; round < 5; round++) {
      const lease = await store.lease(ID, 60_000);
      version = (await store.set(ID, { round }, version, lease === undefined ? {} : { lease })) ?? 0;
      await store.set(ID, { lost: true }, version - 1);
    }
    expect(version).toBe(5);
    await expect
      .poll(() => everythingIn(placeOf(root, ID)))
      .toEqual([
        'id',
        'lease-0000000000000005',
        'v0000000000000003.json',
        'v0000000000000004.json',
        'v0000000000000005.json',
      ]);
    await expect.poll(() => everythingIn(join(root, 'tmp'))).toEqual([]);
  });

  test('close waits until replaced versions are removed', async () => {
    const root = newDirectory();
    const store = openStore(root);
    for (let version = 0; version < 4; version++) await store.set(ID, { version }, version);
    await store.close();
    expect(await everythingIn(placeOf(root, ID))).toEqual([
      'id',
      'v0000000000000002.json',
      'v0000000000000003.json',
      'v0000000000000004.json',
    ]);
    expect(await everythingIn(join(root, 'tmp'))).toEqual([]);
  });

  test('a call of now leaves nothing behind after close', async () => {
    const root = newDirectory();
    const store = openStore(root);
    const times = [await store.now(), ...(await Promise.all([store.now(), store.now()]))];
    expect(Math.max(...times) - Date.now()).toBeLessThan(1_000);
    expect(await everythingIn(join(root, 'tmp'))).toHaveLength(1);
    await store.close();
    expect(await everythingIn(join(root, 'tmp'))).toEqual([]);
  });

  test('temporary files older than an hour are removed at the first use, and others stay', async () => {
    const root = newDirectory();
    await openStore(root).now();
    const [stale, recent] = [join(root, 'tmp', 'stale'), join(root, 'tmp', 'recent')];
    await writeFile(stale, 'half a docu');
    await writeFile(recent, 'half a docu');
    const longAgo = new Date(Date.now() - 3_700_000);
    await utimes(stale, longAgo, longAgo);
    await openStore(root).set(ID, {}, 0);
    expect((await everythingIn(join(root, 'tmp'))).filter((name) => !name.includes('-'))).toEqual(['recent']);
  });
});

describe('misuse', () => {
  test.each([
    '',
    'key',
    'key/',
    '/key',
    'key//x',
    'key/a b',
    'key/\u{5fae}',
    'a/b/c/d/e',
    `key/${'x'.repeat(385)}`,
    'key/a\nb',
  ])('the id %o is a TypeError', async (id) => {
    const store = openStore(newDirectory());
    await expect(store.get([id])).rejects.toThrow(TypeError);
    await expect(store.set(id, {}, 0)).rejects.toThrow(TypeError);
    await expect(store.delete(id, 1)).rejects.toThrow(TypeError);
    await expect(store.lease(id, 1)).rejects.toThrow(TypeError);
  });

  test('data that is no JSON is refused and writes nothing', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, { n: 1 }, 0);
    await expect(store.set(ID, { n: 1n as unknown as number }, 1)).rejects.toThrow(TypeError);
    expect((await store.get([ID]))[0]?.data).toEqual({ n: 1 });
    await expect.poll(() => everythingIn(join(root, 'tmp'))).toEqual([]);
  });
});

describe('close', () => {
  test('close rejects what still waits for its turn', async () => {
    const store = openStore(newDirectory());
    await store.set(ID, {}, 0);
    const reading = store.get(Array.from({ length: 100 }, () => ID));
    const outcome = expect(reading).rejects.toThrow('the store is closed');
    await store.close();
    await outcome;
  });

  test('close ends a listing that passes over deleted documents', async () => {
    const store = openStore(newDirectory());
    for (let index = 0; index < 20; index++) {
      const id = `task/wx1/user/u${index}`;
      await store.delete(id, (await store.set(id, {}, 0)) ?? 0);
    }
    let steps = 0;
    const progressed = (): void => {
      steps += 1;
      if (steps === 3) void store.close();
    };
    const options: ListOptions = { progressed };
    await expect(store.list('task', options).next()).rejects.toThrow('the store is closed');
    expect(steps).toBe(3);
  });
});

test('a listing reports progress while it passes over deleted documents, also within another store', async () => {
  const store = openStore(join(newDirectory(), 'store'));
  for (let index = 0; index < 20; index++) {
    const version = (await store.set(`task/wx1/user/u${index}`, {}, 0)) ?? 0;
    await store.delete(`task/wx1/user/u${index}`, version);
  }
  const encrypted = new EncryptedStore(store, { keys: ['a1'.repeat(32)] });
  for (const listed of [store, encrypted]) {
    let steps = 0;
    const options: ListOptions = { progressed: () => void steps++ };
    for await (const document of listed.list('task', options)) expect(document).toBeUndefined();
    expect(steps).toBeGreaterThanOrEqual(20);
  }
});
