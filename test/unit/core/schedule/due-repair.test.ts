import { beforeEach, describe, expect, test } from 'vitest';
import { DueRepair } from '../../../../src/core/schedule/due-repair.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { type JsonObject, MemoryStore, type StoredDocument } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import type { OpenedStorage } from '../../../support/worlds/storage.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'a' };
const TASK = { key: KEY, notify: undefined };
const ID = 'key/wx1/a';
const DELIVERY = 'delivery/wx1/a';
const TOLERANCE = 120_000;
const DAY = 86_400_000;

let clock: FakeClock;
let store: FaultyStore;
let storage: OpenedStorage;
let now: number;
/** The lanes in which nothing due was left at the last claim. */
let emptied: string[];

beforeEach(async () => {
  clock = new FakeClock();
  now = clock.now();
  store = new FaultyStore(new MemoryStore({ clock }));
  storage = openStorage(store, clock);
  emptied = [];
  for (const id of ['app/wx1', 'task/wx1/a']) await store.set(id, seal(id, {}), 0);
});

function mend(task: { readonly key: typeof KEY; readonly notify: string | undefined } = TASK): Promise<void> {
  const isHandedOut = (lane: string, withinMs: number): boolean => withinMs === TOLERANCE && emptied.includes(lane);
  return new DueRepair(storage.store, storage.reader, storage.clock, { isHandedOut }).mend([task]);
}

async function write(id: string, content: JsonObject, lane: string, at: number | undefined): Promise<number> {
  return (await store.set(id, seal(id, content), 0, at === undefined ? {} : { due: { lane, at } })) as number;
}

const stored = async (id = ID): Promise<StoredDocument | undefined> => (await store.get([id]))[0];
async function unregister(): Promise<void> {
  const task = await stored('task/wx1/a');
  await store.delete('task/wx1/a', task?.version ?? 0);
}

const grantDueAt = (dueAt: number): JsonObject => ({
  grant: { value: 'CANARY', obtainedAt: now, expiresAt: now + 2 * DAY, dueAt },
});

describe('the due of a key', () => {
  test('a key whose document is lost is due when holders of its record had time to put it back', async () => {
    await mend();
    const found = (await stored()) as StoredDocument;
    expect(found.due).toEqual({ lane: 'a', at: now + 70_000 });
    expect(unseal(found)).toEqual({ lostAt: now });
  });

  test('a key whose due is lost is due when its record is', async () => {
    const version = await write(ID, grantDueAt(now + DAY), 'a', undefined);
    await mend();
    expect((await stored())?.due).toEqual({ lane: 'a', at: now + DAY });
    expect(unseal((await stored()) as StoredDocument)).toMatchObject({
      ...grantDueAt(now + DAY),
      recordVersion: version,
    });
  });

  test('a key whose due is lost is due now if its record was due before', async () => {
    await write(ID, grantDueAt(now - DAY), 'a', undefined);
    await mend();
    expect((await stored())?.due?.at).toBe(now);
  });

  test.each<[string, number, boolean, number | undefined]>([
    ['in time', 1_000, false, undefined],
    ['overdue for as long as is tolerated', -TOLERANCE, true, undefined],
    ['overdue while others are claimed', -TOLERANCE - 1, false, undefined],
    ['overlooked by the store', -TOLERANCE - 1, true, 0],
    ['a little late', TOLERANCE, false, undefined],
    ['too late', TOLERANCE + 1, false, 0],
    ['in a year', 365 * DAY, false, 0],
    ['later than any token lives, so that it counts as due', 367 * DAY, false, undefined],
  ])('a key without a record that is %s is due in time', async (_, inMs, isHandedOut, expectedInMs) => {
    if (isHandedOut) emptied.push('a');
    const version = await write(ID, {}, 'a', now + inMs);
    await mend();
    expect((await stored())?.due?.at).toBe(now + (expectedInMs ?? inMs));
    expect((await stored())?.version === version).toBe(expectedInMs === undefined);
  });

  test.each<[number, number]>([
    [DAY + TOLERANCE, DAY + TOLERANCE],
    [DAY + TOLERANCE + 1, DAY],
  ])('a key whose record is due in a day, and whose due is in %i ms, is due in %i ms', async (inMs, expectedInMs) => {
    await write(ID, grantDueAt(now + DAY), 'a', now + inMs);
    await mend();
    expect((await stored())?.due?.at).toBe(now + expectedInMs);
  });

  test('a key whose document cannot be read keeps its due', async () => {
    const version = await store.set(ID, { format: 2 }, 0, { due: { lane: 'a', at: now + DAY } });
    await mend();
    expect(await stored()).toMatchObject({ version, due: { at: now + DAY } });
  });

  test('a key without a registered task is not made due', async () => {
    await unregister();
    await mend();
    expect(await stored()).toBeUndefined();
  });

  test('a key that is unregistered while its due is written is left without a document', async () => {
    store.afterSet = async (id) => {
      store.afterSet = () => {};
      if (id === ID) await unregister();
    };
    await mend();
    expect(await stored()).toBeUndefined();
  });

  test('a key whose due another process has mended meanwhile is left alone', async () => {
    const version = await write(ID, {}, 'a', undefined);
    store.afterGet = async () => {
      store.afterGet = () => {};
      await store.set(ID, seal(ID, { later: 1 }), version, { due: { lane: 'a', at: now + 5 } });
    };
    await mend();
    const found = (await stored()) as StoredDocument;
    expect([found.due?.at, unseal(found)]).toEqual([now + 5, { later: 1 }]);
  });
});

