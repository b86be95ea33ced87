import { beforeEach, describe, expect, test } from 'vitest';
import { seal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader } from '../../../../src/core/store/document-reader.js';
import { FailureBudget } from '../../../../src/core/store/failure-budget.js';
import type { RetryState } from '../../../../src/core/store/key-document.js';
import { StoreClock } from '../../../../src/core/store/store-clock.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const REFILL_MS = 200_000;
const DAY_MS = 86_400_000;
const ID = 'limit/wx1/~failures';

let clock: FakeClock;
let store: FaultyStore;

beforeEach(() => {
  clock = new FakeClock();
  store = new FaultyStore(new MemoryStore({ clock }));
});

/** That of one process. */
function budget(): FailureBudget {
  const supervised = new SupervisedStore(store, clock, { unavailable() {}, available() {} });
  const reader = new DocumentReader(supervised, () => {});
  const storeClock = new StoreClock(clock, async () => clock.now());
  return new FailureBudget(supervised, reader, storeClock);
}

const FAILED: RetryState = {
  attempts: 3,
  failedAt: 0,
  retryAt: 0,
  registration: '1:1',
  input: 'input',
  backingOff: true,
  error: { code: 'UPSTREAM_REJECTED', message: 'no', retryable: false, errcode: 40_164 },
};

/** Draws until the next request has to wait. */
async function drain(drawn: FailureBudget, lives: boolean): Promise<number> {
  for (let draws = 1; ; draws++) if ((await drawn.draw('wx1', lives, FAILED)) > clock.now()) return draws;
}

/** Fails as soon as it may, for a day. */
async function failuresOfADay(drawn: FailureBudget, lives: boolean): Promise<number> {
  const endsAt = clock.now() + DAY_MS;
  let failures = 0;
  while (clock.now() < endsAt) {
    const notBefore = await drawn.draw('wx1', lives, FAILED);
    failures += 1;
    await clock.advance(Math.max(1, notBefore - clock.now()));
  }
  return failures;
}

