import { beforeEach, describe, expect, test } from 'vitest';
import { OwnRemovals } from '../../../../src/core/engine/own-removals.js';
import { parseKey, type TokenKey } from '../../../../src/core/model/token-key.js';
import { OwnRegistrations } from '../../../../src/core/registry/own-registrations.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const DAY_MS = 24 * 3_600_000;
const APP = 'app/wx1';
const TASK = 'task/wx1/access_token';
const OTHER_TASK = 'task/wx1/jsapi_ticket';

type HasEnded = (mark: string, id: string) => Promise<boolean>;

/** A history whose generation and registrations a test sets, and which notes what is recorded as unregistered. */
class History {
  generation = 0;
  registered = new Set<string>();
  noted: [ids: readonly string[], isThere: boolean | undefined][] = [];
  checks = 0;
  readonly notes = {
    noteUnregistered: async (ids: readonly string[], isThere?: boolean) => void this.noted.push([ids, isThere]),
  };

  hasRegistered(id: string): boolean {
    return this.registered.has(id);
  }

  async check(): Promise<void> {
    this.checks += 1;
  }
}

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let storage: OpenedStorage;
let own: OwnRegistrations;
let history: History;
let removals: OwnRemovals;
/** The removals that were asked for: the app, and the ids of documents. */
let removed: [appid: string, ids: readonly string[]][];
let hasEnded: HasEnded;
let duringRemoval: () => void;
let wanted: number;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  storage = openStorage(faulty, clock);
  own = new OwnRegistrations();
  history = new History();
  removed = [];
  wanted = 0;
  duringRemoval = () => {};
  const registrar = {
    removeEnded: async (appid: string, ids: readonly string[], ended: HasEnded) => {
      removed.push([appid, [...ids].sort()]);
      hasEnded = ended;
      duringRemoval();
    },
  };
  removals = new OwnRemovals(
    { store: storage.store, clock, registry: storage.registry, registrar: registrar as never },
    own,
    history as never,
    () => void (wanted += 1),
  );
});

/** Unregisters an app or a task whose documents have these marks, given by id. */
async function unregister(id: string, marks: Readonly<Record<string, string>>): Promise<void> {
  const unregistering = await removals.begin(id);
  unregistering.found(Object.entries(marks).map(([found, enrolment]) => ({ id: found, data: { enrolment } })));
  unregistering.done();
}

function holdTask(id: string, enrolment: string): void {
  const key = parseKey(id) as TokenKey;
  storage.registry.setTask({
    key,
    params: undefined,
    notify: undefined,
    functionMissing: false,
    version: 1,
    enrolment,
  });
}

describe('an unregistration that begins', () => {
  test.each<[string, boolean, () => unknown]>([
    ['known to be there if this process has registered it', true, () => own.note(APP, { enrolment: 'm' }, 1)],
    [
      'known to be there if it is in memory',
      true,
      () => storage.registry.setApp({ appid: 'wx1', version: 1 } as never),
    ],
    ['known to be there if the store has it', true, () => putContent(memory, APP, { enrolment: 'm' })],
    ['not known to be there otherwise', false, () => {}],
  ])('an unregistration is recorded for other processes as %s', async (_, isThere, prepare) => {
    await prepare();
    await removals.begin(APP);
    expect(history.noted).toEqual([[[APP], isThere]]);
  });

  test('an unregistration reads the store only where its mark is not known', async () => {
    own.note(APP, { enrolment: 'm' }, 1);
    await removals.begin(APP);
    holdTask(TASK, 't');
    await removals.begin(TASK);
    expect(faulty.calls).toEqual([]);
    await removals.begin(OTHER_TASK);
    expect(faulty.calls).toEqual(['get']);
  });

  test('an unregistration fails with a store that fails, and ends no mark', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(removals.begin(APP)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    removals.replaced();
    expect(removals.isSettled).toBe(true);
  });
});

