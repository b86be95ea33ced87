import { describe, expect, test } from 'vitest';
import { seal } from '../../../../src/core/store/document-codec.js';
import { TokenError } from '../../../../src/index.js';
import type { ClaimingStore } from '../../../support/stores/claiming-store.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { appids, FleetWorld, keyOf } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;
const DELIVERY_ID = `delivery/${APPID}/${TYPE}`;

async function evict(world: FleetWorld, id: string): Promise<void> {
  const document = await world.document(id);
  expect(await world.store.delete(id, document?.version ?? 0)).toBe(true);
}

/** Counts the writes of a document by these processes. */
function countWrites(ways: readonly FaultyStore[], id: string): () => number {
  let writes = 0;
  for (const way of ways) way.before = (method, of) => void (method === 'set' && of === id && writes++);
  return () => writes;
}

describe('tasks whose document with the due was deleted', () => {
  test('a task whose due was lost is due again within a quarter of an hour, by one write of one process', async () => {
    await using world = new FleetWorld();
    const fleet = await world.fleet(4);
    await world.register(fleet[0].tokens, APPID);
    await world.clock.advance(3_000);
    await evict(world, keyOf(APPID));
    const writes = countWrites(
      fleet.map(({ way }) => way),
      keyOf(APPID),
    );
    let seen = 0;
    for (let second = 0; second < QUARTER_MS / 1_000 && seen === 0; second++) {
      await world.clock.advance(1_000);
      seen = writes();
    }
    expect(seen).toBe(1);
    const { due } = (await world.document(keyOf(APPID))) ?? {};
    expect(due?.lane).toBe(TYPE);
    expect(world.fetchesOf(APPID)).toHaveLength(1);
    // A process that holds the record has had the time of its look to put that back.
    await world.clock.advance(75_000);
    expect(world.fetchesOf(APPID)).toHaveLength(2);
  });

  test('a task whose due was lost gets back the due of its deliveries, too', async () => {
    await using world = new FleetWorld();
    const { tokens } = await world.started();
    await world.register(tokens, APPID);
    const task = await world.document(`task/${APPID}/${TYPE}`);
    const data = seal(`task/${APPID}/${TYPE}`, { notify: 'https://example.com/' });
    await world.store.set(`task/${APPID}/${TYPE}`, data, task?.version ?? 0);
    await world.clock.advance(QUARTER_MS);
    expect((await world.document(DELIVERY_ID))?.due?.lane).toBe('deliver');
  });

  test('a task that is unregistered while its due is repaired stays unregistered', async () => {
    await using world = new FleetWorld();
    const [mending, other] = [await world.started(), await world.process()];
    await world.register(mending.tokens, APPID);
    await world.clock.advance(3_000);
    await evict(world, keyOf(APPID));
    let unregistered: Promise<void> | undefined;
    mending.way.before = async (method, id) => {
      if (method !== 'set' || id !== keyOf(APPID) || unregistered !== undefined) return;
      unregistered = other.tokens.unregister(APPID);
      await unregistered;
    };
    await world.clock.advance(QUARTER_MS);
    expect(unregistered).toBeDefined();
    expect(await world.documents('key')).toEqual([]);
  });

  test('lost dues are found among thousands though the searching process dies on the way, in steps of one second', async () => {
    await using world = new FleetWorld({ random: 0.1 });
    const registrar = world.process({ refresh: 'never' });
    const tasks = Array.from({ length: 900 }, (_, index) => ({ type: TYPE, subject: `s${index}` }) as const);
    const registered = registrar.tokens.register({ appid: APPID, secret: SECRET, tasks });
    await world.clock.advance(10_000);
    await registered;
    await registrar.tokens.close();
    const keys = await world.documents('key');
    for (const { id } of keys) await evict(world, id);
    const dying = await world.started();
    let steps = 0;
    dying.way.before = (method, id) => {
      if (method === 'set' && id === 'limit/~fleet/~round' && ++steps === 3) dying.die();
    };
    await world.clock.advance(20_000);
    const mended = (await world.documents('key')).length;
    expect([mended > 0, mended < 900, steps]).toEqual([true, true, 3]);
    await world.started();
    await world.clock.advance(3 * MINUTE_MS);
    expect(await world.documents('key')).toHaveLength(900);
  });
});