describe('FailureBudget: the failed requests of an app in plain mode', () => {
  test.each([
    [true, 60],
    [false, 54],
  ])('failures for a key whose token lives (%s) are permitted %i at once, then one in 200 s', async (lives, atOnce) => {
    expect(await drain(budget(), lives)).toBe(atOnce);
    expect(await budget().draw('wx1', lives, FAILED)).toBe(clock.now() + 2 * REFILL_MS);
    await clock.advance(2 * REFILL_MS);
    expect(await budget().draw('wx1', lives, FAILED)).toBe(clock.now() + REFILL_MS);
  });

  test('the last six failures are left to keys whose token still lives', async () => {
    const drawn = budget();
    await drain(drawn, false);
    const mayGoOn: boolean[] = [];
    for (let draw = 0; draw < 6; draw++) mayGoOn.push((await drawn.draw('wx1', true, FAILED)) <= clock.now());
    expect(mayGoOn).toEqual([true, true, true, true, true, false]);
  });

  test.each([true, false])(
    'I10: failures are 492 in the first 24 h at most; where its token lives: %s',
    async (lives) => {
      const failures = await failuresOfADay(budget(), lives);
      expect(failures).toBeGreaterThan(480);
      expect(failures).toBeLessThanOrEqual(492);
    },
  );

  test('failures are counted for all processes together, and for each app by itself', async () => {
    await drain(budget(), true);
    expect(await budget().draw('wx2', true, FAILED)).toBeLessThanOrEqual(clock.now());
    expect(await budget().draw('wx1', true, FAILED)).toBeGreaterThan(clock.now());
  });

  test('failures that exceed the budget at the same time wait one after the other', async () => {
    const fleet = Array.from({ length: 5 }, () => budget());
    await drain(budget(), true);
    const waits: number[] = [];
    for (const process of fleet) waits.push((await process.draw('wx1', true, FAILED)) - clock.now());
    expect(waits).toEqual([2, 3, 4, 5, 6].map((turn) => turn * REFILL_MS));
  });

  test('failures are counted by each process while the store is unavailable, and added when it recovers', async () => {
    const drawn = budget();
    store.before = () => {
      throw new Error('away');
    };
    expect(await drain(drawn, true)).toBe(60);
    store.before = () => {};
    await clock.advance(REFILL_MS);
    await drawn.draw('wx1', true, FAILED);
    expect(await budget().draw('wx1', true, FAILED)).toBeGreaterThan(clock.now());
  });

  test('failures are counted by each process where others write all the time', async () => {
    store.set = async () => undefined;
    expect(await drain(budget(), true)).toBe(60);
  });

  test('failures block for at most a day and what the bucket holds', async () => {
    const drawn = budget();
    let notBefore = 0;
    for (let draw = 0; draw < 1_500; draw++) notBefore = await drawn.draw('wx1', false, FAILED);
    expect(notBefore - clock.now()).toBe(DAY_MS + 7 * REFILL_MS);
  });

  test('a failure costs two commands', async () => {
    await budget().draw('wx1', true, FAILED);
    expect(store.calls).toEqual(['get', 'set']);
  });

  test.each([
    [0, 8],
    [2 * REFILL_MS - 1, 8],
    // At the end of the token the next attempt is made without one.
    [2 * REFILL_MS, 8],
    [2 * REFILL_MS + 1, 2],
  ])('with %i ms left of its token, a process that begins is blocked for %i times 200 s', async (leftMs, times) => {
    const drawn = budget();
    await drain(drawn, true);
    await drawn.draw('wx1', true, FAILED);
    const retryAt = clock.now() + times * REFILL_MS;
    expect(await budget().lastFailure('wx1', leftMs)).toEqual({ ...FAILED, retryAt, backingOff: false });
  });

  test.each([
    [0, REFILL_MS],
    [1, 0],
  ])(
    'with %i ms left of its token, a process that begins may use the reserve: %i ms of waiting',
    async (leftMs, ms) => {
      await drain(budget(), false);
      const { retryAt = 0 } = (await budget().lastFailure('wx1', leftMs)) ?? {};
      expect(Math.max(0, retryAt - clock.now())).toBe(ms);
    },
  );

  test('a stored budget blocks for at most a day and what the bucket holds, whatever it says', async () => {
    await store.set(ID, seal(ID, { fullAt: Number.MAX_SAFE_INTEGER, failed: { ...FAILED } }), 0);
    expect((await budget().lastFailure('wx1', 0))?.retryAt).toBe(clock.now() + DAY_MS + 7 * REFILL_MS);
  });

  test.each([{}, { fullAt: 1 }, { fullAt: 1, failed: 'odd' }])(
    'an odd budget without a failure blocks nothing: %j',
    async (data) => {
      await store.set(ID, seal(ID, data), 0);
      expect(await budget().lastFailure('wx1', 0)).toBeUndefined();
      expect(await budget().lastFailure('wx2', 0)).toBeUndefined();
    },
  );

  describe.each([DAY_MS, 365 * DAY_MS])('after the clock was set back by %i ms', (stepMs) => {
    /** Draws until the next request has to wait, and sets the clock back. Returns how long it has to wait. */
    async function drainedBefore(drawn: FailureBudget): Promise<number> {
      let waitMs = 0;
      while (waitMs <= 0) waitMs = (await drawn.draw('wx1', true, failedNow())) - clock.now();
      clock.jump(-stepMs);
      return waitMs;
    }

    const failedNow = (): RetryState => ({ ...FAILED, failedAt: clock.now() });

    test('one failure before it and one after it block nothing', async () => {
      await budget().draw('wx1', true, failedNow());
      clock.jump(-stepMs);
      expect(await budget().draw('wx1', false, failedNow())).toBeLessThanOrEqual(clock.now());
    });

    test('a process that begins is blocked for as long as before', async () => {
      const waitMs = await drainedBefore(budget());
      expect((await budget().lastFailure('wx1', DAY_MS))?.retryAt).toBe(clock.now() + waitMs);
    });

    test('the failures before it stay counted', async () => {
      const waitMs = await drainedBefore(budget());
      expect(await budget().draw('wx1', true, failedNow())).toBe(clock.now() + waitMs + REFILL_MS);
    });

    test('the failures that a process has counted by itself stay counted too', async () => {
      store.set = async () => undefined;
      const drawn = budget();
      const waitMs = await drainedBefore(drawn);
      expect(await drawn.draw('wx1', true, failedNow())).toBe(clock.now() + waitMs + REFILL_MS);
    });
  });

  test('a failure is written beside what another release has stored', async () => {
    await store.set(ID, seal(ID, { fullAt: 1, later: 'kept' }), 0);
    await budget().draw('wx1', true, FAILED);
    const [document] = await store.get([ID]);
    expect(document?.data).toMatchObject({ later: 'kept', fullAt: clock.now() + REFILL_MS, failed: FAILED });
  });
});
