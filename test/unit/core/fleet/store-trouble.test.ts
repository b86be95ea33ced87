import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { TokenError } from '../../../../src/index.js';
import { appids, FleetWorld, keyOf, type Process, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;

const away = (method: string): void => {
  if (method !== 'close') throw new Error('away');
};

function cut(processes: readonly Process[], before: Process['way']['before']): void {
  for (const { way } of processes) way.before = before;
}

describe('a store that is unavailable for 30 s', () => {
  test.each([
    ['refuses', away],
    ['hangs', (method: string) => (method === 'close' ? undefined : new Promise<void>(() => {}))],
  ] as const)(
    'a store that %s for 30 s leaves hits alone, is reported once at each edge, and causes no herd',
    async (_how, before) => {
      await using world = new FleetWorld({ random: seeded(1) });
      world.wechat.lifeSeconds = 600;
      const fleet = await world.fleet(4);
      const [, one] = fleet as unknown as [Process, Process];
      await world.register(fleet[0].tokens, ...appids(50));
      await world.clock.advance(5_000);
      await one.tokens.get('wx7', TYPE);
      // Most are due while the store is away.
      await world.clock.advance(395_000);
      await one.tokens.get('wx7', TYPE);
      const calls = world.wechat.calls;
      world.log.length = 0;
      const commands = fleet.map(({ way }) => way.calls.length);
      cut(fleet, before);
      for (let second = 0; second < 30; second++) {
        await world.clock.advance(1_000);
        expect(one.tokens.peek('wx7', TYPE)?.value).toBeDefined();
      }
      expect(world.wechat.calls).toBe(calls);
      for (const [index, { way }] of fleet.entries()) {
        expect(way.calls.length - (commands[index] as number)).toBeLessThan(60);
      }
      cut(fleet, () => {});
      await world.clock.advance(130_000);
      for (const edge of ['storeUnavailable STORE_UNAVAILABLE', 'storeAvailable']) {
        expect(world.log.filter((line) => line === edge)).toHaveLength(fleet.length);
      }
      expect(world.wechat.calls - calls).toBeLessThanOrEqual(50);
      for (const { due } of await world.documents('key')) expect(due?.at).toBeGreaterThan(world.clock.now() - 20_000);
    },
  );
});

describe('a store that fails in part', () => {
  test('a store whose claimDue fails is asked for work a few times a minute', async () => {
    await using world = new FleetWorld({ random: seeded(2) });
    const one = await world.started();
    await world.register(one.tokens, APPID);
    one.way.before = (method) => {
      if (method === 'claimDue') throw new Error('not allowed');
    };
    const calls = one.way.calls.length;
    await world.clock.advance(300_000);
    expect(one.way.calls.slice(calls).filter((method) => method === 'claimDue').length).toBeLessThan(40);
  });

  test('a key whose writes fail is claimed a few times a second at the most', async () => {
    await using world = new FleetWorld();
    const one = await world.started();
    await world.register(one.tokens, APPID);
    one.way.before = (method, id) => {
      if (method === 'set' && id === keyOf(APPID)) throw new Error('too large');
    };
    await one.tokens.get(APPID, TYPE);
    const claims = world.countClaims();
    await world.clock.advance(60_000);
    expect(claims()).toBeLessThan(200);
    expect(world.wechat.calls).toBe(1);
  });
});

describe('the cost in commands of the store', () => {
  test('a refresh that is due costs at most 4 store commands', async () => {
    await using world = new FleetWorld({ random: seeded(3) });
    const one = await world.started();
    await world.register(one.tokens, ...appids(200));
    await world.clock.advance(30_000);
    const { calls } = one.way;
    calls.length = 0;
    const before = world.wechat.calls;
    // All of them are due at once, so that nothing is spent on looks that find nothing.
    for (const { id, version, data } of await world.documents('key')) {
      const grant = data['grant'] as object;
      const content = unseal({ id, version, data });
      const dueAt = world.clock.now();
      await world.store.set(id, seal(id, { ...content, grant: { ...grant, dueAt } as never }), version, {
        due: { lane: TYPE, at: dueAt },
      });
    }
    await world.clock.advance(0);
    calls.length = 0;
    await world.clock.advance(5_000);
    const refreshes = world.wechat.calls - before;
    expect(refreshes).toBe(200);
    const idle = 5 + 1;
    expect((calls.length - idle) / refreshes).toBeLessThanOrEqual(4);
  });

  test('a refresh on demand costs at most 4 store commands, and 5 for an unknown key; a hit, none', async () => {
    await using world = new FleetWorld();
    const [registering, one] = [await world.started(), await world.started()];
    await registering.tokens.register({ appid: APPID, secret: SECRET });
    await world.clock.advance(0);
    const { calls } = one.way;
    const cost = async (): Promise<number> => {
      calls.length = 0;
      await one.tokens.get(APPID, TYPE);
      await world.clock.advance(0);
      return calls.filter((method) => method !== 'claimDue').length;
    };
    expect(await cost()).toBeLessThanOrEqual(5);
    await world.clock.advance(LIFE_MS);
    expect(await cost()).toBeLessThanOrEqual(4);
    expect(world.wechat.calls).toBe(2);
    for (let hit = 0; hit < 100; hit++) expect(await cost()).toBe(0);
  });

  test('a process that has nothing to do sends one look a second', async () => {
    await using world = new FleetWorld({ random: seeded(4) });
    const one = await world.started();
    await world.clock.advance(10_000);
    one.way.calls.length = 0;
    await world.clock.advance(3_600_000);
    const { calls } = one.way;
    expect(calls.filter((method) => method === 'claimDue').length).toBeGreaterThan(2_800);
    expect(calls.length).toBeLessThan(5_000);
  });
});

describe('I7: close of a process in a fleet', () => {
  const noLeases = async (world: FleetWorld, ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      const lease = await world.store.lease(id, 1);
      expect([id, lease?.id]).toEqual([id, id]);
      await lease?.release();
    }
  };

  test('I7: close leaves no timer, and no lease', async () => {
    await using world = new FleetWorld();
    const one = await world.started();
    await world.register(one.tokens, ...appids(30));
    await world.clock.advance(2_500);
    await one.tokens.close();
    expect(world.clock.pendingTimers).toBe(0);
    await noLeases(world, appids(30).map(keyOf));
  });

  test('I7: close releases what is being claimed meanwhile', async () => {
    await using world = new FleetWorld();
    const one = world.process();
    await world.register(one.tokens, ...appids(3));
    const claimDue = one.way.claimDue as NonNullable<typeof one.way.claimDue>;
    let answer = (): void => {};
    const happened: string[] = [];
    (one.way as { claimDue: typeof claimDue }).claimDue = async (...args) => {
      const leases = await claimDue(...args);
      await new Promise<void>((resolve) => (answer = resolve));
      return leases.map((lease) => ({
        ...lease,
        release: async () => {
          await lease.release();
          happened.push('released');
        },
      }));
    };
    one.way.before = (method) => void (method === 'close' && happened.push('closed'));
    await world.clock.advance(1_500);
    const closed = one.tokens.close();
    await world.clock.advance(100);
    answer();
    await world.clock.advance(20_000);
    await closed;
    expect(happened).toEqual(['released', 'closed']);
    expect(world.wechat.calls).toBe(0);
    expect(world.clock.pendingTimers).toBe(0);
    await noLeases(world, appids(3).map(keyOf));
  });

  test('I7: close releases what waits for room of its app', async () => {
    await using world = new FleetWorld();
    const one = world.process({ refresh: { maxPerSecondOfApp: 1 } });
    const tasks = Array.from({ length: 12 }, (_unused, index) => ({ type: TYPE, subject: `user-${index}` }) as const);
    await one.tokens.register({ appid: APPID, secret: SECRET, tasks });
    await world.clock.advance(300);
    await one.tokens.close();
    expect(world.fetches.length).toBeLessThan(tasks.length);
    expect(world.clock.pendingTimers).toBe(0);
    await noLeases(
      world,
      tasks.map(({ subject }) => `${keyOf(APPID)}/${subject}`),
    );
  });
});