describe('the due of a delivery', () => {
  const notified = { key: KEY, notify: 'https://example.com' };

  beforeEach(async () => void (await write(ID, {}, 'a', now)));

  test('a delivery whose document is lost is due now', async () => {
    await mend(notified);
    const found = (await stored(DELIVERY)) as StoredDocument;
    expect([found.due, unseal(found)]).toEqual([{ lane: 'deliver', at: now }, {}]);
  });

  test.each<[number | undefined, boolean, boolean]>([
    [undefined, false, true],
    [0, false, false],
    [DAY, false, false],
    [-TOLERANCE - 1, false, false],
    [-TOLERANCE - 1, true, true],
  ])(
    'a delivery that is due in %s ms, with its lane emptied: %s, is made due: %s',
    async (inMs, isHandedOut, isMended) => {
      if (isHandedOut) emptied.push('deliver');
      const version = await write(DELIVERY, {}, 'deliver', inMs === undefined ? undefined : now + inMs);
      await mend(notified);
      expect((await stored(DELIVERY))?.due?.at).toBe(isMended ? now : now + (inMs ?? 0));
      expect((await stored(DELIVERY))?.version === version).toBe(!isMended);
    },
  );

  test('no delivery is made due of a task without a URL', async () => {
    await mend();
    expect(await stored(DELIVERY)).toBeUndefined();
  });
});

test('the dues of tasks are read a hundred at a time, and a failure of the store is passed on', async () => {
  const isHandedOut = (): boolean => false;
  const repair = new DueRepair(storage.store, storage.reader, storage.clock, { isHandedOut });
  store.calls.length = 0;
  const tasks = Array.from({ length: 101 }, (_, index) => ({
    key: { appid: 'wx9', type: `t${index}` },
    notify: undefined,
  }));
  await repair.mend([]);
  expect(store.calls).toEqual([]);
  await repair.mend(tasks.slice(0, 1));
  const perTask = store.calls.length - 1;
  store.calls.length = 0;
  await repair.mend(tasks);
  expect(store.calls).toHaveLength(2 + 101 * perTask);
  store.before = () => {
    throw new Error('no');
  };
  await expect(repair.mend(tasks)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});
