import { once } from 'node:events';
import { mkdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DocumentDirectory } from '../../../../src/stores/file/document-directory.js';
import { documentPath } from '../../../../src/stores/file/document-path.js';
import { encodeDocument } from '../../../../src/stores/file/document-text.js';
import type { FileStore } from '../../../../src/stores/file/file-store.js';
import { appendNumbered, LEASES, VERSIONS } from '../../../../src/stores/file/numbered-files.js';
import { everythingIn, newDirectory, openStore, placeOf } from './file-places.js';
import { RivalProcesses } from './rival-process.js';

const ID = 'key/wx1/access_token';
const ROUNDS = 300;

let rivals: RivalProcesses;

beforeAll(() => {
  rivals = new RivalProcesses();
}, 60_000);

afterAll(() => rivals.end());

async function increment(store: FileStore, rounds: number): Promise<void> {
  for (let done = 0; done < rounds; ) {
    const [document] = await store.get([ID]);
    const count = Number(document?.data.count ?? 0) + 1;
    if ((await store.set(ID, { count }, document?.version ?? 0)) !== undefined) done += 1;
  }
}

describe('compare-and-set', () => {
  test('two stores in one process count without losing any write', async () => {
    const root = newDirectory();
    const [one, other] = [openStore(root), openStore(root)];
    await Promise.all([increment(one, ROUNDS), increment(other, ROUNDS)]);
    expect((await one.get([ID]))[0]?.data).toEqual({ count: 2 * ROUNDS });
    await Promise.all([one.close(), other.close()]);
    expect(await everythingIn(join(root, 'tmp'))).toEqual([]);
  }, 60_000);

  test('two processes count without losing any write', async () => {
    const root = newDirectory();
    const children = [rivals.start(root, 'count', ROUNDS), rivals.start(root, 'count', ROUNDS)];
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
    expect(codes).toEqual([0, 0]);
    expect((await openStore(root).get([ID]))[0]?.data).toEqual({ count: 2 * ROUNDS });
  }, 60_000);

  test('readers never miss a document that is being replaced', async () => {
    const root = newDirectory();
    const [writer, reader] = [openStore(root), openStore(root)];
    await writer.set(ID, { count: 0 }, 0);
    let isDone = false;
    const writing = increment(writer, 200).finally(() => {
      isDone = true;
    });
    let last = 0;
    while (!isDone) {
      const [document] = await reader.get([ID]);
      const count = Number(document?.data.count);
      expect(count).toBeGreaterThanOrEqual(last);
      last = count;
    }
    await writing;
  }, 60_000);

  test('a writer that slept before linking loses, though its number has been removed', async () => {
    const root = newDirectory();
    const store = openStore(root);
    for (let version = 0; version < 6; version++) await store.set(ID, { version }, version);
    await expect.poll(() => everythingIn(placeOf(root, ID))).not.toContain('v0000000000000002.json');
    const temporary = join(root, 'tmp', 'sleeper');
    await writeFile(temporary, encodeDocument(ID, 2, { by: 'sleeper' }, undefined));
    expect(await appendNumbered(placeOf(root, ID), VERSIONS, 2, temporary, { durable: true })).toBeUndefined();
    expect((await store.get([ID]))[0]).toEqual({ id: ID, version: 6, data: { version: 5 } });
    await expect
      .poll(() => everythingIn(placeOf(root, ID)))
      .toEqual(['id', 'v0000000000000004.json', 'v0000000000000005.json', 'v0000000000000006.json']);
  });

  test('a writer that is overtaken while it writes its temporary file loses and leaves nothing', async () => {
    // On a machine that stands still the large file can be written first, and then the other one has to lose.
    for (let round = 0; !(await isOvertaken()); round++) expect(round).toBeLessThan(20);
  });

  async function isOvertaken(): Promise<boolean> {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, { n: 1 }, 0);
    const place = new DocumentDirectory(root, documentPath(ID), ID);
    const temporary = { path: join(root, 'tmp', 'slow'), owner: undefined };
    let overtaking: Promise<number | undefined> | undefined;
    const slow = place.append(
      ID,
      1,
      (version) => {
        overtaking = store.set(ID, { n: 'overtaker' }, 1);
        return encodeDocument(ID, version, { by: 'slow', padding: 'x'.repeat(3_000_000) }, undefined);
      },
      temporary,
    );
    const appended = await slow;
    expect(await overtaking).toBe(appended === undefined ? 2 : undefined);
    if (appended === undefined) expect((await store.get([ID]))[0]?.data).toEqual({ n: 'overtaker' });
    // What a writer leaves that was faster is cleared away by its store, and this one has none.
    await appended?.clearAway();
    await expect.poll(() => everythingIn(join(root, 'tmp'))).toEqual([]);
    return appended === undefined;
  }
});

