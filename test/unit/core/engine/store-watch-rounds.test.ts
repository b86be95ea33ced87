import { beforeEach, describe, expect, test } from 'vitest';
import { StoreWatch } from '../../../../src/core/engine/store-watch.js';
import { Closing } from '../../../../src/core/model/closing.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import type { RecordReader } from '../../../../src/core/records/record-reader.js';
import { HISTORY_ID } from '../../../../src/core/store/history-document.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const MINUTE_MS = 60_000;
const RETRY_MS = 5_000;
const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const TRIAL_ID = 'limit/~fleet/~trial';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let closing: Closing;
let world: HeldRecordsWorld;
let watch: StoreWatch;
/** What was done, in order: checks of the history, apps and tasks read again, keys read by name. */
let done: string[];
/** The keys that each round has read together. */
let rounds: string[][];
let tell: (id: string | undefined, version?: number) => void;
let checkHistory: () => Promise<void>;
let failCheck: () => Promise<void>;
let seenVersion: number | undefined;
let underWay: Promise<void> | undefined;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  closing = new Closing();
  done = [];
  rounds = [];
  checkHistory = async () => {};
  failCheck = async () => {};
  seenVersion = undefined;
  underWay = undefined;
  faulty.watch = async (changed) => {
    tell = changed;
    done.push('watch');
    return async () => void done.push('end');
  };
  build(faulty);
});

function build(store: FaultyStore | ReturnType<typeof unwatched>): void {
  world = holdRecords(store, clock);
  const name = ({ appid, type, subject }: TokenKey): string => [appid, type, subject].filter(Boolean).join('/');
  const recordReader = {
    read: async (key: TokenKey) => void done.push(`read ${name(key)}`),
    loadAll: async (keys: readonly TokenKey[]) => void rounds.push(keys.map(name)),
    underWay: () => underWay,
  };
  watch = new StoreWatch({
    ...world,
    recordReader: recordReader as unknown as RecordReader,
    closing,
    recovery: {
      history: { check: () => checkHistory(), isSeen: async (version: number) => version === seenVersion } as never,
      check: async () => {
        done.push('check');
        await failCheck();
      },
      registrationRead: async (id) => void done.push(`registration ${id}`),
    },
    pushed: { isPushed: (type) => type === 'component_verify_ticket' },
  });
}

/** Holds a record, as if it had been read. */
function holdRecord(key: TokenKey, token?: string): void {
  const document = {
    ...NO_KEY_DOCUMENT,
    version: 1,
    recordVersion: 1,
    ...(token !== undefined && { rotation: { token } }),
  };
  world.records.adopt(key, document, grantNow(clock, 'v', {}), { source: 'store', announceFirst: false });
}

/** Holds records of users, with a refresh token unless told otherwise. */
function hold(count: number, { from = 0, rotates = true } = {}): void {
  for (let index = from; index < from + count; index++)
    holdRecord({ ...KEY, subject: `u${index}` }, rotates ? 'R' : undefined);
}

async function begin(): Promise<void> {
  await watch.start();
  done.length = 0;
  rounds.length = 0;
}

