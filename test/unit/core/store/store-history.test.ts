import { beforeEach, describe, expect, test } from 'vitest';
import type { StoredDocument } from '../../../../src/core/model/store.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { HISTORY_ID } from '../../../../src/core/store/history-document.js';
import { StoreHistory } from '../../../../src/core/store/store-history.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { RestorableStore } from '../../../support/stores/restorable-store.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const DAY_MS = 24 * 3_600_000;

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let told: string[];
let ids: number;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  told = [];
  ids = 0;
});

function history(name = 'a'): StoreHistory {
  const one = new StoreHistory({
    store: new SupervisedStore(faulty, clock, { unavailable() {}, available() {} }),
    clock,
    newId: () => `id-${++ids}`,
  });
  one.listen({ replaced: (replacement) => void told.push(`${name} ${replacement}`) });
  return one;
}

const stored = async () => (await memory.get([HISTORY_ID]))[0];
const content = async () => unseal((await stored()) as NonNullable<Awaited<ReturnType<typeof stored>>>);

async function remove(): Promise<void> {
  await memory.delete(HISTORY_ID, (await stored())?.version as number);
}

describe('StoreHistory: the first check', () => {
  test('the first check begins a history in a store that has none, once for all that check', async () => {
    await Promise.all([history('a').check(), history('b').check()]);
    expect([(await content())['id'], told]).toEqual([expect.stringMatching(/^id-[12]$/), []]);
  });

  test('the first check adopts an existing history', async () => {
    await history('a').check();
    const before = await stored();
    await history('b').check();
    expect([await stored(), told]).toEqual([before, []]);
  });

  test.each(['get', 'set'])(
    'the first check rejects with STORE_UNAVAILABLE where %s fails, and notifies no listener',
    async (method) => {
      faulty.before = (name) => {
        if (name === method) throw new Error('away');
      };
      await expect(history().check()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(told).toEqual([]);
    },
  );
});

describe('StoreHistory: a later check', () => {
  test('a later check reports another store when the history is missing, and begins another one', async () => {
    const [one, other] = [history('a'), history('b')];
    await Promise.all([one.check(), other.check()]);
    const before = await content();
    await remove();
    await Promise.all([one.check(), other.check()]);
    expect(told.sort()).toEqual(['a another', 'b another']);
    expect((await content())['id']).not.toBe(before['id']);
    await Promise.all([one.check(), other.check()]);
    expect([told.length, one.generation, other.generation]).toEqual([2, 1, 1]);
  });

  test('a later check reports a backup at a lower version, with an id that names the old one', async () => {
    const [one, other] = [history('a'), history('b')];
    await one.check();
    const backup = await stored();
    void one.notes.noteRegistered(['app/wx1']);
    await clock.advance(0);
    await other.check();
    faulty.afterGet = () => {};
    const get = memory.get.bind(memory);
    const set = memory.set.bind(memory);
    const current = await stored();
    let isRestored = true;
    memory.get = async (asked) => (isRestored ? [backup] : get(asked));
    memory.set = async (id, data, expected, options) => {
      if (expected !== backup?.version) return undefined;
      isRestored = false;
      return set(id, data, current?.version as number, options);
    };
    await one.check();
    expect([told, (await content())['from']]).toEqual([['a backup'], ['id-1']]);
    await other.check();
    expect(told).toEqual(['a backup', 'b backup']);
  });

  test('each check reads after its call, though another one is under way', async () => {
    const one = history();
    await one.check();
    let reads = 0;
    faulty.afterGet = async () => {
      if (++reads === 1) await remove();
    };
    await Promise.all([one.check(), one.check()]);
    expect([reads > 1, told]).toEqual([true, ['a another']]);
  });

  test('a later check rejects with STORE_UNAVAILABLE where the history could not be determined', async () => {
    const one = history();
    await one.check();
    await remove();
    const set = memory.set.bind(memory);
    memory.set = async () => undefined;
    await expect(one.check()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(told).toEqual([]);
    memory.set = set;
    await one.check();
    expect(told).toEqual(['a another']);
  });

  test('a damaged history is taken for the same, and written anew', async () => {
    const one = history();
    await one.check();
    const id = (await content())['id'];
    await memory.set(HISTORY_ID, { id: 'torn', checksum: 'wrong' }, (await stored())?.version as number);
    await one.check();
    expect([told, (await content())['id']]).toEqual([[], id]);
  });

  test.each([
    ['of a newer release', { format: 2, checksum: 'x' }],
    ['that its store cannot read', { unreadable: 'no key' }],
  ])('a history %s is taken for the same, and left alone', async (_, data) => {
    const one = history();
    await one.check();
    await memory.set(HISTORY_ID, data, (await stored())?.version as number);
    await one.check();
    expect([told, (await stored())?.data]).toEqual([[], data]);
  });

  test('a history keeps its unknown fields', async () => {
    await memory.set(HISTORY_ID, seal(HISTORY_ID, { id: 'x', later: 1 }), 0);
    const one = history();
    await one.check();
    void one.notes.noteRegistered(['app/wx1']);
    await clock.advance(0);
    expect(await content()).toMatchObject({ id: 'x', later: 1 });
  });
});

describe('StoreHistory: a write over a later history that its process never saw', () => {
  test.each(['the process of the later one', 'the other process'])(
    'both processes are notified of another history when the first to check is %s',
    async (first) => {
      const store = new RestorableStore(clock);
      faulty = new FaultyStore(store);
      const [earlier, later] = [history('earlier'), history('later')];
      await earlier.check();
      const { id } = store.data(HISTORY_ID) ?? {};
      await clock.advance(1_000);
      store.wipe();
      await later.check();
      // Both are of the first version, so that this write replaces what it has not seen.
      void earlier.notes.noteRegistered(['app/wx1']);
      await clock.advance(0);
      expect(store.data(HISTORY_ID)).toMatchObject({ id });
      const looks = first === 'the other process' ? [earlier, later, earlier] : [later, earlier, later];
      for (const each of looks) await each.check();
      expect(told.toSorted()).toEqual(['earlier another', 'later another']);
    },
  );
});

describe('StoreHistory: a restored state', () => {
  let store: RestorableStore;

  beforeEach(() => {
    store = new RestorableStore(clock);
    faulty = new FaultyStore(store);
  });

  const contentNow = () => unseal({ id: HISTORY_ID, version: 1, data: store.data(HISTORY_ID) ?? {} });

  /** Raises the version by registrations, a second apart. */
  async function raise(one: StoreHistory, times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      void one.notes.noteRegistered([`app/wx${count}`]);
      await clock.advance(1_000);
    }
  }

  test.each([1, 2, 3, 99])(
    'a restored state is recognized by its tags after %i registrations there, at versions that were seen',
    async (times) => {
      const one = history('a');
      await one.check();
      const backup = store.state();
      await raise(one, 1);
      store.restore(backup);
      const fresh = history('b');
      await fresh.check();
      await raise(fresh, times);
      await one.check();
      await fresh.check();
      expect(told).toEqual(['a backup', 'b backup']);
    },
  );

  test.each([1, 99, 100, 101, 250])(
    'a state is not taken for restored after %i registrations of another process',
    async (times) => {
      const [one, other] = [history('a'), history('b')];
      await one.check();
      await other.check();
      await raise(other, times);
      await one.check();
      expect(told).toEqual([]);
    },
  );

  test.each([1, 2])(
    'a state that was encrypted anew %i times is not taken for restored, nor is one that was written after it',
    async (times) => {
      const [one, other] = [history('a'), history('b')];
      await one.check();
      await raise(one, 2);
      await other.check();
      for (let time = 0; time < times; time++) {
        const { data, version } = (await store.get([HISTORY_ID]))[0] as StoredDocument;
        await store.set(HISTORY_ID, data, version);
      }
      await one.check();
      await raise(one, 1);
      await other.check();
      expect(told).toEqual([]);
    },
  );

  test('a backup from before a state was encrypted anew is taken for restored, also after writes to it', async () => {
    const [one, other] = [history('a'), history('b')];
    await one.check();
    await raise(one, 2);
    const backup = store.state();
    const { data, version } = (await store.get([HISTORY_ID]))[0] as StoredDocument;
    await store.set(HISTORY_ID, data, version);
    await one.check();
    store.restore(backup);
    await other.check();
    await raise(other, 3);
    await one.check();
    expect(told).toEqual(['a backup']);
  });

  test('a history that was damaged and rewritten by a process that had seen less is not taken for restored', async () => {
    const [one, other] = [history('a'), history('b')];
    await Promise.all([one.check(), other.check()]);
    await raise(one, 3);
    await store.set(HISTORY_ID, { id: 'torn', checksum: 'wrong' }, 4);
    await other.check();
    await one.check();
    await raise(one, 1);
    await other.check();
    expect(told).toEqual([]);
  });

  test('a history that another followed is a backup, for each process that knows of both', async () => {
    const [one, other] = [history('a'), history('b')];
    await one.check();
    const first = contentNow()['id'];
    const backup = store.state();
    store.wipe();
    await one.check();
    await other.check();
    const second = contentNow()['id'];
    store.restore(backup);
    await one.check();
    await other.check();
    store.restore(backup);
    await other.check();
    await one.check();
    expect(told).toEqual(['a another', 'a backup', 'b backup', 'b backup', 'a backup']);
    expect(contentNow()).toMatchObject({ from: [first, second, expect.any(String)] });
  });

  test('registrations in a restored state are noted at once, and others cause no extra write within the second', async () => {
    const one = history('a');
    await one.check();
    const backup = store.state();
    await raise(one, 1);
    store.restore(backup);
    await one.check();
    for (const id of ['app/wx1', 'app/wx2']) {
      await one.notes.noteRegistered([id]);
      expect(contentNow()['registered']).toContain(id);
    }
    faulty.calls.length = 0;
    await Promise.all([
      one.notes.noteRegistered(['app/wx3']),
      one.notes.noteRegistered(['app/wx4']),
      one.notes.noteUnregistered(['a']),
    ]);
    expect(faulty.calls).toEqual(['set']);
    expect(contentNow()).toMatchObject({ registered: [1, 2, 3, 4].map((n) => `app/wx${n}`), unregistered: ['a'] });
  });

  test('registrations in a restored state are noted later where that fails at first', async () => {
    const one = history('a');
    await one.check();
    const backup = store.state();
    await raise(one, 1);
    store.restore(backup);
    await one.check();
    faulty.before = () => {
      throw new Error('away');
    };
    await one.notes.noteRegistered(['app/wx1']);
    await clock.advance(1_000);
    faulty.before = () => {};
    await one.notes.noteRegistered(['app/wx2']);
    expect(contentNow()['registered']).toEqual(['app/wx1', 'app/wx2']);
  });

  test('versions of a restored state do not count where the known ones are of a later history', async () => {
    const compared: boolean[] = [];
    const supervised = new SupervisedStore(faulty, clock, { unavailable() {}, available() {} });
    const one = new StoreHistory({ store: supervised, clock, newId: () => `id-${++ids}` });
    one.listen({ replaced: (_, isSameHistory) => void compared.push(isSameHistory) });
    await one.check();
    const backup = store.state();
    await raise(one, 1);
    store.restore(backup);
    await one.check();
    store.wipe();
    await one.check();
    store.restore(backup);
    await one.check();
    expect(compared).toEqual([true, false, false]);
  });

  test.each([
    { afterMs: 0, isNotedBefore: true },
    { afterMs: DAY_MS, isNotedBefore: false },
  ])(
    'a restored state is a backup from before an unregistration $afterMs ms after the history began',
    async ({ afterMs, isNotedBefore }) => {
      const one = history('a');
      await one.check();
      await clock.advance(afterMs);
      if (isNotedBefore) await one.notes.noteUnregistered(['app/wx1']);
      const backup = store.state();
      await one.notes.noteUnregistered(['app/wx1']);
      await clock.advance(1_000);
      store.restore(backup);
      await one.check();
      expect(told).toEqual(['a backup']);
    },
  );

  test('a restored state is not reported twice where the answer to an earlier write comes late', async () => {
    const one = history('a');
    await one.check();
    faulty.afterSet = async () => {
      faulty.afterSet = () => {};
      store.wipe();
      await one.check();
    };
    void one.notes.noteRegistered(['app/wx1']);
    await clock.advance(1_000);
    await one.check();
    expect(told).toEqual(['a another']);
  });
});

describe('StoreHistory: changes', () => {
  test('changes are written once a second at most, and at once on stop', async () => {
    const one = history();
    await one.check();
    const writes = (): number => faulty.calls.filter((call) => call === 'set').length - 1;
    const seen: number[] = [];
    for (let count = 0; count < 100; count += 1) void one.notes.noteRegistered([`app/wx${count}`]);
    await clock.advance(0);
    seen.push(writes());
    for (let count = 0; count < 100; count += 1) void one.notes.noteRegistered([`app/wx${count}`]);
    await clock.advance(998);
    seen.push(writes());
    await clock.advance(2);
    seen.push(writes());
    void one.notes.noteRegistered(['app/wx1']);
    await clock.advance(0);
    await one.notes.stop();
    seen.push(writes());
    expect(seen).toEqual([1, 1, 2, 3]);
  });

  test.each([
    { afterMs: DAY_MS - 1, isNoted: true },
    { afterMs: DAY_MS, isNoted: false },
    { afterMs: DAY_MS + 1, isNoted: false },
  ])(
    'for changes $afterMs ms after the history began, an unregistration is noted: $isNoted',
    async ({ afterMs, isNoted }) => {
      const one = history();
      await one.check();
      await clock.advance(afterMs);
      await one.notes.noteUnregistered(['app/wx1']);
      expect(['app/wx1', 'task/wx1/a', 'app/wx2'].map((id) => one.hasUnregistered(id, {}))).toEqual([
        isNoted,
        isNoted,
        false,
      ]);
    },
  );

  test.each([20, 50, 200])(
    'the changes of %i unregistrations at the same time are all noted by one write',
    async (count) => {
      const one = history();
      await one.check();
      faulty.calls.length = 0;
      const names = Array.from({ length: count }, (_, index) => `app/wx${index}`);
      await Promise.all(names.map((name) => one.notes.noteUnregistered([name])));
      expect([(await content())['unregistered'], faulty.calls]).toEqual([names, ['set']]);
    },
  );

  test('the changes of twenty processes at the same instant are all noted', async () => {
    let calls = 0;
    clock = new FakeClock({ random: () => (calls++ % 20) / 20 });
    memory = new MemoryStore({ clock });
    faulty = new FaultyStore(memory);
    const all = Array.from({ length: 20 }, (_, index) => history(`${index}`));
    for (const one of all) await one.check();
    const noted = Promise.all(all.map((one, index) => one.notes.noteUnregistered([`app/wx${index}`])));
    await clock.advance(10_000);
    await noted;
    expect((await content())['unregistered']).toHaveLength(20);
  });

  test('an unregistration is noted by a write that begins after the call, though one is under way', async () => {
    const one = history();
    await one.check();
    const later: Promise<void>[] = [];
    faulty.afterSet = async () => {
      faulty.afterSet = () => {};
      later.push(one.notes.noteUnregistered(['app/wx2']), one.notes.noteUnregistered(['app/wx3']));
    };
    await one.notes.noteUnregistered(['app/wx1']);
    expect((await content())['unregistered']).toEqual(['app/wx1']);
    await Promise.all(later);
    expect((await content())['unregistered']).toEqual(['app/wx1', 'app/wx2', 'app/wx3']);
  });

  test('an unregistration rejects with STORE_UNAVAILABLE where other writers are first each time', async () => {
    const one = history();
    await one.check();
    const set = memory.set.bind(memory);
    memory.set = async () => undefined;
    const refused = { code: 'STORE_UNAVAILABLE', retryable: true };
    const noting = [one.notes.noteUnregistered(['app/wx1']), one.notes.noteUnregistered(['app/wx2'])];
    const refusals = noting.map((noted) => expect(noted).rejects.toMatchObject(refused));
    await clock.advance(10_000);
    await Promise.all(refusals);
    memory.set = set;
    await one.notes.noteUnregistered(['app/wx3']);
    expect((await content())['unregistered']).toEqual(['app/wx3']);
  });

  test('an unregistration leaves a history alone that a newer release has written since', async () => {
    const one = history();
    await one.check();
    const data = { format: 2, checksum: 'x' };
    await memory.set(HISTORY_ID, data, (await stored())?.version as number);
    await one.notes.noteUnregistered(['app/wx1']);
    expect((await stored())?.data).toEqual(data);
  });
});

describe('StoreHistory: what was seen last', () => {
  test('a history that follows no other was never replaced, and one that does was replaced when it began', async () => {
    const one = history();
    expect(one.replacedAt).toBe(Number.NEGATIVE_INFINITY);
    await one.check();
    expect(one.replacedAt).toBe(Number.NEGATIVE_INFINITY);
    await clock.advance(5_000);
    await remove();
    await one.check();
    const replacedAt = clock.now();
    await clock.advance(5_000);
    const later = history('later');
    await later.check();
    expect([one.replacedAt, later.replacedAt]).toEqual([replacedAt, replacedAt]);
  });

  test('only the version that was seen last is recognized, and none before the first check', async () => {
    const one = history();
    expect(await one.isSeen(1)).toBe(false);
    await one.check();
    const version = (await stored())?.version as number;
    expect([await one.isSeen(version), await one.isSeen(version + 1)]).toEqual([true, false]);
  });

  test('a version that this process is writing is recognized, since the write is awaited', async () => {
    const one = history();
    await one.check();
    let answer = (): void => {};
    faulty.afterSet = () => new Promise((resolve) => (answer = resolve));
    const noting = one.notes.noteUnregistered(['app/wx1']);
    await clock.advance(0);
    const isSeen = one.isSeen((await stored())?.version as number);
    answer();
    expect(await isSeen).toBe(true);
    await noting;
  });

  test('nothing counts as registered or unregistered before the first check', () => {
    expect([history().hasRegistered('app/wx1'), history().hasUnregistered('app/wx1', {})]).toEqual([false, false]);
  });

  test.each<[string, string, { app?: string; task?: string }, boolean]>([
    ['an app', 'app/wx1', {}, true],
    ['a task of an app', 'task/wx1/access_token', {}, true],
    ['another app', 'app/wx2', {}, false],
    ['an app with an enrolment', 'app/wx3', { app: 'mark-of-app' }, true],
    ['a task with an enrolment', 'task/wx3/access_token', { task: 'mark-of-task' }, true],
    ['an app with another enrolment', 'app/wx3', { app: 'another' }, false],
  ])('%s is known to be unregistered by its names: %#', async (_, id, marks, expected) => {
    const one = history();
    await one.check();
    await one.notes.noteUnregistered(['app/wx1', 'mark-of-app', 'mark-of-task']);
    expect(one.hasUnregistered(id, { app: undefined, task: undefined, ...marks })).toBe(expected);
  });
});
