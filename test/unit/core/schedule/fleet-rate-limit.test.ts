import { beforeEach, describe, expect, test } from 'vitest';
import type { RefreshRates } from '../../../../src/core/concurrency/rate-limit.js';
import { FleetRateLimit, SHARE_OF_SCHEDULE } from '../../../../src/core/schedule/fleet-rate-limit.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader } from '../../../../src/core/store/document-reader.js';
import { StoreClock } from '../../../../src/core/store/store-clock.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const FLEET = 'limit/~fleet/~pace';
/** Ten a second are begun by the schedule. */
const LIMITS: RefreshRates = { perSecond: 10 / SHARE_OF_SCHEDULE, perSecondOfApp: 10 };

let clock: FakeClock;
let faulty: FaultyStore;
let pace: FleetRateLimit;

beforeEach(() => {
  clock = new FakeClock();
  faulty = new FaultyStore(new MemoryStore({ clock }));
  pace = another(LIMITS);
});

function another(limits: RefreshRates): FleetRateLimit {
  const store = new SupervisedStore(faulty, clock, { unavailable: () => {}, available: () => {} });
  const storeClock = new StoreClock(clock, () => store.now());
  return new FleetRateLimit(store, new DocumentReader(store, () => {}), storeClock, limits);
}

async function reservedInMs(id = FLEET): Promise<number> {
  const [document] = await faulty.get([id]);
  return document === undefined ? 0 : Number(unseal(document)['reservedUntil']) - clock.now();
}

async function reserve(inMs: number, id = FLEET): Promise<void> {
  await faulty.set(id, seal(id, { reservedUntil: clock.now() + inMs }), 0);
}

/** How long it took, within ten seconds. */
async function waited(work: Promise<unknown>): Promise<number | undefined> {
  const from = clock.monotonic();
  let tookMs: number | undefined;
  void work.then(() => {
    tookMs = clock.monotonic() - from;
  });
  for (let step = 0; step < 200 && tookMs === undefined; step++) await clock.advance(step === 0 ? 0 : 50);
  return tookMs;
}

const never = (): AbortSignal => new AbortController().signal;

test.each([
  { perSecond: 1, atOnce: 1 },
  { perSecond: 39, atOnce: 1 },
  { perSecond: 40, atOnce: 2 },
  { perSecond: 300, atOnce: 15 },
  { perSecond: 320, atOnce: 16 },
  { perSecond: 100_000, atOnce: 16 },
])('a rate of $perSecond a second reserves $atOnce steps at once', ({ perSecond, atOnce }) => {
  expect(another({ ...LIMITS, perSecond }).batchSize).toBe(atOnce);
});

test('a tenth of the rate is left for callers', () => {
  expect(another({ ...LIMITS, perSecond: 300 }).stepMs).toBeCloseTo(1_000 / 270);
});

