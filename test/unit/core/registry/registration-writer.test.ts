import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import type { StoredDocument } from '../../../../src/core/model/store.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { RegistrationLease } from '../../../../src/core/registry/registration-lease.js';
import {
  type Decided,
  type Decision,
  keptDocument,
  RegistrationWriter,
  type Settled,
} from '../../../../src/core/registry/registration-writer.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

const ID = 'task/wx1/user/u0';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let closing: Closing;
let writer: RegistrationWriter;
let lease: RegistrationLease;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  closing = new Closing();
  writer = new RegistrationWriter(openStorage(faulty, clock).store, closing);
  lease = new RegistrationLease('wx1', clock, clock.monotonic());
});

const stored = async (id = ID): Promise<StoredDocument | undefined> => (await memory.get([id]))[0];

async function put(data: JsonObject, id = ID, due?: StoredDocument['due']): Promise<StoredDocument> {
  await memory.set(id, data, (await stored(id))?.version ?? 0, due === undefined ? {} : { due });
  return (await stored(id)) as StoredDocument;
}

/** Returns a document to be written with this data, whatever is stored. */
function target(data: JsonObject, before?: StoredDocument, due?: StoredDocument['due']): Decided {
  const decide = (found: StoredDocument | undefined): Decision => ({ before: found, data, due, differs: true });
  return [{ id: ID, decide: async (found) => decide(found) }, decide(before)];
}

