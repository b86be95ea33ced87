import { beforeEach, describe, expect, test } from 'vitest';
import type { ScheduledTask } from '../../../../src/core/registry/registration-content.js';
import { ScheduleRounds } from '../../../../src/core/schedule/schedule-rounds.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const ROUND_ID = 'limit/~fleet/~round';
const MINUTE_MS = 60_000;
/** The first look of a process, with a random number of one half. */
const FIRST_LOOK_MS = 30_000;

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let storage: OpenedStorage;
let mended: { readonly at: number; readonly tasks: readonly ScheduledTask[] }[];
let mend: () => void | Promise<void>;

beforeEach(() => {
  clock = new FakeClock({ random: 0.5 });
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  storage = openStorage(faulty, clock);
  mended = [];
  mend = () => {};
});

function start(): ScheduleRounds {
  const rounds = new ScheduleRounds(storage.store, storage.reader, storage.clock, {
    mend: async (tasks: readonly ScheduledTask[]) => {
      mended.push({ at: clock.monotonic(), tasks });
      await mend();
    },
  } as never);
  rounds.start();
  return rounds;
}

async function addTasks(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const id = `task/wx1/user/${String(index).padStart(4, '0')}`;
    await memory.set(id, seal(id, {}), 0);
  }
}

async function round(): Promise<unknown> {
  const [document] = await memory.get([ROUND_ID]);
  return document && unseal(document);
}

const sizes = (): number[] => mended.map(({ tasks }) => tasks.length);

describe('a round through all tasks of a fleet', () => {
  test('a round is made in steps of 256 tasks, a second apart, and the next one ten minutes later', async () => {
    await addTasks(600);
    const rounds = start();
    await clock.advance(FIRST_LOOK_MS - 1);
    expect(mended).toEqual([]);
    await clock.advance(2_001);
    expect(mended.map(({ at }) => at)).toEqual([30_000, 31_000, 32_000]);
    expect(sizes()).toEqual([256, 256, 88]);
    expect(new Set(mended.flatMap(({ tasks }) => tasks.map(({ key }) => key.subject))).size).toBe(600);
    expect(await round()).toEqual({ after: '', until: clock.now() + 600_000 });
    await clock.advance(9 * MINUTE_MS);
    expect(mended).toHaveLength(3);
    await clock.advance(2 * MINUTE_MS);
    expect(mended).toHaveLength(6);
    await rounds.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a round whose last step is full ends with an empty one', async () => {
    await addTasks(256);
    start();
    await clock.advance(FIRST_LOOK_MS + 1_000);
    expect(sizes()).toEqual([256, 0]);
    expect(await round()).toMatchObject({ after: '' });
  });

  test('tasks are mended with their targets, and documents that are no tasks are left out', async () => {
    for (const [id, content] of [
      ['task/wx1/a', { notify: 'https://example.com' }],
      ['task/wx1/b', { notify: 5 }],
      ['task/wx1', {}],
    ] as const) {
      await memory.set(id, seal(id, content), 0);
    }
    start();
    await clock.advance(FIRST_LOOK_MS);
    expect(mended.map(({ tasks }) => tasks)).toEqual([
      [
        { key: { appid: 'wx1', type: 'a' }, notify: 'https://example.com' },
        { key: { appid: 'wx1', type: 'b' }, notify: undefined },
      ],
    ]);
  });

  test('the step that is being made is reserved for a minute, and another process continues after it', async () => {
    await addTasks(300);
    let during: unknown;
    mend = async () => {
      during = await round();
    };
    const rounds = start();
    await clock.advance(FIRST_LOOK_MS);
    expect(during).toEqual({ after: '', until: clock.now() + MINUTE_MS });
    // This process dies between two steps.
    await rounds.stop();
    expect([sizes(), await round()]).toMatchObject([[256], { after: '' }]);
    await putContent(memory, ROUND_ID, { after: 'task/wx1/user/0255', until: clock.now() });
    start();
    await clock.advance(FIRST_LOOK_MS);
    expect(sizes()).toEqual([256, 44]);
  });
});

describe('who makes a round', () => {
  test.each([
    ['that another process has for another millisecond', FIRST_LOOK_MS + 1, false],
    ['that another process had until now', FIRST_LOOK_MS, true],
    ['that is due in ten minutes', FIRST_LOOK_MS + 600_000, false],
    ['that a wrong clock has reserved for longer', FIRST_LOOK_MS + 600_001, true],
  ])('a round %s is made: %#', async (_, inMs, isMade) => {
    await addTasks(1);
    await putContent(memory, ROUND_ID, { until: clock.now() + inMs });
    start();
    await clock.advance(FIRST_LOOK_MS);
    expect(sizes()).toEqual(isMade ? [1] : []);
  });

  test('a round whose document says nothing is made from the beginning', async () => {
    await addTasks(1);
    await putContent(memory, ROUND_ID, { until: 'soon', after: 5 } as never);
    start();
    await clock.advance(FIRST_LOOK_MS);
    expect(sizes()).toEqual([1]);
  });

  test('a round that another process has taken in the same moment is left to it', async () => {
    await addTasks(1);
    faulty.before = async (method, id) => {
      if (method === 'set' && id === ROUND_ID) await putContent(memory, ROUND_ID, { until: clock.now() + MINUTE_MS });
    };
    start();
    await clock.advance(FIRST_LOOK_MS);
    expect(sizes()).toEqual([]);
  });

  test('a step after which another process has the round is the last one', async () => {
    await addTasks(300);
    mend = async () => void (await putContent(memory, ROUND_ID, { until: clock.now() + MINUTE_MS }));
    start();
    await clock.advance(FIRST_LOOK_MS + 10_000);
    expect(sizes()).toEqual([256]);
  });

  test('no round is made while the store fails to read, and one is soon after', async () => {
    await addTasks(1);
    faulty.before = () => {
      throw new Error('gone');
    };
    await storage.store.get([ROUND_ID]).catch(() => {});
    const rounds = start();
    faulty.calls.length = 0;
    await clock.advance(FIRST_LOOK_MS);
    expect(faulty.calls).toEqual([]);
    faulty.before = () => {};
    await storage.store.get([ROUND_ID]);
    await clock.advance(MINUTE_MS);
    expect(sizes()).toEqual([1]);
    await rounds.stop();
  });

  test('a step that fails is repeated by the next look', async () => {
    await addTasks(300);
    mend = () => {
      mend = () => {};
      throw new Error('gone');
    };
    start();
    await clock.advance(FIRST_LOOK_MS + MINUTE_MS + 1_000);
    expect(sizes()).toEqual([256, 256, 44]);
  });

  test('stop ends a round between two steps, waits for the present one, and leaves no timer', async () => {
    await addTasks(300);
    let end = (): void => {};
    mend = () => new Promise((resolve) => (end = resolve));
    const rounds = start();
    await clock.advance(FIRST_LOOK_MS);
    let isStopped = false;
    const stopping = rounds.stop().then(() => {
      isStopped = true;
    });
    await clock.advance(10_000);
    expect(isStopped).toBe(false);
    end();
    await stopping;
    await clock.advance(10 * MINUTE_MS);
    expect([sizes(), clock.pendingTimers]).toEqual([[256], 0]);
  });
});