describe('a lease', () => {
  test('a lease of a killed process is free at once', async () => {
    const root = newDirectory();
    const store = openStore(root);
    const child = rivals.start(root, 'lease');
    await once(child.stdout ?? child, 'data');
    expect(await store.lease(ID, 60_000)).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await store.lease(ID, 60_000)).toBeDefined();
  }, 60_000);

  const running = { host: 'elsewhere', pid: process.pid, ttlMs: 60_000 };
  const held: [string, object, number, boolean][] = [
    ['of another host lasts', running, 0, false],
    ['of another host expires', running, -60_001, true],
    ['written just ahead of the clock lasts', running, 30_000, false],
    ['written further ahead than it lasts is free', running, 3_600_000, true],
    ['without a known holder is free', { host: 'elsewhere' }, 0, true],
    ['of another host whose process id is not in use here lasts', { ...running, pid: 4_000_000 }, 0, false],
  ];

  test.each(held)('a lease %s', async (_, holder, ageMs, isFree) => {
    const root = newDirectory();
    const store = openStore(root);
    const path = await writeLease(root, JSON.stringify(holder));
    const at = new Date((await store.now()) + ageMs);
    await utimes(path, at, at);
    expect((await store.lease(ID, 60_000)) !== undefined).toBe(isFree);
  });

  test.each([
    ['whose process id is not in use', { pid: 4_000_000 }],
    ['whose process id belongs to a later process', { startedAt: '1' }],
  ])('a lease of this host %s is free', async (_, changes) => {
    const root = newDirectory();
    const store = openStore(root);
    await store.lease(ID, 60_000);
    const path = join(placeOf(root, ID), 'lease-0000000000000001');
    const holder: object = JSON.parse(await readFile(path, 'utf8'));
    expect(await store.lease(ID, 60_000)).toBeUndefined();
    await writeFile(path, JSON.stringify({ ...holder, ...changes }));
    expect(await store.lease(ID, 60_000)).toBeDefined();
  });

  test('a lease with an invalid process id stays held, and no process is looked up', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.lease(ID, 60_000);
    const path = join(placeOf(root, ID), 'lease-0000000000000001');
    const holder: object = JSON.parse(await readFile(path, 'utf8'));
    for (const pid of [0, -1, 1.5]) {
      await writeFile(path, JSON.stringify({ ...holder, pid }));
      expect(await store.lease(ID, 60_000)).toBeUndefined();
    }
  });

  test('a lease that was torn by a power cut is free', async () => {
    const root = newDirectory();
    const path = await writeLease(root, '{"host":"elsewh');
    expect((await stat(path)).size).toBeGreaterThan(0);
    expect(await openStore(root).lease(ID, 60_000)).toBeDefined();
  });

  test('a lease of a process that slept before linking is not granted', async () => {
    const root = newDirectory();
    const store = openStore(root);
    for (let round = 0; round < 3; round++) await (await store.lease(ID, 60_000))?.release();
    const temporary = join(root, 'tmp', 'sleeper');
    await writeFile(temporary, '{}');
    expect(await appendNumbered(placeOf(root, ID), LEASES, 2, temporary, { durable: false })).toBeUndefined();
    expect(await everythingIn(placeOf(root, ID))).toEqual(['lease-0000000000000003']);
  });

  test('a lease is released by emptying its file, so that its number stays taken', async () => {
    const root = newDirectory();
    const store = openStore(root);
    const lease = await store.lease(ID, 60_000);
    await lease?.release();
    const path = join(placeOf(root, ID), 'lease-0000000000000001');
    expect((await stat(path)).size).toBe(0);
    await truncate(path, 0);
    await store.lease(ID, 60_000);
    await lease?.release();
    expect(await everythingIn(placeOf(root, ID))).toEqual(['lease-0000000000000002']);
  });
});

async function writeLease(root: string, text: string): Promise<string> {
  await mkdir(placeOf(root, ID), { recursive: true });
  const path = join(placeOf(root, ID), 'lease-0000000000000001');
  await writeFile(path, text);
  return path;
}
