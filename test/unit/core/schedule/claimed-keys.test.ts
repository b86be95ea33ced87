import { beforeEach, describe, expect, test } from 'vitest';
import type { Lease } from '../../../../src/core/model/store.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import type { Claim } from '../../../../src/core/refresh/claim.js';
import type { DueHandler } from '../../../../src/core/refresh/scheduler.js';
import { Flight } from '../../../../src/core/refresh/single-flight.js';
import { ClaimedKeys } from '../../../../src/core/schedule/claimed-keys.js';
import { StoredDues } from '../../../../src/core/schedule/stored-dues.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import type { StoredGrant } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { ClaimingStore } from '../../../support/stores/claiming-store.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const APP = 'app/wx1';
const TASK = 'task/wx1/access_token';
/** The pause after a claim with which nothing could be done, with a random number of one half: six polls. */
const PAUSE_MS = 6_000;

let clock: FakeClock;
let memory: ClaimingStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let keys: ClaimedKeys;
let orders: { readonly reason: string; readonly stale: string | undefined }[];
let isHeldBack: boolean;
let hasPermit: boolean;
let refunds: string[];
let left: string[];
let fly: (flight: Flight<CachedRecord>) => Promise<CachedRecord>;

beforeEach(async () => {
  clock = new FakeClock({ random: 0.5 });
  memory = new ClaimingStore(new MemoryStore({ clock }));
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
  orders = [];
  isHeldBack = false;
  hasPermit = true;
  refunds = [];
  left = [];
  fly = () => Promise.reject(new Error('no'));
  keys = new ClaimedKeys({
    ...world,
    storedDues: new StoredDues(world),
    rateLimit: {
      reserveForApp: async () => hasPermit,
      refund: () => void refunds.push('fleet'),
      refundApp: (appid: string) => void refunds.push(appid),
    } as never,
    unreadable: { leave: ({ id }: Lease) => void left.push(id) } as never,
  });
  await memory.set(APP, seal(APP, {}), 0);
  await memory.set(TASK, seal(TASK, {}), 0);
  await world.registry.loadAll();
});

const handler: DueHandler = {
  onDue: async () => {},
  isHeldBack: () => isHeldBack,
  reschedule: () => {},
  refreshClaimed: (key, reason, stale, claim) => {
    orders.push({ reason, stale });
    const flight = new Flight<CachedRecord>(key, reason, stale, (self) => fly(self));
    flight.attachClaim(claim);
    return flight;
  },
};

/** Asks WeChat, and stores another grant under the lease. */
async function succeed(flight: Flight<CachedRecord>): Promise<CachedRecord> {
  flight.asks();
  const { document, lease } = flight.detachClaim() as NonNullable<ReturnType<typeof flight.detachClaim>>;
  const options = { source: 'upstream', reason: 'due', enrolment: { hadTask: true }, lease } as const;
  return world.writer.write(KEY, document, grantNow(clock, 'new', {}), options);
}

/** Stores a document that is due, and claims it. */
async function claim(content: JsonObject = {}, beginsInMs = 0): Promise<Claim> {
  await putContent(memory, ID, content, { due: { lane: 'access_token', at: clock.now() } });
  return claimAgain(beginsInMs);
}

async function claimAgain(beginsInMs = 0): Promise<Claim> {
  const [lease] = await world.store.claimDue(['access_token'], 1, 20_000);
  if (lease === undefined) throw new Error('the key is not due');
  const askedAtMonotonic = clock.monotonic();
  return { lease, askedAtMonotonic, beginsAtMonotonic: askedAtMonotonic + beginsInMs };
}

const handle = (given: Claim, signal = new AbortController().signal): Promise<void> =>
  keys.handle(KEY, given, handler, signal);

const dueGrant = (fields: Partial<StoredGrant> = {}): JsonObject => ({
  ...grantNow(clock, 'old', {
    obtainedAt: clock.now() - 7_000_000,
    expiresAt: clock.now() + 200_000,
    dueAt: clock.now(),
  }),
  ...fields,
});

const stored = async () => (await memory.get([ID]))[0];
const dueInMs = async (): Promise<number | undefined> => {
  const at = (await stored())?.due?.at;
  return at === undefined ? undefined : at - clock.now();
};

async function isLeased(): Promise<boolean> {
  const lease = await memory.lease(ID, 20_000);
  await lease?.release();
  return lease === undefined;
}

