import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { LimitSweep } from '../../../../src/core/store/limit-sweep.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ID = 'limit/wx1/~reports';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let sweep: LimitSweep;

beforeEach(() => {
  clock = new FakeClock({ random: 0.5 });
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  sweep = new LimitSweep(new SupervisedStore(faulty, clock, { unavailable() {}, available() {} }), clock);
});

afterEach(() => sweep.stop());

async function count(content: JsonObject, id = ID): Promise<void> {
  await memory.set(id, seal(id, content), 0);
}

async function left(prefix = 'limit'): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of memory.list(prefix)) ids.push(id);
  return ids;
}

/** The first sweep of a clock whose random numbers are 0.5. */
async function sweepOnce(): Promise<void> {
  sweep.start();
  await clock.advance(HOUR_MS / 2);
}

describe('a sweep', () => {
  test.each<[string, (now: number) => JsonObject, readonly string[]]>([
    ['a day after the last that was taken, less 1 ms', (now) => ({ taken: [[now - DAY_MS + 1, 'k']] }), [ID]],
    [
      'a day after the last that was taken',
      (now) => ({
        taken: [
          [0, 'k'],
          [now - DAY_MS, 'k'],
        ],
      }),
      [],
    ],
    ['a day after the last that was taken, and 1 ms', (now) => ({ taken: [[now - DAY_MS - 1, 'k']] }), []],
    ['of which nothing was taken', () => ({ taken: [] }), []],
    ['that is full in 1 ms', (now) => ({ fullAt: now + 1 }), [ID]],
    ['that is full now', (now) => ({ fullAt: now }), []],
    ['that says for another 1 ms that an app is being removed', (now) => ({ until: now + 1 }), [ID]],
    ['that said until now that an app is being removed', (now) => ({ until: now }), []],
    ['that is reserved for 1 ms more', (now) => ({ reservedUntil: now + 1 }), [ID]],
    ['that is reserved until now', (now) => ({ reservedUntil: now }), []],
    ['that ends in two days', (now) => ({ fullAt: now + 2 * DAY_MS }), [ID]],
    ['that a wrong clock has let end later', (now) => ({ fullAt: now + 2 * DAY_MS + 1 }), []],
    ['of another release', () => ({ something: 1 }), [ID]],
  ])('the sweep of a count %s leaves %s', async (_, content, expected) => {
    await count(content(clock.now() + HOUR_MS / 2));
    await sweepOnce();
    expect(await left()).toEqual(expected);
  });

  test('a sweep keeps what is damaged, and everything that is no count', async () => {
    await memory.set(ID, { taken: [], format: 1, checksum: 'wrong' }, 0);
    await memory.set('limit/wx1/newer', { taken: [], format: 99 }, 0);
    await count({ taken: [] }, 'key/wx1/access_token');
    await sweepOnce();
    expect([await left(), await left('key')]).toEqual([['limit/wx1/newer', ID], ['key/wx1/access_token']]);
  });

  test('a sweep keeps a count that is written while it goes on', async () => {
    await count({ taken: [] });
    faulty.before = async (method) => {
      if (method !== 'delete') return;
      const [document] = await memory.get([ID]);
      await memory.set(ID, seal(ID, { taken: [[clock.now(), 'k']] }), document?.version as number);
    };
    await sweepOnce();
    expect(await left()).toEqual([ID]);
  });

  test('a sweep runs once an hour, with one command where nothing is deleted, and again after a failure', async () => {
    faulty.before = (method) => {
      if (method === 'list' && faulty.calls.length === 1) throw new Error('away');
    };
    await sweepOnce();
    expect(faulty.calls).toEqual(['list']);
    await clock.advance(HOUR_MS - 1);
    expect(faulty.calls).toHaveLength(1);
    await clock.advance(1);
    expect(faulty.calls).toEqual(['list', 'list']);
  });
});

test('I7: no sweep runs after the stop, and no timer is left', async () => {
  await count({ taken: [] });
  sweep.start();
  sweep.stop();
  expect(clock.pendingTimers).toBe(0);
  await clock.advance(DAY_MS);
  expect(faulty.calls).toEqual([]);
});

test('a sweep that is stopped while it reads deletes nothing and does not run again', async () => {
  await count({ taken: [] });
  faulty.afterList = () => sweep.stop();
  await sweepOnce();
  await clock.advance(DAY_MS);
  expect([await left(), faulty.calls, clock.pendingTimers]).toEqual([[ID], ['list'], 0]);
});