test('a restart after a day refreshes what is due at once, oldest first', async () => {
  await using world = new FleetWorld({ random: seeded(5) });
  const before = await world.started();
  await world.register(before.tokens, ...appids(10));
  await world.clock.advance(3_000);
  await before.tokens.close();
  const dues = (await world.documents('key')).map(({ id, due }) => ({ id, at: due?.at ?? 0 }));
  await world.clock.advance(12 * LIFE_MS);
  world.fetches.length = 0;
  await world.started();
  await world.clock.advance(3_000);
  const oldestFirst = dues.sort((left, right) => left.at - right.at).map(({ id }) => id);
  expect(world.fetches.map(({ appid }) => keyOf(appid))).toEqual(oldestFirst);
});

test('a key with a new secret is refreshed soon though the store failed when it was made due', async () => {
  await using world = new FleetWorld({ random: seeded(1) });
  world.wechat.next(new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 }));
  const { tokens, way } = await world.started();
  await world.register(tokens, APPID);
  await world.clock.advance(5_000);
  expect(world.wechat.calls).toBe(1);
  way.before = (method, id) => {
    if (method === 'set' && id === keyOf(APPID)) throw new Error('disk full');
  };
  await tokens.register({ appid: APPID, secret: 'the right one' });
  await world.clock.advance(1_000);
  way.before = () => {};
  await world.clock.advance(10_000);
  expect(world.wechat.calls).toBe(2);
  expect(tokens.peek(APPID, TYPE)).toBeDefined();
});

test('a registration that is repeated makes the task due that a process wrote before it died', async () => {
  await using world = new FleetWorld({ random: seeded(1) });
  world.wechat.next(new TokenError('UPSTREAM_REJECTED', 'invalid params', { errcode: 40125 }));
  const first = await world.started();
  await world.register(first.tokens, APPID);
  await world.clock.advance(5_000);
  expect(world.wechat.calls).toBe(1);
  const registration = { appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { right: true } }] } as const;
  first.way.afterSet = (id) => {
    if (!id.startsWith('task/')) return undefined;
    first.die();
    return new Promise(() => {});
  };
  first.tokens.register(registration).catch(() => {});
  await world.clock.advance(25_000);
  const second = await world.started();
  await second.tokens.register(registration);
  await world.clock.advance(10_000);
  expect(world.wechat.calls).toBe(2);
});

test('a key that could not be attempted is not deferred by a failure with earlier params', async () => {
  await using world = new FleetWorld({ random: seeded(1) });
  world.wechat.next(new TokenError('UPSTREAM_REJECTED', 'invalid params', { errcode: 40125 }));
  const { tokens } = await world.started();
  await world.register(tokens, APPID);
  await world.clock.advance(5_000);
  world.wechat.dependencies = [{ appid: 'wx-other', type: 'oauth2_access_token', subject: 'user' }];
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { right: true } }] });
  await world.clock.advance(2_000);
  expect((await world.document(keyOf(APPID)))?.due?.at).toBeLessThan(world.clock.now() + 120_000);
});