describe('FleetRateLimit: the rate of the fleet', () => {
  test('the rate of the fleet is kept in the store: the next process waits for what is reserved', async () => {
    await pace.reserve(3, never());
    expect(await reservedInMs()).toBe(300);
    expect(await waited(another(LIMITS).reserve(1, never()))).toBeGreaterThanOrEqual(300);
  });

  test.each([
    { inMs: 499, atMs: 500 },
    { inMs: 500, atMs: 500 },
    { inMs: 800, atMs: 800 },
  ])('a reservation of $inMs ms makes the next one wait as long', async ({ inMs, atMs }) => {
    await reserve(inMs);
    const tookMs = (await waited(pace.reserve(1, never()))) as number;
    expect(tookMs).toBeGreaterThanOrEqual(inMs);
    expect(tookMs).toBeLessThanOrEqual(atMs + 100);
  });

  test.each([
    { inMs: 9_999, waits: true },
    { inMs: 10_000, waits: true },
    { inMs: 10_001, waits: false },
    { inMs: 86_400_000, waits: false },
  ])('a reservation of $inMs ms is taken as valid: $waits', async ({ inMs, waits }) => {
    await reserve(inMs);
    const tookMs = await waited(pace.reserve(1, never()));
    if (waits) expect(tookMs === undefined || tookMs > 9_000).toBe(true);
    else expect(tookMs).toBeLessThanOrEqual(50);
  });

  test('a reservation never exceeds ten seconds, however many steps are owed', async () => {
    for (let call = 0; call < 1_000; call++) pace.charge('wx1');
    await pace.reserve(1, never());
    expect(await reservedInMs()).toBe(10_000);
    await clock.advance(10_000);
    await pace.reserve(1, never());
    expect(await reservedInMs()).toBe(100);
  });

  test('steps that are owed are reserved once', async () => {
    for (let call = 0; call < 5; call++) pace.charge('wx1');
    await pace.reserve(1, never());
    expect(await reservedInMs()).toBe(600);
    await waited(pace.reserve(1, never()));
    expect(await reservedInMs()).toBeLessThanOrEqual(100);
  });

  test.each([
    { waitedMs: 0, leftMs: 500 },
    { waitedMs: 200, leftMs: 300 },
    { waitedMs: 499, leftMs: 1 },
    { waitedMs: 500, leftMs: 0 },
    { waitedMs: 3_600_000, leftMs: 0 },
  ])(
    'steps that are owed expire with time: of 500 ms after $waitedMs ms $leftMs are left',
    async ({ waitedMs, leftMs }) => {
      for (let call = 0; call < 5; call++) pace.charge('wx1');
      await clock.advance(waitedMs);
      await pace.reserve(1, never());
      expect(await reservedInMs()).toBeCloseTo(100 + leftMs);
    },
  );

  test('tryReserve delays a lease holder for a moment only', async () => {
    await reserve(400);
    expect(await waited(pace.tryReserve(never()))).toBeGreaterThanOrEqual(400);
    await putContent(faulty, FLEET, { reservedUntil: clock.now() + 5_000 });
    const from = clock.monotonic();
    let answer: boolean | undefined;
    void pace.tryReserve(never()).then((may) => (answer = may));
    for (let step = 0; step < 100 && answer === undefined; step++) await clock.advance(100);
    expect(answer).toBe(false);
    expect(clock.monotonic() - from).toBeLessThan(1_000);
  });

  test('two processes that reserve at the same time reserve one after the other', async () => {
    const both = Promise.all([pace.reserve(2, never()), another(LIMITS).reserve(2, never())]);
    const tookMs = (await waited(both)) as number;
    expect(tookMs).toBeGreaterThanOrEqual(200);
    expect(faulty.calls.filter((call) => call === 'set').length).toBeGreaterThanOrEqual(3);
    // Of four, that is: none of the two has written over the other.
    expect(tookMs + (await reservedInMs())).toBeGreaterThanOrEqual(400);
  });

  test('a wait for a step ends with the signal, and leaves no timer', async () => {
    await reserve(5_000);
    const controller = new AbortController();
    const taken = pace.reserve(1, controller.signal).catch((error: unknown) => error);
    await clock.advance(100);
    controller.abort(new Error('closing'));
    expect(await taken).toMatchObject({ message: 'closing' });
    expect(clock.pendingTimers).toBe(0);
  });

  test('reserve fails with the store', async () => {
    faulty.before = () => {
      throw new Error('away');
    };
    await expect(pace.reserve(1, never())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('the rate is kept by each process for itself where the reservation cannot be read', async () => {
    await faulty.set(FLEET, { ...seal(FLEET, {}), format: 2 }, 0);
    expect(await waited(pace.reserve(3, never()))).toBe(300);
  });

  test('a reservation that cannot be read fails no process while the store accepts no writes', async () => {
    await faulty.set(FLEET, { ...seal(FLEET, {}), format: 2 }, 0);
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await pace.reserveForApp('wx1', never());
    await expect(pace.reserveForApp('wx1', never())).rejects.toThrow("the store's ");
    expect(await waited(pace.reserve(3, never()))).toBe(300);
  });
});

describe('FleetRateLimit: unused permits', () => {
  test.each([
    { afterMs: 999, calls: [] },
    { afterMs: 1_000, calls: ['get', 'set'] },
  ])('an unused permit is used by a claim after $afterMs ms: $calls', async ({ afterMs, calls }) => {
    await waited(pace.reserve(1, never()));
    pace.refund();
    await clock.advance(afterMs);
    faulty.calls.length = 0;
    await pace.reserve(1, never());
    expect(faulty.calls).toEqual(calls);
  });

  test('an unused permit of an app is used by the next refresh of that app', async () => {
    await pace.reserveForApp('wx1', never());
    await pace.reserveForApp('wx1', never());
    pace.refundApp('wx1');
    faulty.calls.length = 0;
    await pace.reserveForApp('wx1', never());
    expect(faulty.calls).toEqual([]);
  });
});

describe('FleetRateLimit: the rate of an app', () => {
  const ID = 'limit/wx1/~pace';

  test('the rate of an app lets each process begin one refresh a second without a command', async () => {
    expect(await pace.reserveForApp('wx1', never())).toBe(true);
    expect(faulty.calls).toEqual([]);
    expect(await pace.reserveForApp('wx1', never())).toBe(true);
    expect(faulty.calls).toEqual(['get', 'set']);
    await clock.advance(1_000);
    faulty.calls.length = 0;
    expect(await pace.reserveForApp('wx1', never())).toBe(true);
    expect(faulty.calls).toEqual([]);
  });

  test('the rate of an app delays a refresh for a moment only', async () => {
    await reserve(5_000, ID);
    await pace.reserveForApp('wx1', never());
    const from = clock.monotonic();
    let answer: boolean | undefined;
    void pace.reserveForApp('wx1', never()).then((may) => {
      answer = may;
    });
    for (let step = 0; step < 100 && answer === undefined; step++) await clock.advance(100);
    expect(answer).toBe(false);
    expect(clock.monotonic() - from).toBeLessThan(1_000);
  });

  test('a busy app reserves more at once, and keeps none of that for later', async () => {
    pace = another({ perSecond: 1_000, perSecondOfApp: 1_000 });
    for (let take = 0; take < 100; take++) await waited(pace.reserveForApp('wx1', never()));
    expect(faulty.calls.length).toBeLessThan(30);
    await clock.advance(3_600_000);
    faulty.calls.length = 0;
    await pace.reserveForApp('wx1', never());
    await pace.reserveForApp('wx1', never());
    expect(faulty.calls).toEqual(['get', 'set']);
  });

  test('the rate of an app leaves room for other apps', async () => {
    await reserve(5_000, ID);
    await pace.reserveForApp('wx2', never());
    expect(await pace.reserveForApp('wx2', never())).toBe(true);
  });
});

describe('FleetRateLimit: how much is reserved', () => {
  /** A hundred a second are begun by the schedule, five at once. */
  const FAST: RefreshRates = { perSecond: 100 / SHARE_OF_SCHEDULE, perSecondOfApp: 100 };
  const APP_PACE = 'limit/wx1/~pace';
  const sets = (): number => faulty.calls.filter((call) => call === 'set').length;

  test.each([
    { refunds: 1, leftMs: 50 },
    { refunds: 2, leftMs: 40 },
    { refunds: 5, leftMs: 10 },
    // No more are kept than are reserved at once.
    { refunds: 6, leftMs: 10 },
  ])('of six permits, $leftMs ms have to be reserved after $refunds were not used', async ({ refunds, leftMs }) => {
    const fast = another(FAST);
    for (let count = 0; count < refunds; count++) fast.refund();
    await fast.reserve(6, never());
    expect(await reservedInMs()).toBeCloseTo(leftMs, 0);
  });

  test('an unused permit is used once', async () => {
    const fast = another(FAST);
    fast.refund();
    await fast.reserve(1, never());
    expect(await reservedInMs()).toBe(0);
    await fast.reserve(1, never());
    expect(await reservedInMs()).toBeCloseTo(10, 0);
  });

  test('unused permits that have expired are not added to later ones', async () => {
    const fast = another(FAST);
    fast.refund();
    await clock.advance(1_000);
    fast.refund();
    await fast.reserve(2, never());
    expect(await reservedInMs()).toBeCloseTo(10, 0);
  });

  test('an unused permit is kept where the rest cannot be reserved', async () => {
    const fast = another(FAST);
    fast.refund();
    fast.charge('wx1');
    await reserve(5_000);
    expect(await fast.tryReserve(never())).toBe(false);
    await putContent(faulty, FLEET, { reservedUntil: clock.now() });
    expect(await fast.tryReserve(never())).toBe(true);
    expect(await reservedInMs()).toBeCloseTo(10, 0);
  });

  test('a busy app reserves 1, 2, 4 and then at most 5 permits at once', async () => {
    const fast = another(FAST);
    const commands: number[] = [];
    for (let call = 0; call < 10; call++) {
      await waited(fast.reserveForApp('wx1', never()));
      commands.push(sets());
    }
    // The first one needs no reservation.
    expect(commands).toEqual([0, 1, 2, 2, 3, 3, 3, 3, 4, 4]);
  });

  test('the first reservation of an app is for one permit, and for what was charged', async () => {
    const fast = another(FAST);
    await fast.reserveForApp('wx1', never());
    await fast.reserveForApp('wx1', never());
    expect(await reservedInMs(APP_PACE)).toBe(10);
    fast.charge('wx2');
    await fast.reserveForApp('wx2', never());
    await fast.reserveForApp('wx2', never());
    expect(await reservedInMs('limit/wx2/~pace')).toBe(20);
  });
});
