import type { FSWatcher } from 'node:fs';
import { appendFile, mkdir, readFile, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FileStore } from '../../../../src/stores/file/file-store.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { newDirectory, openStore } from './file-places.js';

const ID = 'key/wx1/access_token';
const OTHER_ID = 'key/wx2/access_token';

const systemWatch = vi.hoisted(() => ({ fails: false, open: new Set<FSWatcher>() }));

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs')>();
  const watch = (...options: Parameters<typeof original.watch>): FSWatcher => {
    if (systemWatch.fails) throw Object.assign(new Error('ENOSPC: no watch left'), { code: 'ENOSPC' });
    const watcher = original.watch(...options);
    systemWatch.open.add(watcher);
    return watcher.on('close', () => systemWatch.open.delete(watcher));
  };
  return { ...original, watch };
});

async function follow(root: string): Promise<{ told: (string | undefined)[]; clock: FakeClock; store: FileStore }> {
  const clock = new FakeClock();
  const store = new FileStore(root, { clock });
  onTestFinished(() => store.close());
  const told: (string | undefined)[] = [];
  await store.watch((id) => told.push(id));
  return { told, clock, store };
}

describe('a watch', () => {
  test('a watch reports every change once and in order, of its own and other stores, and none from before', async () => {
    const root = newDirectory();
    const other = openStore(root);
    await other.set('app/before', {}, 0);
    const { told, store } = await follow(root);
    await other.set(ID, {}, 0);
    await store.set(OTHER_ID, {}, 0);
    await other.set(OTHER_ID, {}, 0);
    await other.delete(ID, 1);
    await vi.waitFor(() => expect(told).toEqual([ID, OTHER_ID, ID]));
  });

  test('a watch polls every 5 s where the system has no watch to give', async () => {
    systemWatch.fails = true;
    onTestFinished(() => {
      systemWatch.fails = false;
    });
    const root = newDirectory();
    const { told, clock, store } = await follow(root);
    await openStore(root).set(ID, {}, 0);
    await clock.advance(4_900);
    expect(told).toEqual([]);
    await clock.advance(100);
    await vi.waitFor(() => expect(told).toEqual([ID]));
    await openStore(root).set(OTHER_ID, {}, 0);
    await clock.advance(5_000);
    await vi.waitFor(() => expect(told).toEqual([ID, OTHER_ID]));
    await store.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a change log that was replaced, cut or garbled means that anything may have changed', async () => {
    const root = newDirectory();
    const log = join(root, 'changes.log');
    const other = openStore(root);
    await other.set(ID, {}, 0);
    const { told } = await follow(root);
    await rename(log, join(root, 'changes.old'));
    await other.set(OTHER_ID, {}, 0);
    // The new log may be noticed before it has its first line, which is told of as well then.
    await vi.waitFor(() => expect(told).not.toEqual([]));
    expect(told.splice(0)[0]).toBeUndefined();
    await other.set(OTHER_ID, {}, 1);
    await vi.waitFor(() => expect(told.at(-1)).toBe(OTHER_ID));
    await truncate(log, 0);
    await vi.waitFor(() => expect(told.at(-1)).toBeUndefined());
    told.length = 0;
    await appendFile(log, `\0\0\0\n${ID}\nhalf an `);
    await vi.waitFor(() => expect(told).toEqual([undefined, ID]));
    await appendFile(log, `id\n`);
    await vi.waitFor(() => expect(told).toEqual([undefined, ID, undefined]));
  });

  test('a watch survives that the change log is gone for a while', async () => {
    const root = newDirectory();
    const { told } = await follow(root);
    await unlink(join(root, 'changes.log'));
    await openStore(root).set(ID, {}, 0);
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0));
    expect([ID, undefined]).toContain(told[0]);
  });

  test('a watch polls on when the system ends its own watch with an error', async () => {
    const root = newDirectory();
    const { told, clock } = await follow(root);
    for (const watcher of systemWatch.open) watcher.emit('error', new Error('EPERM'));
    await vi.waitFor(() => expect(systemWatch.open.size).toBe(0));
    await openStore(root).set(ID, {}, 0);
    await clock.advance(5_000);
    await vi.waitFor(() => expect(told).toEqual([ID]));
  });

  test('a watch leaves no timer and no handle', async () => {
    const root = newDirectory();
    await vi.waitFor(() => expect(systemWatch.open.size).toBe(0));
    const { clock, store } = await follow(root);
    const end = await store.watch(() => undefined);
    expect([clock.pendingTimers, systemWatch.open.size]).toEqual([2, 2]);
    await end();
    await end();
    await vi.waitFor(() => expect([clock.pendingTimers, systemWatch.open.size]).toEqual([1, 1]));
    await store.close();
    await store.close();
    await vi.waitFor(() => expect([clock.pendingTimers, systemWatch.open.size]).toEqual([0, 0]));
  });
});

describe('the change log', () => {
  test('the change log is set aside when it is over 1 MiB', async () => {
    const root = newDirectory();
    await openStore(root).set(ID, {}, 0);
    await appendFile(join(root, 'changes.log'), `${ID}\n`.repeat(60_000));
    const { told } = await follow(root);
    await openStore(root).set(OTHER_ID, {}, 0);
    expect((await stat(join(root, 'changes.old'))).size).toBeGreaterThan(1_048_576);
    await openStore(root).set(OTHER_ID, {}, 1);
    expect(await readFile(join(root, 'changes.log'), 'utf8')).toBe(`${OTHER_ID}\n`);
    await vi.waitFor(() => expect(told).toContain(undefined));
  });

  test('a change log that cannot be written does not fail the change', async () => {
    const root = newDirectory();
    const store = openStore(root);
    await store.set(ID, {}, 0);
    await unlink(join(root, 'changes.log'));
    await writeFile(join(root, 'changes.old'), '');
    await mkdir(join(root, 'changes.log'));
    expect(await store.set(ID, { n: 2 }, 1)).toBe(2);
    expect((await store.get([ID]))[0]?.data).toEqual({ n: 2 });
  });
});