describe('reading', () => {
  test('documents are read 256 at once, and those that are missing are left out', async () => {
    const ids = Array.from({ length: 512 }, (_, index) => `task/wx1/user/u${index}`);
    for (const id of [ids[0], ids[255], ids[256], ids[511]]) await put({ id: id as string }, id);
    const found = await writer.read(ids, lease);
    expect([...found.keys()]).toEqual([ids[0], ids[255], ids[256], ids[511]]);
    expect(faulty.calls).toEqual(['get', 'get']);
  });

  test('nothing is read under a lease without time for new work, and without a lease at any time', async () => {
    await put({});
    await clock.advance(8_000);
    await expect(writer.read([ID], lease)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(faulty.calls).toEqual([]);
    expect([...(await writer.read([ID], undefined)).keys()]).toEqual([ID]);
  });
});

describe('rolling back', () => {
  async function write(decided: Decided): Promise<Settled[]> {
    const settled: Settled[] = [];
    await writer.write([decided], lease, settled).catch(() => {});
    faulty.before = () => {};
    faulty.afterSet = () => {};
    return settled;
  }

  /** Has the store fail after it has made a write, or before that. */
  function failWrite(isMade: boolean): void {
    const fail = (): never => {
      throw new Error('gone');
    };
    if (isMade) faulty.afterSet = fail;
    else faulty.before = (method) => (method === 'set' ? fail() : undefined);
  }

  test('no write is undone once the lease no longer covers it', async () => {
    const settled = await write(target({}));
    faulty.calls.length = 0;
    await clock.advance(16_000);
    await writer.undo(settled, lease);
    expect([faulty.calls, (await stored()) === undefined]).toEqual([[], false]);
  });

  test('a written document is deleted if there was none, and otherwise gets back its content and its due', async () => {
    await writer.undo(await write(target({ n: 1 })), lease);
    expect(await stored()).toBeUndefined();
    const due = { lane: 'user', at: clock.now() + 1_000 };
    const before = await put({ n: 0 }, ID, due);
    await writer.undo(await write(target({ n: 1 }, before)), lease);
    expect(await stored()).toMatchObject({ data: { n: 0 }, due });
  });

  test('a document that was kept is left alone', async () => {
    const before = await put({ n: 0 });
    const kept: Decision = { before, data: before.data, differs: false };
    const settled = await write([{ id: ID, decide: async () => kept }, kept]);
    expect(settled).toEqual([keptDocument(ID, kept)]);
    faulty.calls.length = 0;
    await writer.undo(settled, lease);
    expect(faulty.calls).toEqual([]);
  });

  test.each<[string, StoredDocument['due']]>([
    ['without a due', undefined],
    ['with a due that the store rounds', { lane: 'user', at: 1_700_000_000_000.4 }],
  ])('a document %s whose write was made although the store failed is rolled back', async (_, due) => {
    const before = await put({ n: 0 });
    failWrite(true);
    const settled = await write(target({ n: 1 }, before, due));
    expect((await stored())?.data).toEqual({ n: 1 });
    await writer.undo(settled, lease);
    expect((await stored())?.data).toEqual({ n: 0 });
  });

  test('a document whose write was not made when the store failed is left alone', async () => {
    const before = await put({ n: 1 });
    failWrite(false);
    // Its data equals that of the write, so that the version alone shows that it was not made.
    await writer.undo(await write(target({ n: 1 }, before)), lease);
    expect(await stored()).toEqual(before);
    await memory.delete(ID, before.version);
    failWrite(false);
    await writer.undo(await write(target({ n: 1 })), lease);
    expect(await stored()).toBeUndefined();
  });

  const dueOfWrite = { lane: 'user', at: 1_700_000_000_000 };
  test.each<[string, JsonObject, StoredDocument['due']]>([
    ['other data', { n: 2 }, dueOfWrite],
    ['no due', { n: 1 }, undefined],
    ['another lane', { n: 1 }, { ...dueOfWrite, lane: 'other' }],
    ['a due a millisecond later', { n: 1 }, { ...dueOfWrite, at: dueOfWrite.at + 1 }],
  ])('a document that another process has written since with %s is not rolled back', async (_, data, due) => {
    failWrite(true);
    const settled = await write(target({ n: 1 }, undefined, dueOfWrite));
    const theirs = await put(data, ID, due);
    await writer.undo(settled, lease);
    expect(await stored()).toEqual(theirs);
  });

  test('a document without a due is not rolled back where another process has given it one', async () => {
    failWrite(true);
    const settled = await write(target({ n: 1 }));
    const theirs = await put({ n: 1 }, ID, dueOfWrite);
    await writer.undo(settled, lease);
    expect(await stored()).toEqual(theirs);
  });

  test('rolling back is tried ten times', async () => {
    const settled = await write(target({ n: 1 }));
    faulty.calls.length = 0;
    faulty.before = () => {
      throw new Error('gone');
    };
    await writer.undo(settled, lease);
    expect(faulty.calls).toEqual(Array.from({ length: 10 }, () => 'delete'));
    let failures = 2;
    faulty.before = () => {
      if (failures-- > 0) throw new Error('gone');
    };
    await writer.undo(settled, lease);
    expect(await stored()).toBeUndefined();
  });
});

describe('deleting', () => {
  test.each([
    [true, undefined],
    [false, { n: 2 }],
  ])('a document that was changed since it was listed is deleted if its app is gone: %s', async (isGone, left) => {
    const listed = await put({ n: 1 });
    await put({ n: 2 });
    await writer.deleteAll([listed], isGone, lease);
    expect((await stored())?.data).toEqual(left);
  });

  test('a document that was listed and has not changed is deleted by one command', async () => {
    await writer.deleteAll([await put({})], true, lease);
    expect([faulty.calls, await stored()]).toEqual([['delete'], undefined]);
  });

  test('a document that others change each time is given up after ten tries, and the error names the app', async () => {
    const listed = await put({ n: 0 });
    let changes = 0;
    faulty.before = async (method) => {
      if (method === 'delete') await put({ n: ++changes });
    };
    await expect(writer.deleteOne(listed.id, lease)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', appid: 'wx1' });
    expect(changes).toBe(10);
  });
});

test('a write that loses to another process is not repeated once the closing has begun', async () => {
  faulty.before = async (method) => {
    if (method !== 'set') return;
    await put({ theirs: true });
    closing.begin();
  };
  await expect(writer.write([target({ n: 1 })], lease, [])).rejects.toMatchObject({ code: 'CLOSED' });
  expect((await stored())?.data).toEqual({ theirs: true });
});
