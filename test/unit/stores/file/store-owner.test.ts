import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { everythingIn, newDirectory, openStore, placeOf } from './file-places.js';

const ID = 'key/wx1/access_token';
const OTHER = { uid: 65_534, gid: 65_533 };
const isRoot = process.getuid?.() === 0;

function directoryOf({ uid, gid }: typeof OTHER): string {
  const root = join(newDirectory(), 'store');
  mkdirSync(root);
  chownSync(root, uid, gid);
  return root;
}

async function writeEverything(root: string): Promise<void> {
  const store = openStore(root);
  const end = await store.watch(() => {});
  const version = (await store.set(ID, { value: 'v' }, 0)) ?? 0;
  await store.set(ID, { value: 'w' }, version);
  await store.set('app/wx1', {}, 0);
  await store.delete('app/wx1', 1);
  await store.lease('task/wx1/access_token', 60_000);
  await end();
  await store.close();
}

async function ownersIn(root: string): Promise<Set<string>> {
  const paths = (await everythingIn(root)).map((name) => lstatSync(join(root, name)));
  return new Set([lstatSync(root), ...paths].map(({ uid, gid }) => `${uid}:${gid}`));
}

// Only root can write into directories of others and give files away.
describe.skipIf(!isRoot)('a store that root writes to', () => {
  test('a store that root writes to belongs wholly to the owner of its directory', async () => {
    const root = directoryOf(OTHER);
    await writeEverything(root);
    expect((await everythingIn(root)).length).toBeGreaterThan(8);
    expect(await ownersIn(root)).toEqual(new Set(['65534:65533']));
  });

  test('a store belongs to root where root has made its directory', async () => {
    const above = directoryOf(OTHER);
    await writeEverything(join(above, 'new'));
    expect(await ownersIn(join(above, 'new'))).toEqual(new Set(['0:0']));
  });

  test('a store that root writes to keeps its modes: files 0600 and directories 0700', async () => {
    const root = directoryOf(OTHER);
    await writeEverything(root);
    const modes = (await everythingIn(root)).map((name) => statSync(join(root, name)));
    expect(modes.every((stats) => (stats.mode & 0o777) === (stats.isDirectory() ? 0o700 : 0o600))).toBe(true);
  });

  test('a link in the store gives no other file of root to the owner of the store', async () => {
    const root = directoryOf(OTHER);
    const kept = newDirectory();
    for (const name of ['linked', 'hard']) {
      writeFileSync(join(kept, name), 'of root\n');
      chmodSync(join(kept, name), 0o600);
    }
    symlinkSync(join(kept, 'linked'), join(root, 'changes.log'));
    mkdirSync(join(root, 'key'));
    const place = placeOf(root, ID);
    mkdirSync(place, { recursive: true });
    linkSync(join(kept, 'hard'), join(place, 'id'));
    const store = openStore(root);
    await store.set(ID, { value: 'v' }, 0);
    await store.close();
    expect(statSync(join(kept, 'linked'))).toMatchObject({ uid: 0, gid: 0, size: 8 });
    expect(statSync(join(kept, 'hard'))).toMatchObject({ uid: 0, gid: 0, size: 8 });
  });

  test('a link in the place of a directory leads no write out of the store', async () => {
    const root = directoryOf(OTHER);
    const foreign = newDirectory();
    writeFileSync(join(foreign, 'of-root'), '');
    for (const id of [ID, 'task/wx1/access_token']) {
      mkdirSync(dirname(placeOf(root, id)), { recursive: true });
      symlinkSync(foreign, placeOf(root, id));
    }
    symlinkSync(foreign, join(root, 'app'));
    const store = openStore(root);
    const refusal = { code: 'ELOOP', message: expect.stringContaining('a link leads') };
    await expect(store.lease('task/wx1/access_token', 60_000)).rejects.toMatchObject(refusal);
    await expect(store.set(ID, { value: 'v' }, 0)).rejects.toMatchObject(refusal);
    await expect(store.set('app/wx1', {}, 0)).rejects.toMatchObject(refusal);
    await store.close();
    expect(readdirSync(foreign)).toEqual(['of-root']);
  });

  test('a link in the place of tmp removes nothing in another directory', async () => {
    const root = directoryOf(OTHER);
    const foreign = newDirectory();
    writeFileSync(join(foreign, 'of-root'), '');
    utimesSync(join(foreign, 'of-root'), 1, 1);
    symlinkSync(foreign, join(root, 'tmp'));
    const store = openStore(root);
    await expect(store.set(ID, { value: 'v' }, 0)).rejects.toMatchObject({ code: 'ELOOP' });
    await store.close();
    expect(readdirSync(foreign)).toEqual(['of-root']);
  });

  test('a file of root that was moved into the store stays with root', async () => {
    const root = directoryOf(OTHER);
    const secret = join(newDirectory(), 'secret');
    writeFileSync(secret, 'of root\n', { mode: 0o600 });
    renameSync(secret, join(root, 'changes.log'));
    await writeEverything(root);
    expect(statSync(join(root, 'changes.log'))).toMatchObject({ uid: 0, gid: 0 });
  });

  test('the release of a lease empties no file to which a link leads', async () => {
    const root = directoryOf(OTHER);
    const foreign = join(newDirectory(), 'foreign');
    writeFileSync(foreign, 'of root\n');
    const store = openStore(root);
    for (const put of [symlinkSync, linkSync]) {
      const lease = await store.lease(ID, 60_000);
      const place = placeOf(root, ID);
      const file = join(place, readdirSync(place).find((name) => name.startsWith('lease-')) ?? '');
      rmSync(file);
      put(foreign, file);
      await lease?.release().catch(() => undefined);
      rmSync(file);
    }
    await store.close();
    expect(statSync(foreign).size).toBe(8);
  });

  test('a store works, and releases leases, where another directory of its owner is linked to', async () => {
    const root = directoryOf(OTHER);
    const other = directoryOf(OTHER);
    symlinkSync(other, join(root, 'key'));
    const store = openStore(root);
    const lease = await store.lease(ID, 60_000);
    await lease?.release();
    expect(await store.lease(ID, 60_000)).toBeDefined();
    expect(await store.set(ID, { value: 'v' }, 0)).toBe(1);
    await store.close();
    expect(await ownersIn(other)).toEqual(new Set(['65534:65533']));
  });
});
