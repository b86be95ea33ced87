import { beforeEach, describe, expect, test } from 'vitest';
import { ColdLookups } from '../../../../src/core/engine/cold-lookups.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { RecordChanges } from '../../../../src/core/records/record-changes.js';
import { RecordReader } from '../../../../src/core/records/record-reader.js';
import { Registry } from '../../../../src/core/registry/registry.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'user', subject: 'a' };
const PLAIN = { appid: 'wx1', type: 'user' };
const APP = 'app/wx1';
const TASK = 'task/wx1/user/a';
const ID = 'key/wx1/user/a';
const REFUSED = {
  hash: secretHash('R2'),
  deadAt: 1,
  error: { code: 'REAUTHORIZATION_REQUIRED', message: 'no', retryable: false },
};
const isRight = (secret: string): boolean => secret === 'S';

/** A start that a test ends as it likes. */
class Lifecycle {
  isStarted = false;
  opened: Promise<void> | undefined = Promise.resolve();
  starts = 0;
  run: () => Promise<void> = async () => void (this.isStarted = true);

  start(): Promise<void> {
    this.starts += 1;
    return this.run();
  }
}

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let lifecycle: Lifecycle;
let confirmed: number;
let lookups: ColdLookups;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
  lifecycle = new Lifecycle();
  confirmed = 0;
  build(world.registry);
});

function build(registry: Registry): void {
  const changes = new RecordChanges();
  const restorer = { restoreNewer: async () => false, restore: async () => {} };
  const reader = new RecordReader({ ...world, registry, restorer, changes, closing: new Closing() });
  reader.confirmInBackground = () => void (confirmed += 1);
  lookups = new ColdLookups({ ...world, registry, recordReader: reader, lifecycle: lifecycle as never });
}

/** Has the process hold no more than it has used, as in a large fleet. */
function holdFew(): Registry {
  const registry = new Registry(world.store, world.reader, { maxHeld: 1_000 });
  build(registry);
  return registry;
}

async function register(secret = 'S'): Promise<void> {
  await putContent(memory, APP, { secret });
  await putContent(memory, TASK, {});
}

/** Holds a record that ends, and is due, in so many milliseconds. */
function holdRecord(endsInMs: number, dueInMs: number, key: TokenKey = KEY, rotation?: object): void {
  const now = clock.now();
  const fields = { expiresAt: now + endsInMs, dueAt: now + dueInMs };
  const document = {
    ...NO_KEY_DOCUMENT,
    version: 1,
    recordVersion: 1,
    ...(rotation && { rotation: rotation as never }),
  };
  world.records.adopt(key, document, grantNow(clock, 'v', fields), { source: 'store', announceFirst: false });
}

function storeRecord(fields: object = {}): Promise<number> {
  return putContent(memory, ID, { grant: { ...grantNow(clock, 'stored', {}) }, recordVersion: 1, ...fields } as never);
}

const fail = (): void => {
  faulty.before = () => Promise.reject(new Error('gone'));
};

describe('whether a key has a task', () => {
  test('a task in memory needs neither the store nor the start', async () => {
    holdTask(world, KEY);
    expect([await lookups.hasTask(KEY), faulty.calls, lifecycle.starts]).toEqual([true, [], 0]);
  });

  test('a task that the store has is read before the start is over', async () => {
    await register();
    lifecycle.run = () => new Promise(() => {});
    expect(await lookups.hasTask(KEY)).toBe(true);
  });

  test('that a key has no task is known only when the start is over', async () => {
    let end = (): void => {};
    lifecycle.run = () => new Promise((resolve) => (end = resolve));
    let answer: boolean | undefined;
    const asked = lookups.hasTask(KEY).then((has) => (answer = has));
    await clock.advance(0);
    expect(answer).toBeUndefined();
    lifecycle.run = async () => {};
    end();
    expect(await asked).toBe(false);
  });

  test.each<[string, () => Registry, readonly string[]]>([
    ['everything', () => world.registry, []],
    ['only what it has used', holdFew, ['get']],
  ])(
    'after the start, a process that holds %s reads an unknown task as often as it must',
    async (_, prepare, calls) => {
      prepare();
      lifecycle.isStarted = true;
      expect([await lookups.hasTask(KEY), faulty.calls]).toEqual([false, calls]);
    },
  );

  test('a task that was registered elsewhere is found after the start although no notification has arrived', async () => {
    holdFew();
    lifecycle.isStarted = true;
    await register();
    expect(await lookups.hasTask(KEY)).toBe(true);
  });

  test('a store that fails rejects the question with the error of the start', async () => {
    const error = new TokenError('STORE_UNAVAILABLE', 'the start has failed');
    lifecycle.run = () => Promise.reject(error);
    lifecycle.opened = Promise.reject(error);
    await expect(lookups.hasTask(KEY)).rejects.toBe(error);
  });

  test('an error that is no failure of the store is not hidden', async () => {
    lifecycle.opened = Promise.reject(new RangeError('a bug'));
    await expect(lookups.hasTask(KEY)).rejects.toThrow('a bug');
  });
});

