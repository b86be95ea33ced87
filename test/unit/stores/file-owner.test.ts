import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  test('belongs wholly to the user that its directory belongs to', async () => {
    const root = directoryOf(OTHER);
    await writeEverything(root);
    expect((await everythingIn(root)).length).toBeGreaterThan(8);
    expect(await ownersIn(root)).toEqual(new Set(['65534:65533']));
  });

  test('belongs to root where root has made its directory', async () => {
    const above = directoryOf(OTHER);
    await writeEverything(join(above, 'new'));
    expect(await ownersIn(join(above, 'new'))).toEqual(new Set(['0:0']));
  });

  test('keeps its modes: files 0600 and directories 0700', async () => {
    const root = directoryOf(OTHER);
    await writeEverything(root);
    const modes = (await everythingIn(root)).map((name) => statSync(join(root, name)));
    expect(modes.every((stats) => (stats.mode & 0o777) === (stats.isDirectory() ? 0o700 : 0o600))).toBe(true);
  });

  test('gives no other file away that a link of its owner leads to', async () => {
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
    expect(statSync(join(kept, 'hard'))).toMatchObject({ uid: 0, gid: 0 });
  });
});
