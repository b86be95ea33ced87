import { beforeEach, describe, expect, test } from 'vitest';
import type { RegistrationLease } from '../../../../src/core/registry/registration-lease.js';
import { isBeingRemoved, RemovalMark, removalMarkId } from '../../../../src/core/registry/removal-mark.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/index.js';

const NOW = 1_700_000_000_000;
const ID = removalMarkId('wx1');
const LEASE = { appid: 'wx1' } as RegistrationLease;
const LASTS = 600_000;

test('the mark of a removal is a document of the app', () => {
  expect(ID).toBe('limit/wx1/~removal');
});

describe('an app that may be being removed', () => {
  const mark = (content: object) => ({ id: ID, version: 1, data: seal(ID, { ...content }) });

  test.each<[string, object, boolean]>([
    ['that has begun', { until: NOW + LASTS }, true],
    ['that ends in a millisecond', { until: NOW + 1 }, true],
    ['whose process has died', { until: NOW }, false],
    ['that a clock ahead has marked', { until: NOW + 2 * LASTS }, true],
    ['that a clock far ahead has marked', { until: NOW + 2 * LASTS + 1 }, false],
    ['without an end', {}, false],
    ['with an end of another form', { until: String(NOW + 1) }, false],
  ])('whether a removal %s is respected: %#', (_, content, expected) => {
    expect(isBeingRemoved(mark(content), NOW)).toBe(expected);
  });

  test('an app without a mark is not being removed, and one with a damaged mark may be', () => {
    expect(isBeingRemoved(undefined, NOW)).toBe(false);
    expect(isBeingRemoved({ id: ID, version: 1, data: { until: NOW + 1 } }, NOW)).toBe(true);
  });
});

describe('the mark of a removal', () => {
  let clock: FakeClock;
  let store: MemoryStore;
  let mark: RemovalMark;

  beforeEach(() => {
    clock = new FakeClock();
    store = new MemoryStore({ clock });
    mark = new RemovalMark(store as unknown as SupervisedStore, clock);
  });

  const stored = async () => (await store.get([ID]))[0];

  test('the mark of a removal is set for ten minutes, and again by each step', async () => {
    const first = await mark.set(LEASE);
    expect(unseal((await stored()) as never)).toEqual({ until: clock.now() + LASTS });
    await clock.advance(1_000);
    const second = await mark.set(LEASE);
    expect(second).not.toBe(first);
    expect(unseal((await stored()) as never)).toEqual({ until: clock.now() + LASTS });
    expect(isBeingRemoved(await stored(), clock.now())).toBe(true);
  });

  test('the mark of a removal is not set if other writers are faster ten times', async () => {
    let tries = 0;
    const faster = {
      set: async () => {
        tries += 1;
        return undefined;
      },
      get: async () => [{ version: 1 }],
    } as unknown as SupervisedStore;
    expect(await new RemovalMark(faster, clock).set(LEASE)).toBeUndefined();
    expect(tries).toBe(10);
  });

  test.each<[string, (version: number | undefined) => number | undefined]>([
    ['of the version that is known', (version) => version],
    ['of an unknown version', () => undefined],
    ['that was set again meanwhile', (version) => Number(version) - 1],
  ])('the mark of a removal %s is cleared', async (_, known) => {
    await mark.set(LEASE);
    const version = await mark.set(LEASE);
    await mark.clear(LEASE, known(version));
    expect(await stored()).toBeUndefined();
    await expect(mark.clear(LEASE, known(version))).resolves.toBeUndefined();
  });
});
