import { beforeEach, describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import type { TokenError } from '../../../../src/core/model/errors.js';
import type { Lease, ListOptions, TokenStore } from '../../../../src/core/model/store.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { everythingShown, failure } from '../../wechat/failure.js';

const ID = 'key/wx1/access_token';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let edges: string[];
let errors: TokenError[];
let store: SupervisedStore;

const availability = {
  unavailable(error: TokenError) {
    edges.push('unavailable');
    errors.push(error);
  },
  available() {
    edges.push('available');
  },
};

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  edges = [];
  errors = [];
  store = new SupervisedStore(faulty, clock, availability);
});

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const lease: Lease = { id: ID, document: undefined, release: async () => {} };

const commands: [string, (store: SupervisedStore) => Promise<unknown>][] = [
  ['now', (given) => given.now()],
  ['get', (given) => given.get([ID])],
  ['set', (given) => given.set(ID, {}, 0)],
  ['delete', (given) => given.delete(ID, 1)],
  ['list', (given) => collect(given.list('key'))],
  ['lease', (given) => given.lease(ID, 1_000)],
  ['watch', (given) => given.watch(() => {})],
  ['close', (given) => given.close()],
];

describe('SupervisedStore', () => {
  test('SupervisedStore passes every command on', async () => {
    expect(await store.now()).toBe(clock.now());
    const version = (await store.set(ID, { a: 1 }, 0, { due: { lane: 'x', at: 5 } })) as number;
    const [document] = await store.get([ID]);
    expect(document).toEqual({ id: ID, version, data: { a: 1 }, due: { lane: 'x', at: 5 } });
    expect(await collect(store.list('key'))).toEqual([document]);
    const second = (await store.set('key/wx1/b', {}, 0)) as number;
    expect(await collect(store.list('key', { limit: 1 }))).toEqual([document]);
    expect((await collect(store.list('key', { after: ID }))).map(({ version: of }) => of)).toEqual([second]);
    const held = await store.lease(ID, 1_000);
    expect(held?.document).toBe(document);
    expect(await store.lease(ID, 1_000)).toBeUndefined();
    await store.release(held as Lease);
    await clock.advance(0);
    const again = (await store.lease(ID, 1_000)) as Lease;
    expect(await store.set(ID, {}, version, { lease: again })).toBeGreaterThan(version);
    expect(await store.lease(ID, 1)).toBeDefined();
    expect(await store.delete(ID, version)).toBe(false);
    await store.close();
    await expect(memory.now()).rejects.toThrow('closed');
    expect([edges, clock.pendingTimers, store.failing]).toEqual([[], 0, false]);
  });

  test.each(commands)('a %s that takes 2 s fails', async (name, run) => {
    faulty.before = () => new Promise(() => {});
    const failed = failure(run(store));
    await clock.advance(1_999);
    expect(edges).toEqual([]);
    await clock.advance(1);
    expect(edges).toEqual(['unavailable']);
    expect(clock.pendingTimers).toBe(0);
    const error = errors[0] as TokenError;
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(error.cause).toBeUndefined();
    expect(error.message).toBe(`the store's ${name} did not answer within 2000 ms`);
    expect(await failed).toBe(error);
  });

  test.each(commands)('a %s that fails is one kind of error without a secret', async (name, run) => {
    faulty.before = () => {
      throw Object.assign(new Error('connect redis://:CANARY@host'), { code: 'ECONNREFUSED', url: 'CANARY' });
    };
    const error = await failure(run(store));
    expect(error).toMatchObject({ name: 'TokenError', code: 'STORE_UNAVAILABLE', retryable: true });
    expect(error.message).toBe(`the store's ${name} failed: Error ECONNREFUSED`);
    expect(error.cause).toMatchObject({ message: 'Error ECONNREFUSED', code: 'ECONNREFUSED' });
    expect(everythingShown(error)).not.toContain('CANARY');
    expect([store.failing, clock.pendingTimers]).toEqual([true, 0]);
  });

  test('each edge of the availability emits one event', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    await Promise.all([failure(store.now()), failure(store.get([ID])), failure(store.set(ID, {}, 0))]);
    expect(edges).toEqual(['unavailable']);
    faulty.before = () => {};
    await store.now();
    await store.get([ID]);
    expect([edges, store.failing]).toEqual([['unavailable'], true]);
    await store.set(ID, {}, 0);
    expect([edges, store.failing]).toEqual([['unavailable', 'available'], false]);
    faulty.before = () => Promise.reject(new Error('gone'));
    await failure(store.now());
    expect(edges).toEqual(['unavailable', 'available', 'unavailable']);
    expect(errors).toHaveLength(2);
  });

  test('a store that is full is unavailable until a document is stored, whatever else it still does', async () => {
    faulty.before = (method) => (method === 'set' ? Promise.reject(new Error('full')) : undefined);
    const version = (await memory.set(ID, {}, 0)) as number;
    await failure(store.set('key/wx2/b', {}, 0));
    const since = store.writeTrouble?.since;
    await clock.advance(1_000);
    const held = (await store.lease(ID, 1_000)) as Lease;
    await store.release(held);
    await store.delete(ID, version);
    expect([edges, store.failing, store.writeTrouble?.since]).toEqual([['unavailable'], true, since]);
    faulty.before = () => {};
    // It has another version, so that nothing is written.
    expect(await store.set(ID, {}, 7)).toBeUndefined();
    expect(store.failsToWrite).toBe(true);
    await store.set(ID, {}, 0);
    expect([edges, store.failing]).toEqual([['unavailable', 'available'], false]);
  });

  test('a failed lease after a write does not let a working lease end the failure', async () => {
    faulty.before = (method) => (method === 'now' ? undefined : Promise.reject(new Error('full')));
    await failure(store.set(ID, {}, 0));
    await failure(store.lease(ID, 1_000));
    faulty.before = () => {};
    await store.lease(ID, 1_000);
    expect(store.failsToWrite).toBe(true);
    await store.set(ID, {}, 0);
    expect(store.failsToWrite).toBe(false);
  });

  test.each<[string, 'get' | 'set']>([
    ['before', 'get'],
    ['after', 'set'],
  ])('a store that could not be read either, %s, is available as soon as any write works', async (_, first) => {
    const commands = { get: () => store.get([ID]), set: () => store.set(ID, {}, 0) };
    faulty.before = (method) => (method === 'now' ? undefined : Promise.reject(new Error('refused')));
    await failure(commands[first]());
    await failure(commands[first === 'get' ? 'set' : 'get']());
    faulty.before = () => {};
    await store.get([ID]);
    expect(edges).toEqual(['unavailable']);
    await store.lease(ID, 1_000);
    expect([edges, store.failing]).toEqual([['unavailable', 'available'], false]);
  });

  test('an answer that comes too late is dropped', async () => {
    let answer = (): void => {};
    faulty.before = () => new Promise((resolve) => (answer = resolve));
    const late = failure(store.set(ID, {}, 0));
    await clock.advance(2_000);
    expect((await late).code).toBe('STORE_UNAVAILABLE');
    answer();
    await clock.advance(0);
    expect(edges).toEqual(['unavailable', 'available']);
  });

  test('a command that throws at once is a rejection', async () => {
    const broken = new SupervisedStore(
      {
        ...emptyStore,
        get() {
          throw new Error('at once');
        },
      },
      clock,
      availability,
    );
    await expect(broken.get([ID])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('SupervisedStore: lease', () => {
  test('a lease that comes too late is released', async () => {
    let answer = (): void => {};
    faulty.before = () => new Promise((resolve) => (answer = resolve));
    const late = failure(store.lease(ID, 60_000));
    await clock.advance(2_000);
    await late;
    expect(await memory.lease(ID, 0)).toBeDefined();
    answer();
    await clock.advance(0);
    expect(await memory.lease(ID, 60_000)).toBeDefined();
  });

  test('a lease that is refused or fails too late is ignored', async () => {
    await memory.lease(ID, 60_000);
    let answer = (): void => {};
    faulty.before = () => new Promise((resolve) => (answer = resolve));
    const refused = failure(store.lease(ID, 1));
    await clock.advance(2_000);
    answer();
    expect((await refused).code).toBe('STORE_UNAVAILABLE');
    faulty.before = () => new Promise((_, reject) => (answer = () => reject(new Error('late'))));
    const failed = failure(store.lease(ID, 1));
    await clock.advance(2_000);
    answer();
    await clock.advance(0);
    expect((await failed).code).toBe('STORE_UNAVAILABLE');
  });

  test('a lease that cannot be released is left to expire, and only the store failure is reported', async () => {
    const release = () => Promise.reject(new Error('gone'));
    await expect(store.release({ ...lease, release })).resolves.toBeUndefined();
    expect(errors.map(({ message }) => message)).toEqual(["the store's release failed: Error"]);
  });
});

const emptyStore: TokenStore = {
  now: async () => 0,
  get: async () => [],
  set: async () => 1,
  delete: async () => true,
  async *list() {},
  lease: async () => undefined,
  close: async () => {},
};

describe('SupervisedStore: a listing that skips deleted documents', () => {
  const LEFT = { id: 'task/wx1/user/left', version: 1, data: {} };

  /** A listing that shows progress after each of these pauses, and then hands out what is left. */
  function listing(pausesMs: readonly number[]): TokenStore {
    return {
      ...emptyStore,
      async *list(_prefix, options: ListOptions = {}) {
        for (const ms of pausesMs) {
          await wait(clock, ms);
          options.progressed?.();
        }
        yield LEFT;
      },
    };
  }

  test.each([
    [[1_999, 1_999, 1_999], true],
    [[1_999, 2_000], true],
    [[1_999, 2_001], false],
    [[2_001], false],
  ])('a listing with pauses of %j ms answers in time: %s', async (pausesMs, inTime) => {
    const supervised = new SupervisedStore(listing(pausesMs), clock, availability);
    const listed = collect(supervised.list('task')).then(
      () => true,
      () => false,
    );
    await clock.advance(10_000);
    expect(await listed).toBe(inTime);
    expect([edges[0], clock.pendingTimers]).toEqual([inTime ? undefined : 'unavailable', 0]);
  });

  test('a listing counts no progress that comes when it has ended', async () => {
    let late: (() => void) | undefined;
    const supervised = new SupervisedStore(
      {
        ...emptyStore,
        async *list(_prefix, { progressed }: ListOptions = {}) {
          late = progressed;
          yield LEFT;
        },
      },
      clock,
      availability,
    );
    expect(await collect(supervised.list('task'))).toEqual([LEFT]);
    late?.();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('SupervisedStore: list', () => {
  test('list ends the reading of the store when its reader stops early', async () => {
    let ended = false;
    const endless = new SupervisedStore(
      {
        ...emptyStore,
        async *list() {
          try {
            for (;;) yield { id: ID, version: 1, data: {} };
          } finally {
            ended = true;
          }
        },
      },
      clock,
      availability,
    );
    for await (const _ of endless.list('key')) break;
    expect([ended, clock.pendingTimers]).toEqual([true, 0]);
  });

  test('list works with an iterator that has no return', async () => {
    const list = (): AsyncIterable<never> => ({
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
    });
    expect(await collect(new SupervisedStore({ ...emptyStore, list }, clock, availability).list('key'))).toEqual([]);
  });

  test('list has 2 s for each document, not for all', async () => {
    const slow = new SupervisedStore(
      {
        ...emptyStore,
        async *list() {
          for (let version = 1; version <= 3; version++) {
            await new Promise<void>((resolve) => void clock.setTimer(resolve, 1_500));
            yield { id: ID, version, data: {} };
          }
        },
      },
      clock,
      availability,
    );
    const all = collect(slow.list('key'));
    await clock.advance(4_500);
    expect(await all).toHaveLength(3);
  });

  test('a list that takes 2 s rejects, although the generator of the store never ends', async () => {
    faulty.before = () => new Promise(() => {});
    let outcome: unknown = 'pending';
    collect(store.list('key')).catch((error: unknown) => {
      outcome = error;
    });
    await clock.advance(10_000);
    expect(outcome).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('SupervisedStore: watch', () => {
  test('watch notifies of changes until it is ended', async () => {
    const told: unknown[] = [];
    const end = await store.watch((id) => told.push(id));
    await store.set(ID, {}, 0);
    await clock.advance(0);
    await end();
    await store.set('key/wx1/b', {}, 0);
    await clock.advance(0);
    expect(told).toEqual([ID]);
  });

  test('watching a store without watch has no effect', async () => {
    const unwatched = new SupervisedStore(emptyStore, clock, availability);
    const end = await unwatched.watch(() => {});
    await expect(end()).resolves.toBeUndefined();
  });

  test('the end of a watch resolves although that of the store fails or hangs', async () => {
    const ends = [() => Promise.reject(new Error('no')), () => new Promise<void>(() => {})];
    for (const end of ends) {
      const watched = new SupervisedStore({ ...emptyStore, watch: async () => end }, clock, availability);
      const ended = (await watched.watch(() => {}))();
      await clock.advance(2_000);
      await expect(ended).resolves.toBeUndefined();
    }
  });

  test('an end of a watch that fails is a failure of reading, over when reading works', async () => {
    const watch = async () => () => Promise.reject(new Error('no'));
    const watched = new SupervisedStore({ ...emptyStore, watch }, clock, availability);
    await (await watched.watch(() => {}))();
    expect(errors.map(({ message }) => message)).toEqual(["the store's watch end failed: Error"]);
    await watched.set(ID, {}, 0);
    expect(edges).toEqual(['unavailable']);
    await watched.get([]);
    expect(edges).toEqual(['unavailable', 'available']);
  });

  test('a watch that comes too late is ended', async () => {
    let ended = 0;
    const end = async (): Promise<void> => {
      ended++;
    };
    let answer = (): void => {};
    const watch = () => new Promise<() => Promise<void>>((resolve) => (answer = () => resolve(end)));
    const late = failure(new SupervisedStore({ ...emptyStore, watch }, clock, availability).watch(() => {}));
    await clock.advance(2_000);
    await late;
    answer();
    await clock.advance(0);
    expect(ended).toBe(1);
  });
});

describe('SupervisedStore: claimDue', () => {
  const released: string[] = [];
  const claim = (id: string): Lease => ({
    id,
    document: { id, version: 1, data: {} },
    release: async () => void released.push(id),
  });

  function claiming(claimDue: TokenStore['claimDue'] & {}): SupervisedStore {
    released.length = 0;
    return new SupervisedStore({ ...emptyStore, claimDue }, clock, availability);
  }

  test('claimDue passes every argument and claim on', async () => {
    const claims = [claim('a/b'), claim('c/d')];
    const asked: unknown[] = [];
    const able = claiming(async (...args) => {
      asked.push(args);
      return claims;
    });
    expect(await able.claimDue(['x', 'y'], 7, 20_000)).toBe(claims);
    expect([asked, able.canClaim, released]).toEqual([[[['x', 'y'], 7, 20_000]], true, []]);
  });

  test('claimDue that failed works again when something is claimed, and not while nothing is due', async () => {
    let answer: () => Promise<Lease[]> = () => Promise.reject(new Error('full'));
    const full = claiming(() => answer());
    await failure(full.claimDue(['x'], 1, 1));
    answer = async () => [];
    await full.claimDue(['x'], 1, 1);
    expect([edges, full.failsToWrite]).toEqual([['unavailable'], true]);
    answer = async () => [claim('a/b')];
    await full.claimDue(['x'], 1, 1);
    expect([edges, full.failsToWrite]).toEqual([['unavailable', 'available'], false]);
  });

  test('claimDue of a store without it returns nothing', async () => {
    const unable = new SupervisedStore(emptyStore, clock, availability);
    expect([unable.canClaim, await unable.claimDue(['x'], 1, 1)]).toEqual([false, []]);
  });

  test('a claim that comes too late is released, each lease by itself', async () => {
    let answer = (): void => {};
    const broken: Lease = {
      ...claim('a/b'),
      release: () => {
        throw new Error('at once');
      },
    };
    const late = failure(
      claiming(() => new Promise((resolve) => (answer = () => resolve([broken, claim('c/d')])))).claimDue(['x'], 2, 1),
    );
    await clock.advance(2_000);
    expect((await late).message).toBe("the store's claimDue did not answer within 2000 ms");
    expect(released).toEqual([]);
    answer();
    await clock.advance(0);
    expect(released).toEqual(['c/d']);
  });

  const CLAIMS_ANOTHER =
    "the store's claimDue failed: the store must return the document with the id that was asked for";

  test('claimDue rejects an answer with the document of another id, and releases its claims', async () => {
    const wrong = { ...claim('a/b'), document: { id: 'c/d', version: 1, data: {} } };
    const error = await failure(claiming(async () => [claim('e/f'), wrong]).claimDue(['x'], 2, 1));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: CLAIMS_ANOTHER });
    await clock.advance(0);
    expect(released).toEqual(['e/f', 'a/b']);
  });
});

test('a store without a judge of absences counts as one that has never lost or brought back anything', async () => {
  expect(await store.judgeAbsence(ID)).toBe('deleted');
  expect(await store.lookAtHistory()).toBe(Number.NEGATIVE_INFINITY);
  expect([store.isAwaited(ID), store.isToBeRemoved('mark')]).toEqual([false, false]);
});
