import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Sweep } from '../src/delivery/sweep.js';
import { Reminders } from '../src/redis/reminders.js';
import { NO_REDIS, skips } from './support/redis.js';
import { World } from './support/world.js';

const BATCHES = 3;
const BATCH = 500;

describe.skipIf(skips)(`the sweep of a backlog${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;

  beforeAll(async () => {
    world = await World.start();
    const members = Array.from({ length: BATCHES * BATCH }, (_, index) => [world.clock.now(), `reminder-${index}`]);
    await world.database.zadd('{reminders}:due', ...members.flat());
  });

  afterAll(() => world?.close());

  beforeEach(() => {
    vi.spyOn(world.queue, 'addAll');
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const makeSweep = (): Sweep =>
    new Sweep({ reminders: new Reminders(world.database), queue: world.queue, clock: world.clock, log });
  const added = (): number[] => vi.mocked(world.queue.addAll).mock.calls.map(([dues]) => dues.length);
  const jobs = async (): Promise<number> => {
    const names = await world.database.keys('{reminders}:bull:occurrences:reminder-*');
    return names.length;
  };

  test('a stopped sweep ends after the batch that is under way', async () => {
    const sweep = makeSweep();
    sweep.start();
    await sweep.stop();
    expect(added()).toEqual([BATCH]);
    expect(await jobs()).toBe(BATCH);
  });

  test('a sweep adds the missing jobs, and none that exist', async () => {
    const sweep = makeSweep();
    await sweep.once();
    expect(await jobs()).toBe(BATCHES * BATCH);
    await sweep.once();
    expect(added()).toEqual([BATCH, BATCH]);
  });
});
