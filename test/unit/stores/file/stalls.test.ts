import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TokenStore } from '../../../../src/core/model/store.js';
import { LEASES, numberedName, VERSIONS } from '../../../../src/stores/file/numbered-files.js';
import { OlderRelease } from '../../../support/stores/older-release.js';
import { everythingIn, newDirectory, openStore, placeOf, versionFile } from './file-places.js';
import type { Stall } from './stalled-writers.js';

const files = await vi.hoisted(async () => {
  const { StallingFileSystem } = await import('./stalled-writers.js');
  return new StallingFileSystem();
});

vi.mock('node:fs/promises', async (importOriginal) => files.wrap(await importOriginal()));

const ID = 'key/wx1/access_token';

/** What a writer does that stalls, on what is in force before it; what it resolves to when it was done. */
const writes = {
  'a first version': { before: 0, write: (store: TokenStore) => store.set(ID, { by: 'stalled' }, 0), done: 1 },
  'a next version': { before: 4, write: (store: TokenStore) => store.set(ID, { by: 'stalled' }, 4), done: 5 },
  'a version after a delete': {
    before: -4,
    write: (store: TokenStore) => store.set(ID, { by: 'stalled' }, 0),
    done: 5,
  },
  'a delete': { before: 4, write: (store: TokenStore) => store.delete(ID, 4), done: true },
} as const;

type Write = (typeof writes)[keyof typeof writes];

const kinds = Object.entries(writes);
const table = kinds.flatMap(([kind, write]) => [0, 1, 2, 3, 4, 7].map((times) => [kind, times, write] as const));

function stall(moment: 'before link' | 'after link', version: number): Stall {
  return files.stallNext(moment, numberedName(VERSIONS, version));
}

/** Stores so many versions, the last one of which is a delete when the number is negative. */
async function prepare(store: TokenStore, versions: number): Promise<void> {
  const stored = versions < 0 ? -versions - 1 : versions;
  for (let version = 0; version < stored; version++) await store.set(ID, { version }, version);
  if (versions < 0) await store.delete(ID, stored);
}

async function overtake(store: TokenStore, times: number): Promise<void> {
  for (let done = 0; done < times; done++) {
    const [document] = await store.get([ID]);
    expect(await store.set(ID, { by: 'other' }, document?.version ?? 0)).toBeDefined();
  }
}

async function stalledWriter(
  root: string,
  { before, write }: Write,
  moment: 'before link' | 'after link',
): Promise<{ written: Promise<unknown>; stalled: Stall; version: number }> {
  const store = openStore(root);
  await prepare(store, before);
  const version = Math.abs(before) + 1;
  const stalled = stall(moment, version);
  const written = write(store);
  await stalled.reached;
  return { written, stalled, version };
}

async function expectNothingLeft(root: string): Promise<void> {
  await expect.poll(() => everythingIn(join(root, 'tmp'))).toEqual([]);
}

describe('a writer that stalls after it has linked', () => {
  test.each(table)('%s, overtaken %i times after it has linked, reports success', async (_, times, write) => {
    const root = newDirectory();
    const { written, stalled, version } = await stalledWriter(root, write, 'after link');
    const other = openStore(root);
    await overtake(other, times);
    stalled.resume();
    expect(await written).toBe(write.done);
    const [document] = await other.get([ID]);
    if (times > 0) expect(document).toEqual({ id: ID, version: version + times, data: { by: 'other' } });
    await other.close();
    await expectNothingLeft(root);
  });

  test.each(kinds)(
    '%s, linked and then overtaken until its temporary file counts as stale, reports success',
    async (_, write) => {
      const root = newDirectory();
      const { written, stalled } = await stalledWriter(root, write, 'after link');
      const [other, starting] = [openStore(root), openStore(root)];
      await overtake(other, 5);
      await starting.set('app/wx1', {}, 0);
      await Promise.all([other.close(), starting.close()]);
      await expectNothingLeft(root);
      stalled.resume();
      expect(await written).toBe(write.done);
    },
  );

  test.each(kinds)('%s, linked but not continued, is stored, and other writers go on', async (_, write) => {
    const root = newDirectory();
    const { written, stalled, version } = await stalledWriter(root, write, 'after link');
    const other = openStore(root);
    const [document] = await other.get([ID]);
    expect(document?.data).toEqual(write.done === true ? undefined : { by: 'stalled' });
    await overtake(other, 5);
    expect((await other.get([ID]))[0]?.version).toBe(version + 5);
    // Its file is to be closed.
    stalled.resume();
    await written;
  });
});

describe('a writer that stalls before it links', () => {
  test.each(table.filter(([, times]) => times > 0))('%s, overtaken %i times, loses', async (_, times, write) => {
    const root = newDirectory();
    const { written, stalled, version } = await stalledWriter(root, write, 'before link');
    const other = openStore(root);
    await overtake(other, times);
    const last = version + times - 1;
    await expect.poll(() => everythingIn(placeOf(root, ID))).not.toContain(numberedName(VERSIONS, last - 3));
    const places = await everythingIn(placeOf(root, ID));
    stalled.resume();
    expect(await written).toBe(write.done === true ? false : undefined);
    expect(await other.get([ID])).toEqual([{ id: ID, version: last, data: { by: 'other' } }]);
    expect(await everythingIn(placeOf(root, ID))).toEqual(places);
    await other.close();
    await expectNothingLeft(root);
  });

  test('a writer loses also when another one takes its file for the version that has had its number', async () => {
    const root = newDirectory();
    const [store, other] = [openStore(root), openStore(root)];
    await prepare(store, 1);
    const linking = stall('before link', 2);
    const stalled = store.set(ID, { by: 'stalled' }, 1);
    await linking.reached;
    expect(await other.set(ID, { by: 'other' }, 1)).toBe(2);
    const opening = files.stallNext('before open', numberedName(VERSIONS, 2));
    const deceived = other.set(ID, { by: 'deceived' }, 2);
    await opening.reached;
    await overtake(store, 3);
    await expect.poll(() => everythingIn(placeOf(root, ID))).not.toContain(numberedName(VERSIONS, 2));
    const shown = stall('after link', 2);
    linking.resume();
    await shown.reached;
    opening.resume();
    expect(await deceived).toBeUndefined();
    shown.resume();
    expect(await stalled).toBeUndefined();
    expect(await store.get([ID])).toEqual([{ id: ID, version: 5, data: { by: 'other' } }]);
  });
});