describe('whether a key is known', () => {
  beforeEach(() => {
    lifecycle.isStarted = true;
  });

  test.each<[string, boolean, () => unknown]>([
    ['has a record in memory', true, () => holdRecord(1_000, 500)],
    ['has a task', true, () => holdTask(world, KEY)],
    ['has a stored record', true, () => storeRecord()],
    ['has none of them', false, () => {}],
  ])('a key that %s: %s', async (_, isKnown, prepare) => {
    await prepare();
    expect(await lookups.knows(KEY)).toBe(isKnown);
  });
});

describe('whether only an offered refresh token can refresh a key', () => {
  test('an offered refresh token that is in memory is not needed, and the store is not asked', async () => {
    holdRecord(1_000, 500, KEY, { token: 'R' });
    expect([await lookups.needs(KEY, 'R'), faulty.calls]).toEqual([false, []]);
  });

  test.each<[string, object | undefined, boolean]>([
    ['nothing is stored', undefined, true],
    ['a usable token is stored without a refresh token', { rotation: undefined }, false],
    [
      'a token that has ended is stored without a refresh token',
      { grant: { value: 'v', obtainedAt: 1, expiresAt: 2, dueAt: 1 } },
      true,
    ],
    ['another refresh token is stored', { rotation: { token: 'R2', known: [] } }, false],
    ['the stored refresh token was refused', { rotation: { token: 'R2', known: [], refused: [REFUSED] } }, true],
    ['the offered one is stored', { rotation: { token: 'R', known: [] } }, false],
  ])('an offered refresh token is judged by the store where %s', async (_, stored, needs) => {
    if (stored !== undefined) await storeRecord(stored);
    expect(await lookups.needs(KEY, 'R')).toBe(needs);
  });

  test('an offered refresh token is not needed if the params of the task have one and nothing is stored', async () => {
    world.registry.setTask({
      key: KEY,
      params: { refresh_token: 'P' },
      notify: undefined,
      functionMissing: false,
      version: 1,
    });
    expect(await lookups.needs(KEY, 'R')).toBe(false);
  });

  test('an offered refresh token is not needed while the store fails, since what is cached can be served then', async () => {
    fail();
    expect(await lookups.needs(KEY, 'R')).toBe(false);
  });

  test('a failure that is none of the store is not hidden where the need of a refresh token is judged', async () => {
    world.documents.read = () => Promise.reject(new RangeError('a bug'));
    await expect(lookups.needs(KEY, 'R')).rejects.toThrow('a bug');
  });
});

describe('whether a secret is that of an app', () => {
  test.each<[string, boolean, string, boolean | undefined]>([
    ['right, before the start', false, 'S', true],
    ['wrong, before the start', false, 'X', undefined],
    ['right, after the start', true, 'S', true],
    ['wrong, after the start', true, 'X', false],
  ])('the secret in memory is %s', async (_, isStarted, secret, expected) => {
    await register(secret);
    await world.registry.loadApp('wx1');
    lifecycle.isStarted = isStarted;
    expect(lookups.heldSecret('wx1', isRight)).toBe(expected);
  });

  test('an app that is not in memory has to be looked up by a process that holds only what it has used', () => {
    holdFew();
    lifecycle.isStarted = true;
    expect([lookups.heldSecret('wx1', isRight), lookups.holdsApp('wx1')]).toEqual([undefined, false]);
  });

  test('a process that holds everything answers from memory once it has started', async () => {
    await register();
    await world.registry.loadAll();
    faulty.calls.length = 0;
    expect([await lookups.hasSecret('wx1', isRight), await lookups.hasSecret('wx2', isRight)]).toEqual([true, false]);
    expect([faulty.calls, lifecycle.starts, lookups.holdsApp('wx1')]).toEqual([[], 2, true]);
  });

  test('a process that holds only what it has used reads the app once, and again for a secret that does not fit', async () => {
    await register('old');
    holdFew();
    expect(await lookups.hasSecret('wx1', isRight)).toBe(false);
    expect(faulty.calls).toEqual(['get']);
    await register('S');
    expect(await lookups.hasSecret('wx1', isRight)).toBe(true);
    expect(await lookups.hasSecret('wx1', isRight)).toBe(true);
    expect(faulty.calls).toEqual(['get', 'get']);
  });

  test.each([undefined, 'S'])(
    'an app without a secret, or whose document is unreadable, has none: %s',
    async (secret) => {
      if (secret === undefined) await putContent(memory, APP, {});
      else await memory.set(APP, { secret, format: 99 }, 0);
      await world.registry.loadApp('wx1').catch(() => {});
      lifecycle.isStarted = true;
      expect([lookups.heldSecret('wx1', () => true), await lookups.hasSecret('wx1', () => true)]).toEqual([
        false,
        false,
      ]);
    },
  );
});