describe('marks that have ended', () => {
  test.each<[string, string, readonly string[]]>([
    ['an app ends the marks of its tasks too', APP, ['own-app', 'own-task', 'held-task']],
    ['a task ends no other mark', TASK, ['own-task']],
  ])('the unregistration of %s', async (_, id, expected) => {
    own.note(APP, { enrolment: 'own-app' }, 1);
    own.note(TASK, { enrolment: 'own-task' }, 1);
    holdTask(OTHER_TASK, 'held-task');
    (await removals.begin(id)).done();
    removals.replaced();
    const marks = ['own-app', 'own-task', 'held-task'];
    expect(marks.filter((mark) => removals.isUnsettled(mark))).toEqual(expected);
  });

  test('the mark of an app that is only in memory ends, and that of one that is only in the store', async () => {
    storage.registry.setApp({ appid: 'wx1', version: 1, enrolment: 'held' } as never);
    await putContent(memory, 'app/wx2', { enrolment: 'stored' });
    (await removals.begin(APP)).done();
    (await removals.begin('app/wx2')).done();
    removals.replaced();
    expect(['held', 'stored', 'another'].map((mark) => removals.isUnsettled(mark))).toEqual([true, true, false]);
  });

  test('the marks of documents that the unregistration has found end too, and documents without one are passed over', async () => {
    const unregistering = await removals.begin(APP);
    unregistering.found([
      { id: TASK, data: { enrolment: 'found' } },
      { id: OTHER_TASK, data: {} },
    ]);
    unregistering.done();
    removals.replaced();
    expect([removals.isUnsettled('found'), removals.isSettled]).toEqual([true, false]);
  });

  test('no mark has ended before the unregistration is done', async () => {
    own.note(APP, { enrolment: 'm' }, 1);
    const unregistering = await removals.begin(APP);
    removals.replaced();
    expect([removals.isSettled, own.has(APP)]).toEqual([true, true]);
    unregistering.done();
    expect(own.has(APP)).toBe(false);
  });

  test('no mark is unsettled while the store is the same', async () => {
    await unregister(APP, { [APP]: 'm' });
    expect([removals.isSettled, removals.isUnsettled('m'), wanted]).toEqual([true, false, 0]);
  });

  test('the marks of an unregistration during which the store was replaced are unsettled at once, and removed again', async () => {
    const unregistering = await removals.begin(APP);
    unregistering.found([{ id: APP, data: { enrolment: 'm' } }]);
    history.generation += 1;
    unregistering.done();
    expect([removals.isUnsettled('m'), wanted]).toEqual([true, 1]);
  });

  test.each([
    [DAY_MS - 1, true],
    [DAY_MS, false],
    [DAY_MS + 1, false],
  ])('a mark that ended %i ms before the store was replaced may have come back: %s', async (ms, isUnsettled) => {
    await unregister(APP, { [APP]: 'm' });
    await clock.advance(ms);
    removals.replaced();
    expect([removals.isUnsettled('m'), removals.isSettled]).toEqual([isUnsettled, !isUnsettled]);
  });

  test('a mark that is registered again here has not ended', async () => {
    await unregister(APP, { [APP]: 'm' });
    removals.registered({ enrolment: 'another' });
    removals.registered({});
    removals.replaced();
    expect(removals.isUnsettled('m')).toBe(true);
    removals.registered({ enrolment: 'm' });
    expect(removals.isUnsettled('m')).toBe(false);
  });

  test('ten thousand marks are remembered of one unregistration', async () => {
    const marks = Array.from({ length: 10_001 }, (_, index) => [`task/wx1/t${index}`, `m${index}`] as const);
    await unregister(APP, Object.fromEntries(marks));
    removals.replaced();
    expect([removals.isUnsettled('m9999'), removals.isUnsettled('m10000')]).toEqual([true, false]);
  });
});

describe('a repetition in a replaced store', () => {
  async function replace(): Promise<void> {
    history.generation += 1;
    history.noted = [];
    removals.replaced();
  }

  test('a repetition records what was named before it removes that with its tasks, the app last', async () => {
    await unregister(APP, { [APP]: 'a', [TASK]: 't', [OTHER_TASK]: 'o' });
    await replace();
    duringRemoval = () => expect(history.noted).toHaveLength(1);
    await removals.repeat();
    expect(history.noted).toEqual([[['a'], undefined]]);
    expect(removed).toEqual([
      ['wx1', [TASK, OTHER_TASK]],
      ['wx1', [APP]],
    ]);
    expect(removals.isSettled).toBe(true);
  });

  test('a repetition removes a task alone where the task was named, and each app apart', async () => {
    await unregister(TASK, { [TASK]: 't' });
    await unregister('app/wx2', { 'app/wx2': 'a' });
    await replace();
    await removals.repeat();
    expect(history.noted.flatMap(([ids]) => ids).toSorted()).toEqual(['a', 't']);
    expect(removed.toSorted()).toEqual([
      ['wx1', [TASK]],
      ['wx2', ['app/wx2']],
    ]);
  });

  test.each<[string, () => void]>([
    ['this process has registered anew', () => own.note(APP, { enrolment: 'new' }, 2)],
    ['another process has registered in the new store', () => history.registered.add(APP)],
    ['has been registered with the same mark', () => removals.registered({ enrolment: 'm' })],
  ])('a repetition does not remove what %s', async (_, register) => {
    await unregister(APP, { [APP]: 'm' });
    await replace();
    register();
    await removals.repeat();
    expect([removed, history.noted, removals.isSettled]).toEqual([[], [[[], undefined]], true]);
  });

  test('a repetition forgets the mark of what another process has registered, and not that of what it has removed', async () => {
    await unregister(APP, { [APP]: 'm' });
    await unregister('app/wx2', { 'app/wx2': 'n' });
    await replace();
    history.registered.add(APP);
    await removals.repeat();
    await replace();
    expect([removals.isUnsettled('m'), removals.isUnsettled('n')]).toEqual([false, true]);
  });

  test('a removal stays unsettled if the store is replaced again meanwhile', async () => {
    await unregister(APP, { [APP]: 'm' });
    await replace();
    duringRemoval = () => void (history.generation += 1);
    await removals.repeat();
    expect([removals.isSettled, removals.isUnsettled('m')]).toEqual([false, true]);
  });

  test('a repetition deletes a document only if its mark has ended here and the history is still the same', async () => {
    await unregister(APP, { [APP]: 'm', [TASK]: 't' });
    await replace();
    await removals.repeat();
    expect([await hasEnded('m', APP), history.checks]).toEqual([true, 1]);
    expect([await hasEnded('m', TASK), await hasEnded('another', APP), history.checks]).toEqual([false, false, 1]);
    history.registered.add(TASK);
    expect(await hasEnded('t', TASK)).toBe(false);
    const check = history.check.bind(history);
    history.check = async () => {
      await check();
      history.generation += 1;
    };
    expect(await hasEnded('m', APP)).toBe(false);
  });

  test('a repetition removes a thousand tasks at a time', async () => {
    const marks = Array.from({ length: 1_500 }, (_, index) => [`task/wx1/t${index}`, `m${index}`] as const);
    await unregister(APP, Object.fromEntries(marks));
    await replace();
    await removals.repeat();
    expect(removed.every(([, ids]) => ids.length <= 1_000)).toBe(true);
    expect(removed.flatMap(([, ids]) => ids)).toHaveLength(1_500);
  });
});