describe('the round of each minute', () => {
  test.each([
    [MINUTE_MS - 1, 0],
    [MINUTE_MS, 1],
    [2 * MINUTE_MS - 1, 1],
    [3 * MINUTE_MS, 3],
  ])('the history has been checked after %i ms %i times', async (ms, times) => {
    await begin();
    await clock.advance(ms);
    expect(done).toEqual(Array(times).fill('check'));
  });

  test('a store without a watch has everything read again that is held', async () => {
    build(unwatched(faulty));
    await begin();
    hold(2);
    await clock.advance(MINUTE_MS);
    expect([done, rounds]).toEqual([['check'], [['wx1/access_token/u0', 'wx1/access_token/u1']]]);
  });

  test('a hundred records with a refresh token are checked in a round, and different ones in the next', async () => {
    await begin();
    hold(250);
    hold(50, { from: 250, rotates: false });
    await clock.advance(3 * MINUTE_MS);
    expect(rounds.map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(new Set(rounds.flat()).size).toBe(250);
    await clock.advance(MINUTE_MS);
    expect(rounds[3]).toEqual(rounds[0]);
  });

  test('ten thousand records are visited in a round to find those with a refresh token', async () => {
    await begin();
    const { cache } = world.records;
    hold(1, { rotates: false });
    hold(1, { from: 10_000 });
    const [one, other] = ['u0', 'u10000'].map((subject) => cache.get({ ...KEY, subject }) as CachedRecord);
    cache.records = () => [...Array<CachedRecord>(10_000).fill(one as CachedRecord), other as CachedRecord];
    await clock.advance(MINUTE_MS);
    expect(rounds).toEqual([]);
    await clock.advance(MINUTE_MS);
    expect(rounds).toEqual([['wx1/access_token/u10000']]);
  });

  test('no record is read where none has a refresh token', async () => {
    await begin();
    hold(3, { rotates: false });
    await clock.advance(2 * MINUTE_MS);
    expect(rounds).toEqual([]);
  });

  test('a store that fails to read is not asked for its history', async () => {
    await begin();
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(world.store.get(['x'])).rejects.toThrow();
    await clock.advance(MINUTE_MS);
    expect(done).toEqual([]);
  });

  test('a store that has rejected a write is written to, so that it shows when it accepts writes again', async () => {
    await begin();
    faulty.before = (method) => (method === 'set' ? Promise.reject(new Error('read only')) : undefined);
    await expect(world.store.set('limit/wx1/x', {}, 0)).rejects.toThrow();
    expect(world.store.failsToWrite).toBe(true);
    await clock.advance(MINUTE_MS);
    expect(world.store.failsToWrite).toBe(true);
    faulty.before = () => {};
    await clock.advance(MINUTE_MS);
    expect([world.store.failsToWrite, (await memory.get([TRIAL_ID]))[0]?.id]).toEqual([false, TRIAL_ID]);
  });

  test('the rounds go on after one that has failed', async () => {
    await begin();
    failCheck = () => Promise.reject(new Error('gone'));
    await clock.advance(MINUTE_MS);
    failCheck = async () => {};
    await clock.advance(MINUTE_MS);
    expect(done).toEqual(['check', 'check']);
  });

  test('there is no round after the watch was stopped', async () => {
    await begin();
    await watch.stop();
    done.length = 0;
    await clock.advance(5 * MINUTE_MS);
    expect([done, rounds]).toEqual([[], []]);
  });

  test('no other round follows once the closing has begun', async () => {
    await begin();
    closing.begin();
    await clock.advance(5 * MINUTE_MS);
    expect(done.length).toBeLessThan(2);
  });

  test('starting twice makes no second series of rounds', async () => {
    await watch.start();
    await begin();
    await clock.advance(MINUTE_MS);
    expect(done).toEqual(['check']);
  });
});

describe('notifications', () => {
  test('a notification of the history leads to a check, unless this process has seen its version', async () => {
    await begin();
    seenVersion = 7;
    tell(HISTORY_ID, 7);
    await clock.advance(0);
    expect(done).toEqual([]);
    tell(HISTORY_ID, 8);
    tell(HISTORY_ID);
    await clock.advance(0);
    expect(done).toEqual(['check', 'check']);
  });

  test('lost notifications lead to a check of the history before everything held is read', async () => {
    await begin();
    hold(1);
    await putContent(memory, 'app/wx1', { secret: 'S' });
    tell(undefined);
    await clock.advance(0);
    expect(done).toEqual(['check']);
    expect([world.registry.app('wx1')?.secret, rounds]).toEqual(['S', [['wx1/access_token/u0']]]);
  });

  test.each(['app/wx1', 'task/wx1/access_token'])(
    'a notification of %s is handed on when it has been read',
    async (id) => {
      await begin();
      await putContent(memory, id, { secret: 'S' });
      tell(id);
      await clock.advance(0);
      expect(done).toEqual([`registration ${id}`]);
      expect(world.registry.versionOf(id)).toBeDefined();
    },
  );

  test.each<[string, () => void]>([
    ['has a task', () => holdTask(world, KEY)],
    ['has a record in memory', () => holdRecord(KEY)],
    [
      'is being read',
      () => {
        underWay = Promise.resolve();
      },
    ],
  ])('a notification of a key that %s leads to a read', async (_, prepare) => {
    await begin();
    prepare();
    tell(ID, 5);
    await clock.advance(0);
    expect(done).toEqual(['read wx1/access_token']);
  });

  test('a notification of a key that is nothing to this process leads to no read', async () => {
    await begin();
    tell(ID, 5);
    await clock.advance(0);
    expect(done).toEqual([]);
  });

  test('a notification of a pushed token leads to a read if its app is known, since other keys may wait for it', async () => {
    await begin();
    const id = 'key/wx1/component_verify_ticket';
    tell(id, 5);
    await clock.advance(0);
    expect(done).toEqual([]);
    await putContent(memory, 'app/wx1', { secret: 'S' });
    await world.registry.loadApp('wx1');
    tell(id, 5);
    tell(ID, 5);
    await clock.advance(0);
    expect(done).toEqual(['read wx1/component_verify_ticket']);
  });

  test('a notification during a read of the key waits for it, even if that read fails', async () => {
    await begin();
    let fail = (_error: Error): void => {};
    underWay = new Promise((_, reject) => (fail = reject));
    tell(ID, 5);
    await clock.advance(0);
    expect(done).toEqual([]);
    fail(new Error('gone'));
    await clock.advance(0);
    expect(done).toEqual(['read wx1/access_token']);
  });

  test('a notification of what this process has written itself leads to no read', async () => {
    await begin();
    holdTask(world, KEY);
    await putContent(memory, 'app/wx1', {});
    await putContent(memory, 'task/wx1/access_token', {});
    const options = { source: 'upstream', reason: 'due', enrolment: { hadTask: true } } as const;
    await world.writer.write(KEY, await world.documents.read(KEY), grantNow(clock, 'a', {}), options);
    const version = world.writer.lastVersion(KEY) as number;
    tell(ID, version);
    await clock.advance(0);
    expect(done).toEqual([]);
    tell(ID, version + 1);
    tell(ID);
    await clock.advance(0);
    expect(done).toEqual(['read wx1/access_token', 'read wx1/access_token']);
  });

  test('no notification has an effect once the closing has begun', async () => {
    await begin();
    holdTask(world, KEY);
    closing.begin();
    for (const id of [ID, 'app/wx1', HISTORY_ID, undefined]) tell(id);
    await clock.advance(RETRY_MS);
    expect([done, rounds]).toEqual([[], []]);
  });
});

describe('reads that failed', () => {
  test.each([
    [RETRY_MS - 1, []],
    [RETRY_MS, ['registration app/wx1']],
  ])('an app that could not be read is read again after %i ms: %j', async (ms, expected) => {
    await begin();
    await putContent(memory, 'app/wx1', { secret: 'S' });
    faulty.before = () => Promise.reject(new Error('gone'));
    tell('app/wx1');
    await clock.advance(0);
    faulty.before = () => {};
    await clock.advance(ms);
    expect(done).toEqual(expected);
  });

  test('several reads that failed are repeated together, each once', async () => {
    await begin();
    faulty.before = () => Promise.reject(new Error('gone'));
    for (const id of ['app/wx1', 'app/wx2', 'app/wx1']) tell(id);
    await clock.advance(0);
    faulty.before = () => {};
    await clock.advance(RETRY_MS);
    expect(done.toSorted()).toEqual(['registration app/wx1', 'registration app/wx2']);
    await clock.advance(RETRY_MS);
    expect(done).toHaveLength(2);
  });

  test('where everything has to be read again, single documents are not', async () => {
    await begin();
    faulty.before = () => Promise.reject(new Error('gone'));
    tell('app/wx1');
    tell(undefined);
    await clock.advance(0);
    done.length = 0;
    faulty.before = () => {};
    await clock.advance(RETRY_MS);
    expect(done).toEqual(['check']);
  });

  test('a read that fails again is repeated after another pause', async () => {
    await begin();
    faulty.before = () => Promise.reject(new Error('gone'));
    tell('app/wx1');
    await clock.advance(3 * RETRY_MS);
    faulty.before = () => {};
    await clock.advance(RETRY_MS);
    expect(done).toEqual(['registration app/wx1']);
  });

  test('a history that could not be checked at the start is checked again soon', async () => {
    checkHistory = () => Promise.reject(new Error('gone'));
    await begin();
    await clock.advance(RETRY_MS);
    expect(done).toEqual(['check']);
  });

  test.each([
    ['the watch is stopped', () => watch.stop()],
    ['the closing has begun', async () => closing.begin()],
  ])('no read is repeated after %s', async (_, end) => {
    await begin();
    faulty.before = () => Promise.reject(new Error('gone'));
    tell('app/wx1');
    await clock.advance(0);
    await end();
    done.length = 0;
    faulty.before = () => {};
    await clock.advance(2 * RETRY_MS);
    expect(done).toEqual([]);
  });
});

describe('the watch itself', () => {
  test('the watch begins after the history was checked, and before everything is read', async () => {
    checkHistory = async () => void done.push('history');
    faulty.before = (method) => void (method === 'list' && done.push('list'));
    await watch.start();
    expect(done.slice(0, 3)).toEqual(['history', 'watch', 'list']);
  });

  test('a watch that begins after the closing is ended at once', async () => {
    const begun = faulty.watch.bind(faulty);
    faulty.watch = async (changed) => {
      closing.begin();
      return begun(changed);
    };
    await watch.start().catch(() => {});
    expect(done).toEqual(['watch', 'end']);
    await clock.advance(5 * MINUTE_MS);
    expect(done).toEqual(['watch', 'end']);
  });

  test('no watch is begun on a store that has none', async () => {
    build(unwatched(faulty));
    await watch.start();
    await watch.stop();
    expect(done).toEqual([]);
  });
});