describe('a claimed key', () => {
  test('a key that is due is refreshed with its lease, and is due when its new record is', async () => {
    fly = succeed;
    await handle(await claim({ grant: dueGrant() }));
    expect(orders).toEqual([{ reason: 'due', stale: undefined }]);
    expect([await dueInMs(), await isLeased(), refunds]).toEqual([6_000_000, false, []]);
    expect(world.records.cache.get(KEY)?.value).toBe('new');
  });

  test('a key with a stale report is refreshed for that, though it is not due', async () => {
    fly = succeed;
    const grant = { ...grantNow(clock, 'old', {}) };
    await handle(await claim({ grant, report: { value: secretHash('old'), at: clock.now() } }));
    expect(orders).toEqual([{ reason: 'stale', stale: 'old' }]);
  });

  test('a key begins when its permit says so', async () => {
    fly = succeed;
    const handling = handle(await claim({}, 300));
    await clock.advance(299);
    expect(orders).toEqual([]);
    await clock.advance(1);
    await handling;
    expect(orders).toHaveLength(1);
  });

  test('a key that is not due after all is left until it is, and its permit refunded', async () => {
    await handle(await claim({ grant: { ...grantNow(clock, 'a', {}) } }));
    expect([orders, await dueInMs(), await isLeased(), refunds]).toEqual([[], 6_000_000, false, ['fleet']]);
  });

  test('a key that only a caller may refresh now is left to others for some polls', async () => {
    isHeldBack = true;
    await handle(await claim());
    expect([orders, await dueInMs(), await isLeased(), refunds]).toEqual([[], PAUSE_MS, false, ['fleet']]);
  });

  test('a key whose app has no permit is deferred, for as long each time', async () => {
    hasPermit = false;
    const given = await claim();
    for (let round = 0; round < 6; round++) {
      await handle(round === 0 ? given : await claimAgain());
      expect(await dueInMs()).toBe(PAUSE_MS);
      await clock.advance(PAUSE_MS);
    }
    expect([orders, refunds.length]).toEqual([[], 6]);
  });

  test('a key for which nothing can be done is deferred for longer after four times, up to a minute', async () => {
    isHeldBack = true;
    const pauses: unknown[] = [];
    let given = await claim();
    for (let round = 0; round < 9; round++) {
      await handle(given);
      pauses.push(await dueInMs());
      await clock.advance(60_000);
      given = await claimAgain();
    }
    expect(pauses).toEqual([6_000, 6_000, 6_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]);
    // A refresh ends the row.
    isHeldBack = false;
    fly = succeed;
    await handle(given);
    isHeldBack = true;
    await handle(await claim());
    expect(await dueInMs()).toBe(PAUSE_MS);
  });

  test('a flight that ends without a new record leaves the key to others, and refunds what was not asked', async () => {
    await handle(await claim({ grant: dueGrant() }));
    expect([orders.length, await dueInMs(), await isLeased(), refunds]).toEqual([1, PAUSE_MS, false, ['wx1', 'fleet']]);
    await clock.advance(PAUSE_MS);
    refunds.length = 0;
    fly = async (flight) => {
      flight.asks();
      throw new Error('no');
    };
    await handle(await claimAgain());
    expect([orders.length, refunds]).toEqual([2, []]);
  });

  test('a stale report for which an attempt was made is taken back, that of one that failed is kept', async () => {
    const grant = { ...grantNow(clock, 'old', {}) };
    const content = { grant, report: { value: secretHash('old'), at: clock.now() } };
    await handle(await claim(content));
    expect(unseal((await stored()) as never)).toHaveProperty('report');
    await clock.advance(PAUSE_MS);
    fly = async () => world.records.cache.get(KEY) as CachedRecord;
    await handle(await claimAgain());
    expect(unseal((await stored()) as never)).not.toHaveProperty('report');
  });

  test('a key that failed on this host alone is tried here again when it may be, if that is sooner', async () => {
    isHeldBack = true;
    const error = { code: 'UPSTREAM_REJECTED', message: 'ip', retryable: true };
    const failedAt = clock.now();
    const { registration } = world.retryStates.fingerprint(KEY);
    const trying = { attempts: 1, failedAt, retryAt: failedAt + 3_000, registration, backingOff: false, error };
    const given = await claim();
    world.records.cache.setFailure(KEY, { trying, local: true, version: Number.MAX_SAFE_INTEGER });
    await handle(given);
    expect(await dueInMs()).toBe(3_000);
    await clock.advance(3_000);
    const soon = { ...trying, failedAt: clock.now(), retryAt: clock.now() + 500 };
    world.records.cache.setFailure(KEY, { trying: soon, local: true, version: Number.MAX_SAFE_INTEGER });
    await handle(await claimAgain());
    // Others have two polls at least.
    expect(await dueInMs()).toBe(2_000);
  });
});

