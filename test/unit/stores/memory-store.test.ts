import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../../src/stores/memory.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const ID = 'key/wx1/access_token';

describe('MemoryStore', () => {
  test('MemoryStore keeps a copy of what is put in, which it returns frozen and without another copy', async () => {
    const store = new MemoryStore();
    const data = { nested: { list: [{ n: 1 }] } };
    const due = { lane: 'x', at: 1 };
    await store.set(ID, data, 0, { due });
    due.at = 2;
    data.nested.list.push({ n: 2 });
    const [document] = await store.get([ID]);
    expect((await store.get([ID]))[0]).toBe(document);
    expect(document?.data).toEqual({ nested: { list: [{ n: 1 }] } });
    expect(document?.due).toEqual({ lane: 'x', at: 1 });
    const copy = document?.data as typeof data | undefined;
    const parts = [document, copy, copy?.nested, copy?.nested.list, copy?.nested.list[0], document?.due];
    expect(parts.every(Object.isFrozen)).toBe(true);
  });

  test('a version is in microseconds of the clock, and grows when that does not', async () => {
    const clock = new FakeClock({ now: 1_000.5 });
    const store = new MemoryStore({ clock });
    expect(await store.set(ID, {}, 0)).toBe(1_000_500);
    expect(await store.set(ID, {}, 1_000_500)).toBe(1_000_501);
    clock.jump(-500);
    expect(await store.delete(ID, 1_000_501)).toBe(true);
    expect(await store.set(ID, {}, 0)).toBe(1_000_502);
    clock.jump(1_000);
    expect(await store.set(ID, {}, 1_000_502)).toBe(1_500_500);
  });

  test('MemoryStore goes by its own clock, or by the one it adopts', async () => {
    const [own, adopted] = [new FakeClock({ now: 1 }), new FakeClock({ now: 2 })];
    const stores = [new MemoryStore({ clock: own }), new MemoryStore()];
    for (const store of stores) store.adoptClock(adopted);
    expect(await Promise.all(stores.map((store) => store.now()))).toEqual([1, 2]);
    expect(Math.abs((await new MemoryStore().now()) - Date.now())).toBeLessThan(1_000);
  });

  test('a lease expires exactly when its time is over', async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    await store.lease(ID, 1_000);
    await clock.advance(999);
    expect(await store.lease(ID, 1_000)).toBeUndefined();
    await clock.advance(1);
    expect(await store.lease(ID, 1_000)).toBeDefined();
  });

  test('a watcher is called after the change, not within it, and not once it has ended', async () => {
    const store = new MemoryStore();
    const told: unknown[] = [];
    const end = await store.watch((id) => told.push(id));
    const writing = store.set(ID, {}, 0);
    expect(told).toEqual([]);
    await writing;
    await Promise.resolve();
    expect(told).toEqual([ID]);
    const last = store.set('app/wx1', {}, 0);
    await end();
    await last;
    await Promise.resolve();
    expect(told).toEqual([ID]);
  });

  test('a list that is being read goes on while documents come and go', async () => {
    const store = new MemoryStore();
    for (const id of ['app/a', 'app/b', 'app/c']) await store.set(id, {}, 0);
    const [, second] = await store.get(['app/a', 'app/b']);
    const listed = [];
    for await (const { id } of store.list('app')) {
      listed.push(id);
      await store.delete('app/b', second?.version ?? 0);
      await store.set('app/d', {}, 0);
    }
    expect(listed).toEqual(['app/a', 'app/c']);
  });

  test.each([
    [0, true],
    [-40_000, true],
    [-40_001, false],
    [-3_600_000, false],
  ])('a lease of 20 s is held after the clock moved by %i ms: %s', async (ms, isHeld) => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    await store.lease(ID, 20_000);
    clock.jump(ms);
    expect((await store.lease(ID, 20_000)) === undefined).toBe(isHeld);
  });

  test('MemoryStore can be closed twice', async () => {
    const store = new MemoryStore();
    await store.close();
    await expect(store.close()).resolves.toBeUndefined();
    await expect(store.now()).rejects.toThrow('the store is closed');
  });
});
