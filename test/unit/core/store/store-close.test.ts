import { beforeEach, describe, expect, test } from 'vitest';
import type { Lease } from '../../../../src/core/model/store.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { failure } from '../../wechat/failure.js';

const ID = 'key/wx1/access_token';
const OTHER = 'key/wx1/jsapi_ticket';

let clock: FakeClock;
let faulty: FaultyStore;
let store: SupervisedStore;
let edges: string[];

beforeEach(() => {
  clock = new FakeClock();
  faulty = new FaultyStore(new MemoryStore({ clock }));
  edges = [];
  store = new SupervisedStore(faulty, clock, {
    unavailable: () => void edges.push('unavailable'),
    available: () => void edges.push('available'),
  });
});

/** Makes the commands of a method wait until they are let go. */
function hold(method: string): () => void {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  faulty.before = (asked) => (asked === method ? held : undefined);
  return release;
}

/** Tells when the store has been closed. */
function closing(): { readonly at: () => number } {
  let at = -1;
  void store.close().then(() => {
    at = clock.monotonic();
  });
  return { at: () => at };
}

describe('SupervisedStore: closing', () => {
  test('close waits for a command that has been sent, and passes its answer on', async () => {
    const release = hold('set');
    const written = store.set(ID, {}, 0);
    const close = closing();
    await clock.advance(1_500);
    expect([close.at(), faulty.calls]).toEqual([-1, ['set']]);
    release();
    await clock.advance(0);
    expect([close.at(), await written]).toEqual([1_500, expect.any(Number)]);
    expect([faulty.calls, clock.pendingTimers]).toEqual([['set', 'close'], 0]);
  });

  test.each<[string, number, string]>([
    ['at once', 0, 'CLOSED'],
    ['a millisecond after it was asked', 1, 'STORE_UNAVAILABLE'],
    ['a second after it was asked', 1_000, 'STORE_UNAVAILABLE'],
  ])('close waits no longer than 2 s for a command that hangs, closed %s', async (_, askedBefore, code) => {
    hold('get');
    const asked = failure(store.get([ID]));
    await clock.advance(askedBefore);
    const begun = clock.monotonic();
    const close = closing();
    await clock.advance(2_000);
    expect(close.at() - begun).toBe(2_000 - askedBefore);
    expect([(await asked).code, clock.pendingTimers]).toEqual([code, 0]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['now', () => store.now()],
    ['get', () => store.get([ID])],
    ['set', () => store.set(ID, {}, 0)],
    ['delete', () => store.delete(ID, 1)],
    ['list', () => store.list('key')[Symbol.asyncIterator]().next()],
    ['lease', () => store.lease(ID, 1_000)],
    ['watch', () => store.watch(() => {})],
  ])('a closing store rejects a %s with CLOSED, while it waits and afterwards', async (_, command) => {
    const release = hold('get');
    const asked = store.get([ID]);
    const close = closing();
    expect((await failure(command())).code).toBe('CLOSED');
    release();
    await asked;
    await clock.advance(0);
    expect((await failure(command())).code).toBe('CLOSED');
    expect([faulty.calls, close.at()]).toEqual([['get', 'close'], 0]);
  });

  test('a closing store rejects the commands that still wait for their turn', async () => {
    const release = hold('set');
    const writes = Array.from({ length: 20 }, (_unused, index) => store.set(`key/wx1/t${index}`, {}, 0));
    const outcomes = Promise.allSettled(writes);
    const close = closing();
    release();
    await clock.advance(0);
    const codes = (await outcomes).map((outcome) => outcome.status === 'fulfilled' || outcome.reason.code);
    expect(codes).toEqual([...Array(16).fill(true), ...Array(4).fill('CLOSED')]);
    expect([faulty.calls.filter((call) => call === 'set').length, close.at()]).toEqual([16, 0]);
  });

  test('a closing store releases leases while it waits, and not afterwards', async () => {
    let releases = 0;
    const lease: Lease = { id: ID, document: undefined, release: async () => void releases++ };
    const release = hold('get');
    const asked = store.get([ID]);
    closing();
    await store.release(lease);
    expect(releases).toBe(1);
    release();
    await asked;
    await clock.advance(0);
    await store.release(lease);
    expect(releases).toBe(1);
  });

  test('a closing store releases a lease that comes late, unless it is closed by then', async () => {
    const released: string[] = [];
    faulty.lease = async (id) => {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, id === ID ? 3_000 : 9_000));
      return { id, document: undefined, release: async () => void released.push(id) };
    };
    const asked = [failure(store.lease(ID, 1_000)), failure(store.lease(OTHER, 1_000))];
    await clock.advance(4_000);
    const close = closing();
    await clock.advance(20_000);
    expect((await Promise.all(asked)).map(({ code }) => code)).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
    expect([close.at(), released]).toEqual([4_000, [ID]]);
  });

  test('a watch that is granted only after the close ends at once', async () => {
    let ended = 0;
    faulty.watch = async () => {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 9_000));
      return async () => void ended++;
    };
    const watching = failure(store.watch(() => {}));
    await clock.advance(2_000);
    await store.close();
    await clock.advance(20_000);
    expect([(await watching).code, ended]).toEqual(['STORE_UNAVAILABLE', 1]);
  });

  test('close does not report a store as available because it could be closed', async () => {
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await failure(store.set(ID, {}, 0));
    await store.close();
    expect(edges).toEqual(['unavailable']);
  });

  test('close leaves no timer where the release of a lease hangs', async () => {
    const release = hold('get');
    const asked = store.get([ID]);
    const close = closing();
    await clock.advance(1_000);
    const given = store.release({ id: ID, document: undefined, release: () => new Promise(() => {}) });
    release();
    await asked;
    await clock.advance(1_000);
    await given;
    expect([close.at(), clock.pendingTimers]).toEqual([2_000, 0]);
  });
});