describe('the record of a task before the start is over', () => {
  beforeEach(() => {
    lifecycle.run = () => new Promise(() => {});
  });

  test('no record is looked up after the start', async () => {
    await register();
    await storeRecord();
    lifecycle.isStarted = true;
    expect([await lookups.record(KEY, 0), faulty.calls]).toEqual([undefined, []]);
  });

  test('a stored record is read with its task', async () => {
    await register();
    await storeRecord();
    expect((await lookups.record(KEY, 0))?.value).toBe('stored');
  });

  test.each<[string, () => Promise<unknown>]>([
    ['without a task', async () => Promise.all([putContent(memory, APP, {}), storeRecord()])],
    ['without an app', async () => Promise.all([putContent(memory, TASK, {}), storeRecord()])],
    ['without a record', () => register()],
    [
      'that is due',
      async () =>
        Promise.all([register(), storeRecord({ grant: { ...grantNow(clock, 'v', { dueAt: clock.now() }) } })]),
    ],
  ])('a key %s has to wait for the start', async (_, prepare) => {
    await prepare();
    expect(await lookups.record(KEY, 0)).toBeUndefined();
  });

  test('a fresh record in memory needs no store, unless it does not last for as long as the caller wishes', async () => {
    await register();
    await world.registry.loadAll();
    holdRecord(7_200_000, 6_000_000);
    faulty.calls.length = 0;
    expect([(await lookups.record(KEY, 7_199_999))?.value, faulty.calls]).toEqual(['v', []]);
    expect(await lookups.record(KEY, 7_200_000)).toBeUndefined();
    expect(faulty.calls).not.toEqual([]);
  });

  test('a record in memory is served while the store fails, if it lasts', async () => {
    await register();
    await world.registry.loadAll();
    holdRecord(7_200_000, 0);
    const error = new TokenError('STORE_UNAVAILABLE', 'gone');
    lifecycle.run = () => Promise.reject(error);
    lifecycle.opened = undefined;
    expect((await lookups.record(KEY, 0))?.value).toBe('v');
    await expect(lookups.record(KEY, 7_200_000)).rejects.toBe(error);
  });

  test('a record in memory is not served because of another failure', async () => {
    holdRecord(7_200_000, 0);
    const error = new TokenError('CLOSED', 'closed');
    lifecycle.run = () => Promise.reject(error);
    lifecycle.opened = undefined;
    await expect(lookups.record(KEY, 0)).rejects.toBe(error);
  });

  test('without a record in memory the failure of the store is that of the caller', async () => {
    const error = new TokenError('STORE_UNAVAILABLE', 'gone');
    lifecycle.run = () => Promise.reject(error);
    lifecycle.opened = undefined;
    await expect(lookups.record(KEY, 0)).rejects.toBe(error);
  });
});

describe('a record that needs at most to be confirmed', () => {
  beforeEach(async () => {
    await putContent(memory, APP, { secret: 'S' });
    await putContent(memory, 'task/wx1/user', {});
    await world.registry.loadAll();
    lifecycle.isStarted = true;
  });

  test('a record is returned while its confirmation goes on in the background', () => {
    holdRecord(7_200_000, 6_000_000, PLAIN);
    expect([lookups.confirming('wx1', 'user')?.value, confirmed]).toEqual(['v', 1]);
  });

  test.each<[string, () => unknown]>([
    [
      'before the start',
      () => {
        holdRecord(7_200_000, 6_000_000, PLAIN);
        lifecycle.isStarted = false;
      },
    ],
    ['that is missing', () => {}],
    ['that is due', () => holdRecord(7_200_000, 0, PLAIN)],
    ['that has ended', () => holdRecord(0, 0, PLAIN)],
    [
      'without a task',
      () => {
        holdRecord(7_200_000, 6_000_000, PLAIN);
        world.registry.removeTask(PLAIN);
      },
    ],
    [
      'whose app is gone',
      () => {
        holdRecord(7_200_000, 6_000_000, PLAIN);
        world.registry.removeApp('wx1');
      },
    ],
    [
      'whose app is unreadable',
      async () => {
        holdRecord(7_200_000, 6_000_000, PLAIN);
        await memory.set(APP, { format: 99 }, (await memory.get([APP]))[0]?.version ?? 0);
        await world.registry.reload(APP).catch(() => {});
      },
    ],
  ])('no record is confirmed in the background %s', async (_, prepare) => {
    await prepare();
    expect([lookups.confirming('wx1', 'user'), confirmed]).toEqual([undefined, 0]);
  });
});
