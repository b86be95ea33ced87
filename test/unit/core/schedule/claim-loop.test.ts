import { beforeEach, describe, expect, test } from 'vitest';
import type { Lease } from '../../../../src/core/model/store.js';
import type { Claim } from '../../../../src/core/refresh/claim.js';
import { ClaimLoop } from '../../../../src/core/schedule/claim-loop.js';
import { StoreClock } from '../../../../src/core/store/store-clock.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { FakeClock } from '../../../../src/testing/index.js';

let clock: FakeClock;
let schedule: ClaimLoop;
/** What is due, first come first served. */
let due: string[];
let claims: { readonly at: number; readonly limit: number; readonly lanes: readonly string[] }[];
let taken: number;
let handed: { readonly at: number; readonly beginsInMs: number }[];
let released: string[];
let finish: (() => void)[];
let beforeClaim: () => void | Promise<void>;
let holds: boolean;
let isCrowded: boolean;

beforeEach(() => {
  clock = new FakeClock();
  due = [];
  claims = [];
  handed = [];
  released = [];
  finish = [];
  taken = 0;
  holds = false;
  isCrowded = false;
  beforeClaim = () => {};
  const storeClock = new StoreClock(clock, async () => clock.now());
  schedule = new ClaimLoop({
    store: {
      claimDue: async (lanes: readonly string[], limit: number) => {
        claims.push({ at: clock.monotonic(), limit, lanes });
        await beforeClaim();
        return due.splice(0, limit).map(lease);
      },
      release: async ({ id }: Lease) => void released.push(id),
    } as unknown as SupervisedStore,
    clock: storeClock,
    rateLimit: {
      batchSize: 16,
      stepMs: 10,
      reserve: async (count: number) => {
        taken += count;
      },
      tryReserve: async () => {
        if (isCrowded) return false;
        taken += 1;
        return true;
      },
    } as never,
    lanes: () => ['a'],
    dispatcher: { dispatch: (given) => given.map((claim) => work(claim)) },
  });
});

function lease(id: string): Lease {
  return { id, document: undefined, release: async () => {} };
}

async function work(claim: Claim): Promise<void> {
  handed.push({ at: clock.monotonic(), beginsInMs: claim.beginsAtMonotonic - clock.monotonic() });
  if (holds) await new Promise<void>((resolve) => finish.push(resolve));
}

function fill(count: number): void {
  due.push(...Array.from({ length: count }, (_unused, index) => `key/wx${index}/a`));
}

const times = (): number[] => claims.map(({ at }) => at);

test('the loop claims one key about once a second while nothing is due', async () => {
  schedule.start();
  await clock.advance(10_000);
  expect(claims.length).toBe(11);
  expect(claims.every(({ limit, lanes }) => limit === 1 && lanes[0] === 'a')).toBe(true);
  // Nothing is reserved for what is not there.
  expect(taken).toBe(0);
});

test('the loop claims more while more is due, up to the batch size of the rate limit', async () => {
  fill(100);
  schedule.start();
  await clock.advance(0);
  expect(claims.map(({ limit }) => limit)).toEqual([1, 2, 4, 8, 16, 16, 16, 16, 16, 16]);
  expect(due).toEqual([]);
});

test('keys that were permitted together begin one after the other, in steps of the rate', async () => {
  fill(7);
  schedule.start();
  await clock.advance(0);
  expect(handed.map(({ beginsInMs }) => beginsInMs)).toEqual([0, 0, 10, 0, 10, 20, 30]);
});

test('a key that exceeds the rate limit is released, and claimed again when there is room', async () => {
  isCrowded = true;
  fill(1);
  schedule.start();
  await clock.advance(0);
  expect(released).toEqual(['key/wx0/a']);
  expect(taken).toBe(2);
  expect(handed).toEqual([]);
  expect(claims).toHaveLength(2);
  fill(1);
  await clock.advance(3_000);
  expect(claims.length).toBeLessThan(8);
});

test('the loop holds at most 48 recently begun keys, and continues when one is done', async () => {
  holds = true;
  fill(100);
  schedule.start();
  await clock.advance(2_999);
  expect(finish).toHaveLength(48);
  const looks = claims.length;
  finish.shift()?.();
  await clock.advance(0);
  expect(claims.length).toBe(looks + 1);
  expect(claims.at(-1)?.limit).toBe(1);
  for (const done of finish.splice(0)) done();
  await clock.advance(0);
  expect(due.length).toBeLessThan(51);
  holds = false;
  for (const done of finish.splice(0)) done();
  await clock.advance(5_000);
  expect(due).toEqual([]);
});