describe('the removal of old files', () => {
  test('a write does not wait for the removal of old files, but close does', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await prepare(store, 3);
    const closing = files.stallNext('before close', numberedName(VERSIONS, 3));
    const removing = files.stallNext('before unlink', numberedName(VERSIONS, 1));
    expect(await store.set(ID, { by: 'next' }, 3)).toBe(4);
    await Promise.all([closing.reached, removing.reached]);
    let hasClosed = false;
    const closed = store.close().then(() => {
      hasClosed = true;
    });
    await stat(root);
    expect(hasClosed).toBe(false);
    closing.resume();
    removing.resume();
    await closed;
    await expectNothingLeft(root);
  });

  test('close waits for the removal of old files also after a write that was under way', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await prepare(store, 3);
    const linking = stall('before link', 4);
    const written = store.set(ID, { by: 'next' }, 3);
    await linking.reached;
    let hasClosed = false;
    const closed = store.close().then(() => {
      hasClosed = true;
    });
    await stat(root);
    await stat(root);
    expect(hasClosed).toBe(false);
    linking.resume();
    await closed;
    await expectNothingLeft(root);
    expect(await written).toBe(4);
  });

  test('a lease does not wait for the removal of old files', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await (await store.lease(ID, 60_000))?.release();
    const removing = files.stallNext('before unlink', numberedName(LEASES, 1));
    const lease = await store.lease(ID, 60_000);
    expect(lease).toBeDefined();
    await removing.reached;
    removing.resume();
    await lease?.release();
    await store.close();
    expect(await everythingIn(placeOf(root, ID))).toEqual([numberedName(LEASES, 2)]);
    await expectNothingLeft(root);
  });
});

test('a version that is too long for one read can be replaced', async () => {
  const store = openStore(newDirectory());
  await store.set(ID, { padding: 'x'.repeat(100_000) }, 0);
  expect(await store.set(ID, { padding: '' }, 1)).toBe(2);
  expect(await store.delete(ID, 2)).toBe(true);
  expect(await store.set(ID, {}, 0)).toBe(4);
});

describe('an older release beside this one', () => {
  let release: OlderRelease;
  let older: new (directory: string) => TokenStore;

  beforeAll(async () => {
    release = await OlderRelease.unpack('e9ec337');
    older = ((await import(release.module)) as { FileStore: typeof older }).FileStore;
  }, 60_000);

  afterAll(() => release[Symbol.asyncDispose]());

  test.each(table.filter(([, times]) => times > 0))(
    '%s, overtaken %i times by the older release before it links, loses',
    async (_, times, write) => {
      const root = newDirectory();
      const { written, stalled, version } = await stalledWriter(root, write, 'before link');
      const other = new older(root);
      await overtake(other, times);
      await other.close();
      stalled.resume();
      expect(await written).toBe(write.done === true ? false : undefined);
      const last = version + times - 1;
      expect(await openStore(root).get([ID])).toEqual([{ id: ID, version: last, data: { by: 'other' } }]);
    },
  );

  test.each(kinds)('%s, overtaken by both releases after it has linked, reports success', async (_, write) => {
    const root = newDirectory();
    const { written, stalled, version } = await stalledWriter(root, write, 'after link');
    const other = new older(root);
    await overtake(openStore(root), 1);
    await overtake(other, 5);
    await other.close();
    stalled.resume();
    expect(await written).toBe(write.done);
    expect((await openStore(root).get([ID]))[0]?.version).toBe(version + 6);
  });

  test.each([
    [2, 'is reported as stored', 2],
    [3, 'is reported as too late, as by that release', undefined],
  ])('a version that the older release overtakes %i times %s', async (times, _, told) => {
    const root = newDirectory();
    const store = openStore(root);
    await prepare(store, 1);
    const stalled = stall('after link', 2);
    const written = store.set(ID, { by: 'stalled' }, 1);
    await stalled.reached;
    const other = new older(root);
    await overtake(other, times);
    await other.close();
    stalled.resume();
    expect(await written).toBe(told);
    expect((await openStore(root).get([ID]))[0]?.version).toBe(2 + times);
  });

  test('the older release builds on a version that is built on, and reads it', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await prepare(store, 2);
    expect((await stat(versionFile(root, ID, 1))).mtimeMs).toBe(0);
    const other = new older(root);
    expect(await other.get([ID])).toEqual([{ id: ID, version: 2, data: { version: 1 } }]);
    expect(await other.set(ID, { by: 'older' }, 2)).toBe(3);
    await other.close();
    expect(await store.get([ID])).toEqual([{ id: ID, version: 3, data: { by: 'older' } }]);
    expect(await store.set(ID, { by: 'newer' }, 3)).toBe(4);
  });
});