describe('tasks that claimDue no longer returns although their document is due', () => {
  const HOURS_MS = 2 * 60 * MINUTE_MS;

  function losing(): { world: FleetWorld; loseIndex: () => void } {
    let claiming: ClaimingStore | undefined;
    const world = new FleetWorld({ store: (store) => (claiming = store as ClaimingStore) });
    return { world, loseIndex: () => claiming?.loseIndex() };
  }

  test('a task that claimDue omits is refreshed within a quarter of an hour after its due, and then in time', async () => {
    const { world, loseIndex } = losing();
    await using _ = world;
    const [first] = await world.fleet(3);
    await world.register(first.tokens, ...appids(3));
    await world.clock.advance(3_000);
    const dueAt = Math.max(...(await world.documents('key')).map(({ due }) => due?.at ?? 0));
    loseIndex();
    await world.clock.advance(dueAt - world.clock.now() + QUARTER_MS);
    for (const appid of appids(3)) expect(world.fetchesOf(appid)).toHaveLength(2);
    await world.clock.advance(HOURS_MS);
    for (const appid of appids(3)) expect(world.fetchesOf(appid)).toHaveLength(3);
  });

  test('a due task is left alone while no look has found that nothing is left', async () => {
    await using world = new FleetWorld();
    const { tokens, way } = await world.started();
    await world.register(tokens, APPID);
    await world.clock.advance(3_000);
    const dueAt = (await world.document(keyOf(APPID)))?.due?.at ?? 0;
    let writes = 0;
    // A look that has not ended has not found that nothing is left.
    way.before = (method, id) => {
      if (method === 'set' && id === keyOf(APPID)) writes += 1;
      return method === 'claimDue' ? new Promise(() => {}) : undefined;
    };
    await world.clock.advance(dueAt - world.clock.now() + QUARTER_MS);
    expect(writes).toBe(0);
  });
});

describe('a clock that is set back between a registration and the first fetch', () => {
  test.each([10 * MINUTE_MS, 6 * 60 * MINUTE_MS])(
    'a clock set back by %i ms delays the first fetch by no more than a look where no process knew of the task',
    async (stepMs) => {
      await using world = new FleetWorld();
      const before = await world.started();
      // A round of before the step does not put off the next one.
      await world.clock.advance(3 * MINUTE_MS);
      await before.tokens.close();
      const registrar = world.process({ refresh: 'never' });
      await world.register(registrar.tokens, APPID);
      await registrar.tokens.close();
      world.clock.jump(-stepMs);
      await world.started();
      await world.clock.advance(2 * MINUTE_MS);
      expect(world.fetchesOf(APPID)).toHaveLength(1);
    },
  );

  test('a clock set back delays the first fetch by some seconds in a process that knows of the task', async () => {
    await using world = new FleetWorld();
    const { tokens, way } = await world.started();
    way.before = (method) => {
      if (method === 'claimDue') throw new Error('out of order');
    };
    await world.register(tokens, APPID);
    world.clock.jump(-6 * 60 * MINUTE_MS);
    way.before = () => {};
    await world.clock.advance(20_000);
    expect(world.fetchesOf(APPID)).toHaveLength(1);
  });

  test('a cool-down that was stored after the clock was set back lasts its full time', async () => {
    await using world = new FleetWorld();
    const { tokens } = await world.started();
    world.clock.jump(-6 * 60 * MINUTE_MS);
    await world.clock.advance(2_000);
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40013 });
    await world.register(tokens, ...appids(3));
    await world.clock.advance(9 * MINUTE_MS);
    expect(world.wechat.calls).toBe(3);
  });
});

test('a fleet with nothing to repair reads each task once in ten minutes, however many its processes are', async () => {
  await using world = new FleetWorld();
  const way = new FaultyStore(shared(world.store));
  let listed = 0;
  way.before = (method, of) => void (method === 'list' && of === 'task' && listed++);
  const registrar = await world.started();
  await world.register(registrar.tokens, ...appids(3));
  for (let count = 0; count < 5; count++) await world.manager({ store: way }).start();
  await registrar.tokens.close();
  await world.clock.advance(5_000);
  listed = 0;
  await world.clock.advance(50 * MINUTE_MS);
  expect(listed).toBeGreaterThan(0);
  expect(listed).toBeLessThanOrEqual(6);
});

test('a store that takes writes again is available within 75 s, even with nothing due and just after a round', async () => {
  await using world = new FleetWorld();
  const { tokens, way } = await world.started();
  await world.register(tokens, APPID);
  await world.clock.advance(2 * MINUTE_MS);
  const edges: string[] = [];
  for (const edge of ['storeUnavailable', 'storeAvailable'] as const) tokens.on(edge, () => void edges.push(edge));
  way.before = (method) => (method === 'set' ? Promise.reject(new Error('full')) : undefined);
  await tokens.register({ appid: 'wx-other', secret: SECRET }).catch(() => {});
  await world.clock.advance(5 * MINUTE_MS);
  expect(edges).toEqual(['storeUnavailable']);
  way.before = () => {};
  await world.clock.advance(75_000);
  expect(edges).toEqual(['storeUnavailable', 'storeAvailable']);
});