test('a hanging key frees its place after 3 s, and a bounded number hangs', async () => {
  holds = true;
  fill(500);
  schedule.start();
  await clock.advance(3_000);
  expect(finish).toHaveLength(96);
  await clock.advance(3_600_000);
  expect(finish).toHaveLength(192);
  const looks = claims.length;
  await clock.advance(60_000);
  expect(claims).toHaveLength(looks);
});

describe('ClaimLoop: a known due time', () => {
  test.each([
    { inMs: -5, at: 0 },
    { inMs: 0, at: 0 },
    { inMs: 100, at: 225 },
    // One that is due later than the next look needs no timer of its own.
    { inMs: 1_100, at: 1_000 },
  ])('a key known to be due in $inMs ms is claimed at $at ms', async ({ inMs, at }) => {
    schedule.start();
    await clock.advance(0);
    claims.length = 0;
    schedule.set(clock.now() + inMs);
    await clock.advance(1_000);
    expect(times()[0]).toBe(at);
  });

  test('a key that becomes due during a claim is claimed afterwards', async () => {
    let answer = (): void => {};
    beforeClaim = () => new Promise((resolve) => (answer = resolve));
    schedule.start();
    await clock.advance(0);
    schedule.set(clock.now());
    await clock.advance(0);
    expect(claims).toHaveLength(1);
    answer();
    await clock.advance(0);
    expect(claims).toHaveLength(2);
    answer();
    await clock.advance(0);
  });

  test('a due key is not claimed before the schedule starts, nor after it has stopped', async () => {
    schedule.set(0);
    schedule.check();
    await clock.advance(1_000);
    schedule.start();
    await clock.advance(0);
    await schedule.stop();
    schedule.set(0);
    schedule.check();
    await clock.advance(10_000);
    expect(claims).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('ClaimLoop: a store that fails', () => {
  const fails = (): void => {
    throw new Error('away');
  };

  test('a failing store is asked less and less often, every 16 s in the end, and at once when it is back', async () => {
    beforeClaim = fails;
    schedule.start();
    await clock.advance(600_000);
    const gaps = times()
      .slice(1)
      .map((at, index) => at - (times()[index] as number));
    expect(gaps.slice(0, 4)).toEqual([1_500, 3_000, 6_000, 12_000]);
    expect(new Set(gaps.slice(4))).toEqual(new Set([12_000]));
    beforeClaim = () => {};
    const looks = claims.length;
    schedule.check();
    await clock.advance(0);
    expect(claims.length).toBe(looks + 1);
    await clock.advance(2_000);
    expect(claims.length).toBe(looks + 3);
  });

  test('a store that fails intermittently is not asked again each time that it works', async () => {
    beforeClaim = () => {
      schedule.check();
      fails();
    };
    schedule.start();
    await clock.advance(0);
    for (let word = 0; word < 100; word++) {
      await clock.advance(10);
      if (word % 2 === 0) beforeClaim = () => {};
      schedule.check();
    }
    expect(claims.length).toBeLessThan(8);
  });
});

describe('ClaimLoop: stop', () => {
  test('stop releases what is being claimed, and ends when all that was claimed before is done', async () => {
    holds = true;
    fill(1);
    schedule.start();
    await clock.advance(0);
    fill(2);
    let answer = (): void => {};
    beforeClaim = () => new Promise((resolve) => (answer = resolve));
    await clock.advance(1_300);
    let isStopped = false;
    const stopped = schedule.stop().then(() => {
      isStopped = true;
    });
    answer();
    await clock.advance(0);
    expect(released.length).toBeGreaterThan(0);
    expect(isStopped).toBe(false);
    for (const done of finish) done();
    await clock.advance(0);
    await stopped;
    expect(clock.pendingTimers).toBe(0);
  });
});

test('a lane of this process counts as handed out for as long as asked after a poll that found less than it asked for', async () => {
  expect(schedule.isHandedOut('a', Number.MAX_SAFE_INTEGER)).toBe(false);
  schedule.start();
  await clock.advance(0);
  await schedule.stop();
  await clock.advance(1_000);
  expect([1_000, 1_001].map((ms) => schedule.isHandedOut('a', ms))).toEqual([false, true]);
  expect(schedule.isHandedOut('another', 1_001)).toBe(false);
});