describe('claimed keys beside many that are in progress', () => {
  const userKey = (index: number) => ({ appid: 'wx1', type: 'user', subject: `${index}` });

  /** Claims a key of a user, and begins it if there is a place. Returns whether it has begun. */
  async function begin(index: number, content: JsonObject = {}): Promise<boolean> {
    const key = userKey(index);
    const id = `key/wx1/user/${index}`;
    holdTask(world, key);
    await memory.set(id, seal(id, content), 0, { due: { lane: 'user', at: clock.now() } });
    const [lease] = await world.store.claimDue(['user'], 1, 20_000);
    const at = clock.monotonic();
    const before = orders.length;
    const given = { lease: lease as Lease, askedAtMonotonic: at, beginsAtMonotonic: at };
    void keys.handle(key, given, handler, new AbortController().signal);
    await clock.advance(0);
    return orders.length > before;
  }

  beforeEach(() => {
    fly = () => new Promise(() => {});
  });

  test('keys without a token have 36 places, and are deferred beyond these; a key with a token begins', async () => {
    const begun: boolean[] = [];
    for (let index = 0; index < 38; index++) begun.push(await begin(index));
    expect(begun.filter((hasBegun) => hasBegun)).toHaveLength(36);
    expect(begun.slice(36)).toEqual([false, false]);
    expect((await memory.get(['key/wx1/user/37']))[0]?.due?.at).toBe(clock.now() + PAUSE_MS);
    expect(await begin(38, { grant: dueGrant() })).toBe(true);
    // An expired token is none.
    expect(await begin(39, { grant: dueGrant({ expiresAt: clock.now() }) })).toBe(false);
  });
});

describe('a claimed key that this process does not hold', () => {
  test('a key without a task is removed from the schedule', async () => {
    await memory.delete(TASK, (await memory.get([TASK]))[0]?.version as number);
    await world.registry.loadAll();
    await handle(await claim({ grant: dueGrant() }));
    expect([orders, await dueInMs(), await isLeased()]).toEqual([[], undefined, false]);
  });

  test('a key whose registration has not arrived yet is refreshed once that was read', async () => {
    world.registry.removeTask(KEY);
    fly = succeed;
    await handle(await claim({ grant: dueGrant() }));
    expect([orders.length, world.registry.task(KEY) === undefined]).toEqual([1, false]);
  });

  test('a key with a pending grant is left alone while that is not due', async () => {
    const document = { version: 9, recordVersion: 9, unknown: {} };
    world.records.adopt(KEY, document, grantNow(clock, 'pending', {}), {
      source: 'upstream',
      written: false,
      announceFirst: false,
    });
    await handle(await claim());
    expect([orders, await dueInMs()]).toEqual([[], PAUSE_MS]);
  });
});

describe('a claimed key whose store fails', () => {
  const failWrites = (): void => {
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
  };

  test('the lease of a key that cannot be deferred is left to expire', async () => {
    isHeldBack = true;
    const given = await claim();
    failWrites();
    await handle(given);
    expect([left, await isLeased(), refunds]).toEqual([[ID], true, []]);
  });

  test('an unreadable document leaves its lease', async () => {
    const [before] = await memory.get([ID]);
    const due = { lane: 'access_token', at: clock.now() };
    await memory.set(ID, { ...seal(ID, {}), format: 2 }, before?.version ?? 0, { due });
    await handle(await claimAgain());
    expect([orders, left]).toEqual([[], [ID]]);
  });

  test('the lease of a key with a pending grant is released, since another process may be able to write', async () => {
    const document = { version: 9, recordVersion: 9, unknown: {} };
    world.records.adopt(KEY, document, grantNow(clock, 'pending', {}), {
      source: 'upstream',
      written: false,
      announceFirst: false,
    });
    const given = await claim();
    failWrites();
    await handle(given);
    expect([left, await isLeased()]).toEqual([[], false]);
  });

  test('a wait for the beginning ends with the process, and the lease is released', async () => {
    const stopping = new AbortController();
    const handling = handle(await claim({}, 10_000), stopping.signal);
    await clock.advance(100);
    stopping.abort();
    await handling;
    expect([orders, left, await isLeased(), clock.pendingTimers]).toEqual([[], [], false, 0]);
  });

  test('a key of a process that stops is not deferred, so that another one gets it at once', async () => {
    const stopping = new AbortController();
    fly = async () => {
      stopping.abort();
      throw new Error('no');
    };
    await handle(await claim(), stopping.signal);
    expect([await dueInMs(), await isLeased()]).toEqual([0, false]);
  });
});
