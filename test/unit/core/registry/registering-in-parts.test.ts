import { beforeEach, describe, expect, test } from 'vitest';
import { type Clock, wait } from '../../../../src/core/concurrency/clock.js';
import { unseal } from '../../../../src/core/store/document-codec.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { driven, RegistrarProcess } from '../../../support/worlds/registrar-process.js';

const APP = 'app/wx1';
const MARK = 'limit/wx1/~removal';

let clock: FakeClock;
let memory: MemoryStore;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
});

const tasksOf = (count: number, params?: object): object[] =>
  Array.from({ length: count }, (_, index) => ({ type: 'user', subject: `u${index}`, ...(params && { params }) }));

const registrationOf = (count: number, secret = 'S'): object => ({ appid: 'wx1', secret, tasks: tasksOf(count) });

async function ids(...kinds: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const kind of kinds) for await (const { id } of memory.list(kind)) found.push(id);
  return found;
}

/** Returns what a document says, without the mark of an app or a task, which is random. */
async function contentOf(id: string): Promise<unknown> {
  const [document] = await memory.get([id]);
  if (document === undefined) return undefined;
  const { enrolment: _enrolment, ...content } = unseal(document);
  return content;
}

/** Runs before the n-th lease that a process asks for. */
function beforeLease(process: RegistrarProcess, n: number, run: () => Promise<unknown>): void {
  const known = process.store.before;
  let leases = 0;
  process.store.before = async (method, id) => {
    if (method === 'lease' && ++leases === n) await run();
    await known(method, id);
  };
}

describe('a registration of up to 1,000 tasks', () => {
  test('a registration that exceeds its lease is undone before others may begin, and fails', async () => {
    const slow = new RegistrarProcess(memory, clock, { writeMs: 720 });
    const other = new RegistrarProcess(memory, clock);
    const failed = slow.register(registrationOf(500)).catch((error: unknown) => error);
    await clock.advance(1_000);
    await driven(clock, other.register(registrationOf(500)));
    expect(await ids('task')).toHaveLength(500);
    await clock.advance(60_000);
    expect(await failed).toMatchObject({ code: 'STORE_UNAVAILABLE', appid: 'wx1', retryable: true });
    expect(await ids('task')).toHaveLength(500);
    expect([...slow.registry.tasks()]).toEqual([]);
  });

  test('a registration whose last write fails leaves nothing of 1,000 tasks', async () => {
    const process = new RegistrarProcess(memory, clock);
    const known = process.store.before;
    process.store.before = (method, id) => {
      if (method === 'set' && id === APP) throw new Error('full');
      return known(method, id);
    };
    await expect(process.register(registrationOf(1_000))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await ids('app', 'task')).toEqual([]);
  });

  test('a registration that fails undoes only what has not been changed since', async () => {
    const process = new RegistrarProcess(memory, clock);
    process.store.before = async (method, id) => {
      if (method !== 'set' || id !== APP) return;
      await putContent(memory, 'task/wx1/user/u0', { theirs: true });
      throw new Error('full');
    };
    await expect(process.register(registrationOf(2))).rejects.toThrow();
    expect(await ids('app', 'task')).toEqual(['task/wx1/user/u0']);
    expect(await contentOf('task/wx1/user/u0')).toEqual({ theirs: true });
  });

  test('a registration writes nothing a second time where another process was first with the same', async () => {
    const process = new RegistrarProcess(memory, clock);
    await process.register(registrationOf(0));
    let rounds = 0;
    process.store.before = async (method, id) => {
      if (method === 'set' && id === 'task/wx1/user/u0' && ++rounds === 1) await putContent(memory, id, {});
    };
    await process.register(registrationOf(1));
    expect(rounds).toBe(1);
    expect(process.registry.task({ appid: 'wx1', type: 'user', subject: 'u0' })?.version).toBe(
      (await memory.get(['task/wx1/user/u0']))[0]?.version,
    );
  });

  test('a registration reads no more documents with one command than any store can within its time', async () => {
    const sizes: number[] = [];
    const get = memory.get.bind(memory);
    memory.get = (asked) => {
      sizes.push(asked.length);
      return get(asked);
    };
    await new RegistrarProcess(memory, clock, { isShared: true }).register(registrationOf(1_000));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2_002);
  });
});

