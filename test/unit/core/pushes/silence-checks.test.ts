import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import { SilenceChecks, type SilenceChecksParts } from '../../../../src/core/pushes/silence-checks.js';
import { TICKET_MISSING_AFTER_MS as LIMIT, TicketSilence } from '../../../../src/core/pushes/ticket-silence.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

/** A clock that is in step with the store, and counts the timers that were set. */
class StoreTime extends FakeClock {
  timers = 0;
  syncs = 0;
  /** The milliseconds by which the next timer fires early. */
  earlyMs = 0;

  override setTimer(callback: () => void, delayMs: number) {
    this.timers++;
    const { earlyMs } = this;
    this.earlyMs = 0;
    return super.setTimer(callback, delayMs - earlyMs);
  }

  async sync(): Promise<void> {
    this.syncs++;
  }
}

let clock: StoreTime;
let closing: Closing;
let silences: Map<string, TicketSilence>;
let registered: Set<string>;
let loadedApps: string[];
let readTickets: string[];
let told: string[];
/** A function that is called while tickets are read. */
let whileReading: () => void | Promise<void>;
let whileTelling: () => void;
let checks: SilenceChecks;

beforeEach(() => {
  clock = new StoreTime();
  closing = new Closing();
  silences = new Map();
  registered = new Set();
  loadedApps = [];
  readTickets = [];
  told = [];
  whileReading = () => {};
  whileTelling = () => {};
  const parts = {
    clock,
    closing,
    silences,
    registry: {
      loadApp: async (appid: string) => void loadedApps.push(appid),
      hasApp: (id: string) => registered.has(id),
    },
    recordReader: {
      async loadAll(keys: readonly { readonly appid: string }[]) {
        readTickets.push(...keys.map(({ appid }) => appid));
        await whileReading();
      },
    },
    appGone: (appid: string) => void silences.delete(appid),
    missing({ appid }: TicketSilence) {
      told.push(appid);
      whileTelling();
    },
  };
  checks = new SilenceChecks(parts as unknown as SilenceChecksParts);
});

/** Watches a platform that has a ticket of now. */
function watch(appid: string): TicketSilence {
  const reading = { now: clock.now(), monotonic: clock.monotonic() };
  const silence = new TicketSilence(appid, reading);
  silence.note(reading.now, reading);
  silences.set(appid, silence);
  registered.add(appid);
  checks.plan(silence);
  return silence;
}

describe('the timer of the checks', () => {
  test('nothing is checked before the start, nor after the end', async () => {
    watch('a');
    expect(clock.pendingTimers).toBe(0);
    checks.start();
    expect(clock.pendingTimers).toBe(1);
    checks.stop();
    expect(clock.pendingTimers).toBe(0);
    watch('b');
    await clock.advance(2 * LIMIT);
    expect([clock.pendingTimers, readTickets]).toEqual([0, []]);
  });

  test('a start after the closing has begun checks nothing', () => {
    watch('a');
    closing.begin();
    checks.start();
    expect(clock.pendingTimers).toBe(0);
  });

  test('no timer is set as long as no silence is watched', () => {
    checks.start();
    expect(clock.pendingTimers).toBe(0);
  });

  test('the timer is set again for a silence that is checked earlier, and for no other', async () => {
    checks.start();
    watch('a');
    await clock.advance(1_000);
    watch('b');
    expect(clock.timers).toBe(1);
    const early = watch('c');
    early.checkAt = clock.monotonic() + 5_000;
    checks.plan(early);
    expect([clock.timers, clock.pendingTimers]).toEqual([2, 1]);
    checks.plan(early);
    expect(clock.timers).toBe(2);
    await clock.advance(5_000);
    expect(readTickets).toEqual(['c']);
  });

  test('a timer that fires early reads nothing, and the silence is checked in time', async () => {
    clock.earlyMs = 1;
    checks.start();
    watch('a');
    await clock.advance(LIMIT - 1);
    expect([clock.syncs, readTickets, told]).toEqual([0, [], []]);
    await clock.advance(1);
    expect([clock.syncs, readTickets, told]).toEqual([1, ['a'], ['a']]);
  });

  test('a silence that is planned during a check is checked after it', async () => {
    checks.start();
    watch('a');
    let end = (): void => {};
    whileReading = () => new Promise((resolve) => (end = resolve));
    await clock.advance(LIMIT);
    const late = watch('b');
    late.checkAt = clock.monotonic();
    checks.plan(late);
    await clock.advance(1_000);
    expect([readTickets, clock.pendingTimers]).toEqual([['a'], 0]);
    end();
    await clock.advance(0);
    expect(readTickets).toEqual(['a', 'b']);
    end();
  });
});

describe('a check', () => {
  beforeEach(() => checks.start());

  test('a check reads the tickets of the apps whose silence may have lasted for long enough, and of no others', async () => {
    watch('a');
    watch('b');
    await clock.advance(60_000);
    watch('c');
    await clock.advance(LIMIT - 60_000);
    expect([loadedApps, readTickets, told]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
    await clock.advance(60_000);
    expect([loadedApps, readTickets, told]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
  });

  test('the ticket of an app that was unregistered elsewhere is not read, and its silence is no longer watched', async () => {
    watch('a');
    watch('b');
    registered.delete('a');
    await clock.advance(LIMIT);
    expect([[...silences.keys()], readTickets, told]).toEqual([['b'], ['b'], ['b']]);
  });

  test('an app that was unregistered while its ticket was read is not reported', async () => {
    watch('a');
    whileReading = () => void silences.delete('a');
    await clock.advance(LIMIT);
    expect([readTickets, told]).toEqual([['a'], []]);
  });

  test('an app that was registered anew while its ticket was read begins another silence', async () => {
    watch('a');
    whileReading = () => {
      whileReading = () => {};
      watch('a');
    };
    await clock.advance(2 * LIMIT - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['a']);
  });

  test('a ticket that is found in the store ends the silence', async () => {
    const silence = watch('a');
    await clock.advance(LIMIT - 1);
    whileReading = () => silence.note(clock.now(), { now: clock.now(), monotonic: clock.monotonic() });
    await clock.advance(LIMIT);
    expect([readTickets, told]).toEqual([['a'], []]);
  });

  test('no further silence is reported once the closing has begun', async () => {
    for (const appid of ['a', 'b']) watch(appid);
    whileTelling = () => closing.begin();
    await clock.advance(LIMIT);
    expect(told).toEqual(['a']);
  });

  test('a silence that lasts is reported once', async () => {
    watch('a');
    await clock.advance(4 * LIMIT);
    expect(told).toEqual(['a']);
  });

  test('a silence that is planned after a check is checked in time', async () => {
    watch('a');
    await clock.advance(LIMIT);
    const next = watch('b');
    next.checkAt = clock.monotonic() + 5_000;
    checks.plan(next);
    await clock.advance(5_000);
    expect(readTickets).toEqual(['a', 'b']);
  });

  test('a check that fails is repeated 10 s later', async () => {
    watch('a');
    whileReading = () => Promise.reject(new Error('away'));
    await clock.advance(LIMIT + 9_999);
    whileReading = () => {};
    expect([readTickets, told]).toEqual([['a'], []]);
    await clock.advance(1);
    expect([readTickets, told]).toEqual([['a', 'a'], ['a']]);
  });
});
