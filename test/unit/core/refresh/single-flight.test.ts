import { describe, expect, test } from 'vitest';
import type { OpenedClaim } from '../../../../src/core/refresh/claim.js';
import { Flight, SingleFlight } from '../../../../src/core/refresh/single-flight.js';

const KEY = { appid: 'wx1', type: 'access_token' };

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('SingleFlight', () => {
  test('the same key in flight is the same promise, and another after it has settled', async () => {
    const flights = new SingleFlight<number>();
    let flown = 0;
    const first = flights.join(KEY, 'demand', undefined, async () => ++flown);
    const second = flights.join({ ...KEY }, 'stale', 'x', async () => ++flown);
    expect(second).toBe(first);
    expect(flights.get(KEY)).toBe(first);
    expect(await first.promise).toBe(1);
    expect(flights.get(KEY)).toBeUndefined();
    expect(await flights.join(KEY, 'demand', undefined, async () => ++flown).promise).toBe(2);
  });

  test('other keys have flights of their own', async () => {
    const flights = new SingleFlight<string>();
    const keys = [KEY, { ...KEY, type: 't' }, { ...KEY, appid: 'wx2' }, { ...KEY, subject: 's' }];
    const joined = keys.map((key) => flights.join(key, 'demand', undefined, async (flight) => flight.key.type));
    expect(new Set(joined).size).toBe(4);
    expect(await Promise.all(joined.map(({ promise }) => promise))).toEqual([
      'access_token',
      't',
      'access_token',
      'access_token',
    ]);
  });

  test('a failure reaches every waiting caller, is not left unhandled and ends the flight', async () => {
    const flights = new SingleFlight<number>();
    const flight = flights.join(KEY, 'due', undefined, () => Promise.reject(new Error('no')));
    expect(await isSettled(flight.promise)).toBe(true);
    await expect(flight.promise).rejects.toThrow('no');
    expect(flights.get(KEY)).toBeUndefined();
  });

  test('an error that the work throws at once is a rejection, and the work begins after join has returned', async () => {
    const flights = new SingleFlight<number>();
    let begun = false;
    const flight = flights.join(KEY, 'due', undefined, () => {
      begun = true;
      throw new Error('at once');
    });
    expect(begun).toBe(false);
    await expect(flight.promise).rejects.toThrow('at once');
    expect(flights.get(KEY)).toBeUndefined();
  });

  test('a flight knows its reason', () => {
    const flights = new SingleFlight<number>();
    const flight = flights.join(KEY, 'stale', 'dead', async () => 1);
    expect(flight).toMatchObject({ key: KEY, reason: 'stale', stale: 'dead', urgent: true });
  });

  test.each([
    ['due', false],
    ['demand', true],
    ['stale', true],
    ['forced', true],
  ] as const)('a flight for %s is urgent: %s', (reason, urgent) => {
    expect(new SingleFlight<number>().join(KEY, reason, undefined, async () => 1).urgent).toBe(urgent);
  });

  test('a caller who joins a background flight makes it urgent and wakes it, once', async () => {
    const flights = new SingleFlight<number>();
    const flight = flights.join(KEY, 'due', undefined, () => new Promise(() => {}));
    const before = flight.woken();
    flights.join(KEY, 'due', undefined, async () => 1);
    expect([flight.urgent, await isSettled(before)]).toEqual([false, false]);
    flights.join(KEY, 'demand', undefined, async () => 1);
    expect([flight.urgent, await isSettled(before)]).toEqual([true, true]);
    const after = flight.woken();
    flights.join(KEY, 'demand', undefined, async () => 1);
    expect(await isSettled(after)).toBe(false);
  });

  test('wake wakes every caller that waits now and none that waits later', async () => {
    const flights = new SingleFlight<number>();
    const flight = flights.join(KEY, 'due', undefined, () => new Promise(() => {}));
    flight.wake();
    const [one, two] = [flight.woken(), flight.woken()];
    expect(one).toBe(two);
    expect(await isSettled(one)).toBe(false);
    flights.wakeAll();
    expect(await isSettled(two)).toBe(true);
    expect(await isSettled(flight.woken())).toBe(false);
  });

  test('settled waits for flights under way, however they end', async () => {
    const flights = new SingleFlight<number>();
    let land = (): void => {};
    flights.join(KEY, 'due', undefined, () => Promise.reject(new Error('no')));
    flights.join({ ...KEY, subject: 's' }, 'due', undefined, () => new Promise((resolve) => (land = () => resolve(1))));
    const settled = flights.settled();
    expect(await isSettled(settled)).toBe(false);
    land();
    await expect(settled).resolves.toBeUndefined();
    await new SingleFlight<number>().settled();
  });
});

describe('a flight', () => {
  const claimOf = (recordVersion: number) => ({ document: { recordVersion } }) as unknown as OpenedClaim;

  test('a flight has its claim until that is detached, once', async () => {
    const flight = new Flight(KEY, 'due', undefined, async () => 1);
    expect([flight.hasClaim, flight.detachClaim()]).toEqual([false, undefined]);
    const claim = claimOf(1);
    flight.attachClaim(claim);
    expect([flight.hasClaim, flight.detachClaim()]).toEqual([true, claim]);
    expect([flight.hasClaim, flight.detachClaim()]).toEqual([false, undefined]);
  });

  test('a flight knows the latest version of the records that it was told of', () => {
    const flight = new Flight(KEY, 'due', undefined, async () => 1);
    const versions = [5, 7, 6].map((version) => {
      flight.attachClaim(claimOf(version));
      return flight.knownVersion;
    });
    expect(versions).toEqual([5, 7, 7]);
  });

  test('a flight has asked once its request is about to be sent, which is told each time', () => {
    const flight = new Flight(KEY, 'due', undefined, async () => 1);
    expect(flight.hasAsked).toBe(false);
    flight.asks();
    expect(flight.hasAsked).toBe(true);
    let asked = 0;
    flight.onAsking = () => {
      asked += 1;
    };
    flight.asks();
    expect(asked).toBe(1);
  });

  test.each([
    ['succeeds', true],
    ['fails', false],
  ])('a flight that %s has brought a record: %s', async (end, expected) => {
    const fly = end === 'fails' ? () => Promise.reject(new Error('no')) : async () => 1;
    expect(await new Flight(KEY, 'due', undefined, fly).broughtRecord()).toBe(expected);
  });
});