describe('in a fleet, a due written by another process at the same time', () => {
  const KEY = 'key/wx1/user/u0';

  test('a conflict on a due is retried alone: the registration is written once', async () => {
    const process = new RegistrarProcess(memory, clock, { isShared: true });
    const written: (string | undefined)[] = [];
    let rivals = 0;
    process.store.before = async (method, id) => {
      if (method !== 'set') return;
      written.push(id);
      if (id === KEY && ++rivals <= 3) await putContent(memory, KEY, { grant: rivals });
    };
    await process.register(registrationOf(1));
    expect(written).toEqual(['task/wx1/user/u0', APP, KEY, KEY, KEY, KEY]);
    const [document] = await memory.get([KEY]);
    expect(document?.due).toEqual({ lane: 'user', at: clock.now() });
    expect(document && unseal(document)).toMatchObject({ grant: 3 });
  });

  test('a conflict on a due in each of ten rounds fails the registration, with every write undone', async () => {
    const process = new RegistrarProcess(memory, clock, { isShared: true });
    let rivals = 0;
    process.store.before = async (method, id) => {
      if (method === 'set' && id === KEY) await putContent(memory, KEY, { grant: ++rivals });
    };
    await expect(process.register(registrationOf(1))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(rivals).toBe(10);
    expect(await ids('app', 'task')).toEqual([]);
  });
});

describe('a registration of more than 1,000 tasks', () => {
  test.each([false, true])(
    'a registration of more than 1,000 tasks is whole when it resolves, and known here (fleet: %s)',
    async (isShared) => {
      const process = new RegistrarProcess(memory, clock, { isShared });
      await process.register(registrationOf(2_500));
      expect([(await ids('task')).length, (await ids('key')).length]).toEqual([2_500, isShared ? 2_500 : 0]);
      expect(await contentOf(APP)).toEqual({ secret: 'S' });
      expect([...process.registry.tasksOf('wx1')]).toHaveLength(2_500);
      expect(process.store.calls.filter((call) => call === 'lease')).toHaveLength(1);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  test('a large registration goes in parts that each fit into a lease, with turns for other processes', async () => {
    const process = new RegistrarProcess(memory, clock, { writeMs: 150 });
    const other = new RegistrarProcess(memory, clock);
    const held: number[] = [];
    let leasedAt = 0;
    process.store.afterSet = () => void held.push(clock.monotonic() - leasedAt);
    const known = process.store.before;
    process.store.before = (method, id) => {
      if (method === 'lease') leasedAt = clock.monotonic();
      return known(method, id);
    };
    const registering = process.register(registrationOf(1_600));
    await clock.advance(1_000);
    const otherRegistered = other.register({ appid: 'wx1', tasks: [{ type: 'user', subject: 'another' }] });
    await driven(clock, otherRegistered);
    expect(await ids('task').then((all) => all.length)).toBeLessThan(1_601);
    await driven(clock, registering);
    expect(await ids('task')).toHaveLength(1_601);
    expect(process.store.calls.filter((call) => call === 'lease').length).toBeGreaterThan(1);
    expect(Math.max(...held)).toBeLessThan(16_000);
  });

  test('a large registration that fails leaves a beginning and all from before, and a repetition completes it', async () => {
    await new RegistrarProcess(memory, clock).register({
      appid: 'wx1',
      secret: 'old',
      tasks: [{ type: 'user', subject: 'before', params: { kept: true } }],
    });
    const process = new RegistrarProcess(memory, clock);
    let writes = 0;
    process.store.before = (method) => {
      if (method === 'set' && ++writes === 1_500) throw new Error('full');
    };
    await expect(process.register(registrationOf(2_000))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const left = await ids('task');
    expect(left).toContain('task/wx1/user/before');
    expect(left.length).toBeGreaterThan(1_000);
    expect(left.length).toBeLessThan(2_001);
    expect(await contentOf('task/wx1/user/before')).toEqual({ params: { kept: true } });
    expect(await memory.lease(APP, 1).then((lease) => lease?.release())).toBeUndefined();
    process.store.before = () => {};
    await process.register(registrationOf(2_000));
    expect(await ids('task')).toHaveLength(2_001);
    expect(await contentOf(APP)).toEqual({ secret: 'S' });
  });

  test('a large registration whose process dies is completed by another process that registers the same', async () => {
    const dying = new RegistrarProcess(memory, clock, { writeMs: 100 });
    dying.register(registrationOf(2_000)).catch(() => {});
    await clock.advance(9_000);
    dying.die();
    const begun = (await ids('task')).length;
    expect(begun).toBeGreaterThan(0);
    expect(begun).toBeLessThan(2_000);
    const other = new RegistrarProcess(memory, clock);
    await driven(clock, other.register(registrationOf(2_000)));
    expect(await ids('task')).toHaveLength(2_000);
  });

  test('a large registration begins again when the app is unregistered between two parts', async () => {
    const process = new RegistrarProcess(memory, clock, { writeMs: 150 });
    const other = new RegistrarProcess(memory, clock);
    let isUnregistered = false;
    beforeLease(process, 2, async () => {
      await other.registrar.unregisterApp('wx1');
      isUnregistered = true;
      expect(await ids('app', 'task')).toEqual([]);
    });
    await driven(clock, process.register(registrationOf(1_800)));
    expect(isUnregistered).toBe(true);
    expect(await ids('task')).toHaveLength(1_800);
    expect(await contentOf(APP)).toEqual({ secret: 'S' });
  });

  test('a large registration is not blocked for good by another process that changes the app every time', async () => {
    const process = new RegistrarProcess(memory, clock);
    let serial = 0;
    process.store.before = async (method, id) => {
      if (method === 'get' && id === 'task/wx1/user/u1000')
        await putContent(memory, APP, { secret: `theirs ${++serial}` });
    };
    await expect(process.register(registrationOf(1_800))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'other processes kept changing the registration of wx1: try again later',
    });
    expect([serial, (await ids('task')).length]).toEqual([10, 1_000]);
  });

  test('a large registration fails where a lease is too short to write anything', async () => {
    const process = new RegistrarProcess(memory, clock, { isShared: true });
    process.store.afterGet = () => wait(clock, 1_900);
    const failed = process.register(registrationOf(1_001)).catch((reason: unknown) => reason);
    expect(await driven(clock, failed)).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(await ids('app', 'task')).toEqual([APP]);
  });

  test('a large registration that changes tasks notifies once for each task', async () => {
    const process = new RegistrarProcess(memory, clock);
    await process.register(registrationOf(2_000));
    process.told.length = 0;
    await process.register({ appid: 'wx1', tasks: tasksOf(2_000, { a: 1 }) });
    expect(process.told).toHaveLength(2_000);
    expect(process.told.every((word) => word.startsWith('replaced'))).toBe(true);
  });
});

describe('unregistering an app with more than 1,000 documents', () => {
  async function filled(count = 2_200): Promise<RegistrarProcess> {
    const process = new RegistrarProcess(memory, clock);
    await process.register({ appid: 'wx12', secret: 'S', tasks: tasksOf(2) });
    await process.register(registrationOf(count));
    for (let index = 0; index < count; index++) await putContent(memory, `key/wx1/user/u${index}`, { grant: 'old' });
    await putContent(memory, 'delivery/wx1/user/u1', {});
    return process;
  }

  test('unregistering a large app deletes all of it and nothing of others, and leaves no mark', async () => {
    const process = await filled();
    await driven(clock, process.registrar.unregisterApp('wx1'));
    expect(await ids('app', 'task', 'key', 'delivery', 'limit')).toEqual([
      'app/wx12',
      'task/wx12/user/u0',
      'task/wx12/user/u1',
    ]);
    expect([...process.registry.tasksOf('wx1')]).toEqual([]);
    expect(process.registry.app('wx1')).toBeUndefined();
  });

  test('unregistering a large app goes in steps that each fit into a lease', async () => {
    await filled();
    const process = new RegistrarProcess(memory, clock, { writeMs: 150 });
    let leasedAt = 0;
    const held: number[] = [];
    const known = process.store.before;
    process.store.before = (method, id) => {
      if (method === 'lease') leasedAt = clock.monotonic();
      if (method === 'delete') held.push(clock.monotonic() - leasedAt);
      return known(method, id);
    };
    await driven(clock, process.registrar.unregisterApp('wx1'));
    expect(await ids('app', 'task', 'key')).toHaveLength(3);
    expect(process.store.calls.filter((call) => call === 'lease').length).toBeGreaterThan(3);
    expect(Math.max(...held)).toBeLessThan(16_000);
  });

  test('unregistering a large app is done where its manager is closed while the last documents are deleted', async () => {
    await filled();
    const process = new RegistrarProcess(memory, clock);
    process.store.before = (method, id) => {
      if (method === 'delete' && id === 'delivery/wx1/user/u1') process.closing.begin();
    };
    await driven(clock, process.registrar.unregisterApp('wx1'));
    expect(await ids('app', 'task', 'key', 'delivery', 'limit')).toHaveLength(3);
  });

  test('unregistering a large app whose process dies is completed by a repetition', async () => {
    await filled();
    const dying = new RegistrarProcess(memory, clock, { writeMs: 50 });
    dying.registrar.unregisterApp('wx1').catch(() => {});
    await clock.advance(3_000);
    dying.die();
    const left = (await ids('task', 'key')).length;
    expect(left).toBeGreaterThan(100);
    expect(left).toBeLessThan(4_400);
    const other = new RegistrarProcess(memory, clock);
    await driven(clock, other.registrar.unregisterApp('wx1'));
    expect(await ids('app', 'task', 'key', 'limit')).toHaveLength(3);
  });

  test('unregistering an app of which a dead process left few documents removes its mark as well', async () => {
    const process = new RegistrarProcess(memory, clock);
    await process.register(registrationOf(2));
    await putContent(memory, MARK, { until: clock.now() + 600_000 });
    await process.registrar.unregisterApp('wx1');
    expect(await ids('app', 'task', 'limit')).toEqual([]);
  });

  test('unregistering keeps what is registered anew meanwhile, also where that equals what was there', async () => {
    await filled();
    const process = new RegistrarProcess(memory, clock, { writeMs: 50 });
    await driven(clock, process.register({ appid: 'wx1' }));
    const other = new RegistrarProcess(memory, clock);
    beforeLease(process, 4, async () => {
      await other.register({ appid: 'wx1', secret: 'new', tasks: tasksOf(3) });
      // The app is there again, and this one is stored as it is to be: it is about to be deleted all the same.
      await other.register({ appid: 'wx1', tasks: [{ type: 'user', subject: 'u2199' }] });
      await putContent(memory, 'key/wx1/user/u0', { grant: 'new' });
    });
    await driven(clock, process.registrar.unregisterApp('wx1'));
    expect((await ids('app')).sort()).toEqual([APP, 'app/wx12']);
    expect(await contentOf(APP)).toEqual({ secret: 'new' });
    const left = (await ids('task')).filter((id) => id.startsWith('task/wx1/')).sort();
    expect(left).toEqual(['u0', 'u1', 'u2', 'u2199'].map((subject) => `task/wx1/user/${subject}`));
    expect((await ids('key')).sort()).toEqual(['key/wx1/user/u0']);
    expect(await contentOf('key/wx1/user/u0')).toEqual({ grant: 'new' });
    expect(await ids('limit')).toEqual([]);
    expect(process.registry.app('wx1')).toBeDefined();
  });

  test('unregistering deletes what was added between the listing and the end of the app', async () => {
    await filled();
    const process = new RegistrarProcess(memory, clock);
    const other = new RegistrarProcess(memory, clock);
    beforeLease(process, 2, () => other.register({ appid: 'wx1', tasks: [{ type: 'user', subject: 'late' }] }));
    await driven(clock, process.registrar.unregisterApp('wx1'));
    expect(await ids('app', 'task')).toHaveLength(3);
  });

  test.each([
    ['task', 1_000, 1, ['task', 'app', 'key']],
    ['task', 1_001, 1, ['app', 'task', 'key']],
    ['key', 1_000, 1, ['task', 'app', 'key']],
  ])(
    'unregistering with %s documents up to %i takes one lease, and deletes in an order that is safe then',
    async (kind, count, _, order) => {
      const process = new RegistrarProcess(memory, clock);
      await process.register(registrationOf(kind === 'task' ? count : 1));
      for (let index = 0; index < (kind === 'key' ? count : 1); index++)
        await putContent(memory, `key/wx1/user/u${index}`, {});
      const deleted = new Set<string>();
      process.store.before = (method, id) =>
        void (method === 'delete' && deleted.add(String(id).split('/')[0] as string));
      process.store.calls.length = 0;
      await driven(clock, process.registrar.unregisterApp('wx1'));
      deleted.delete('limit');
      expect([...deleted]).toEqual(order);
      const leases = process.store.calls.filter((call) => call === 'lease').length;
      if (count === 1_000) expect(leases).toBe(1);
      else expect(leases).toBeGreaterThan(1);
      expect(await ids('app', 'task', 'key', 'limit')).toEqual([]);
    },
  );

  test.each([0, 500, 2_000, 4_000, 7_900, 8_100, 9_000, 12_000, 16_000, 20_000])(
    'unregistering with a large registration that begins %i ms later ends with all of it or none',
    async (ms) => {
      await new RegistrarProcess(memory, clock).register(registrationOf(1_100));
      const removing = new RegistrarProcess(memory, clock, { writeMs: 200 });
      const registering = new RegistrarProcess(memory, clock, { writeMs: 200 });
      const removed = removing.registrar.unregisterApp('wx1');
      await clock.advance(ms);
      await driven(clock, Promise.all([removed, registering.register(registrationOf(1_100, 'new'))]));
      const left = await ids('app', 'task', 'limit');
      expect(left.length === 0 || left.length === 1_101).toBe(true);
      if (left.length > 0) expect(await contentOf(APP)).toEqual({ secret: 'new' });
    },
  );

  test.each([0, 500, 2_000, 4_000, 7_900, 8_100, 9_000, 12_000, 16_000, 20_000])(
    'unregistering that begins %i ms after a large registration ends with all of that or none',
    async (ms) => {
      const registering = new RegistrarProcess(memory, clock, { writeMs: 200 });
      const removing = new RegistrarProcess(memory, clock, { writeMs: 200 });
      const registered = registering.register(registrationOf(1_100));
      await clock.advance(ms);
      await driven(clock, Promise.all([registered, removing.registrar.unregisterApp('wx1')]));
      const left = await ids('app', 'task', 'limit');
      expect(left.length === 0 || left.length === 1_101).toBe(true);
    },
  );

  test.each([0, 2_000, 7_900, 8_100, 9_000, 12_000, 16_000])(
    'unregistering keeps a registration of one of its tasks that begins %i ms later and was acknowledged',
    async (ms) => {
      await new RegistrarProcess(memory, clock).register(registrationOf(1_100));
      const removing = new RegistrarProcess(memory, clock, { writeMs: 200 });
      const other = new RegistrarProcess(memory, clock);
      const removed = removing.registrar.unregisterApp('wx1');
      await clock.advance(ms);
      await driven(clock, other.register({ appid: 'wx1', secret: 'new', tasks: tasksOf(1) }));
      const again = other.register({ appid: 'wx1', tasks: [{ type: 'user', subject: 'u1099' }] });
      await driven(clock, Promise.all([removed, again]));
      const left = (await ids('app', 'task', 'limit')).sort();
      expect([[], [APP, 'task/wx1/user/u0', 'task/wx1/user/u1099']]).toContainEqual(left);
    },
  );
});

describe('an unregistration whose process is frozen for longer than its lease', () => {
  /** A clock that stands still, as for a process that is frozen, until it is behind the other one by what is added then. */
  function frozenClock(): Clock & { lateMs: number } {
    const still = new FakeClock();
    return {
      lateMs: 0,
      now: () => clock.now(),
      monotonic() {
        return still.monotonic() + this.lateMs;
      },
      random: () => 0.5,
      setTimer: (callback, delayMs) => still.setTimer(callback, delayMs),
    };
  }

  test.each([
    ['listing its tasks', 'list', 'task/wx1'],
    ['deleting a task', 'delete', 'task/wx1/user/u1'],
    ['deleting the app', 'delete', APP],
  ])(
    'a process frozen while %s leaves what another process has registered, and its unregistration fails',
    async (_, method, id) => {
      const own = frozenClock();
      const frozen = new RegistrarProcess(memory, own);
      const other = new RegistrarProcess(memory, clock);
      await frozen.register(registrationOf(3));
      frozen.store.before = async (command, of) => {
        if (own.lateMs > 0 || command !== method || of !== id) return;
        own.lateMs = 21_000;
        await clock.advance(own.lateMs);
        await other.register(registrationOf(3));
      };
      await expect(frozen.registrar.unregisterApp('wx1')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(await ids('app', 'task')).toHaveLength(4);
      await frozen.registrar.unregisterApp('wx1');
      expect(await ids('app', 'task', 'limit')).toEqual([]);
    },
  );

  test('a process frozen between two leases leaves what another process unregistered and registered anew', async () => {
    const frozen = new RegistrarProcess(memory, clock);
    const other = new RegistrarProcess(memory, clock);
    await driven(clock, frozen.register(registrationOf(1_100)));
    beforeLease(frozen, 2, async () => {
      await other.registrar.unregisterApp('wx1');
      await other.register(registrationOf(3, 'new'));
    });
    await driven(clock, frozen.registrar.unregisterApp('wx1'));
    expect(await contentOf(APP)).toEqual({ secret: 'new' });
    expect(await ids('task', 'limit')).toHaveLength(3);
  });
});

test('a registration in parts ends when its manager is closed, and another completes it', async () => {
  const process = new RegistrarProcess(memory, clock, { writeMs: 150 });
  const registering = process.register(registrationOf(1_800)).catch((error: unknown) => error);
  await clock.advance(9_000);
  process.closing.begin();
  const error = await driven(clock, registering);
  expect([(error as { code: string }).code, clock.pendingTimers]).toEqual(['CLOSED', 0]);
  expect(await memory.lease(APP, 1)).toBeDefined();
  await clock.advance(60_000);
  const left = (await ids('task')).length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(1_800);
  await driven(clock, new RegistrarProcess(memory, clock).register(registrationOf(1_800)));
  expect(await ids('task')).toHaveLength(1_800);
});

test('a mark from the future of a clock that was set back does not count', async () => {
  const process = new RegistrarProcess(memory, clock);
  await process.register(registrationOf(1));
  await putContent(memory, MARK, { until: clock.now() + 1_200_001 });
  process.store.calls.length = 0;
  await process.register(registrationOf(1));
  expect(process.store.calls).not.toContain('set');
  await putContent(memory, MARK, { until: clock.now() + 1_200_000 });
  await process.register(registrationOf(1));
  expect(process.store.calls).toContain('set');
});

test('the mark of a removal whose process has died stops counting after ten minutes', async () => {
  const process = new RegistrarProcess(memory, clock);
  await process.register(registrationOf(1));
  const versionOf = async (): Promise<unknown> => (await memory.get(['task/wx1/user/u0']))[0]?.version;
  await putContent(memory, MARK, { until: clock.now() + 600_000 });
  const before = await versionOf();
  await clock.advance(599_999);
  await process.register(registrationOf(1));
  const rewritten = await versionOf();
  expect(rewritten).not.toBe(before);
  await clock.advance(1);
  await process.register(registrationOf(1));
  expect(await versionOf()).toBe(rewritten);
});
