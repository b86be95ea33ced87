import { expect, test } from 'vitest';
import { TokenError } from '../../../../src/index.js';
import { appids, FleetWorld, keyOf, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const LEASE_MS = 20_000;

test('I2: eight processes fetch two hundred keys once a cycle each, never late, over ten cycles', async () => {
  await using world = new FleetWorld({ random: seeded(1) });
  world.wechat.lifeSeconds = 200;
  const [one] = await world.fleet(8);
  await world.register(one.tokens, ...appids(200));
  await world.clock.advance(1_700_000);
  for (const appid of appids(200)) {
    const times = world.fetchesOf(appid).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] as number));
    expect(gaps.length).toBeGreaterThanOrEqual(10);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(120_000);
    // Due 40 to 80 s before it ends, and looked for once a second.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(163_000);
  }
});

test('I2: a key that is fetched for its first callers in every process at once is fetched once', async () => {
  await using world = new FleetWorld({ random: seeded(2) });
  const fleet = await world.fleet(8);
  const got = Promise.all(
    fleet.map(async ({ tokens }) => {
      await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
      return tokens.get(APPID, TYPE);
    }),
  );
  await world.clock.advance(10_000);
  expect(new Set(await got)).toEqual(new Set(['token-1']));
});

test('a refresh costs four round trips when a caller begins it, four at most when the schedule does, and a hit none', async () => {
  await using world = new FleetWorld({ random: seeded(4) });
  const { tokens, way } = await world.started();
  const other = await world.started({ refresh: 'never' });
  await world.register(other.tokens, ...appids(20));
  await other.tokens.close();
  const workOf = async (work: () => Promise<unknown>): Promise<string[]> => {
    const calls: string[] = [];
    way.before = (method, id) => void calls.push(`${method} ${id}`);
    await work();
    return calls;
  };
  const asked = await workOf(() => tokens.get('wx19', TYPE));
  expect(asked).toEqual(['get app/wx19', `lease ${keyOf('wx19')}`, `set ${keyOf('wx19')}`, 'get app/wx19']);
  expect(await workOf(() => tokens.get('wx19', TYPE))).toEqual([]);
  const claimed = await workOf(() => world.clock.advance(10_000));
  expect(world.fetches).toHaveLength(20);
  expect(claimed.length / 19).toBeLessThanOrEqual(4);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  'a process that dies at its command %i after a claim is replaced after its lease',
  async (nth) => {
    await using world = new FleetWorld({ random: seeded(3) });
    world.wechat.lifeSeconds = 600;
    const [dying] = await world.fleet(1);
    await world.register(dying.tokens, APPID);
    await dying.tokens.get(APPID, TYPE);
    await world.clock.advance(300_000);
    let left = Number.POSITIVE_INFINITY;
    const { way } = dying;
    way.before = (method) => {
      if (method === 'claimDue') return undefined;
      if (method === 'close') return undefined;
      return left-- > 0 ? undefined : new Promise(() => {});
    };
    const claimDue = way.claimDue as NonNullable<typeof way.claimDue>;
    (way as { claimDue: typeof claimDue }).claimDue = async (...args) => {
      const leases = left === Number.POSITIVE_INFINITY ? await claimDue(...args) : await new Promise<never>(() => {});
      if (leases.length > 0) left = nth;
      return leases;
    };
    await world.fleet(1);
    await world.clock.advance(600_000 - 300_000 - 1);
    const document = await world.document(keyOf(APPID));
    const grant = document?.data['grant'] as { expiresAt: number; obtainedAt: number };
    expect(grant.obtainedAt).toBeGreaterThan(world.clock.now() - 300_000);
    expect(world.fetches.length).toBeGreaterThanOrEqual(2);
    expect(world.fetches.length).toBeLessThanOrEqual(3);
  },
);

test('I4: a process that is paused past its lease with the answer does not undo later fetches', async () => {
  await using world = new FleetWorld();
  const [paused, other] = [await world.started(), await world.started()];
  let resume = (): void => {};
  const stop = new Promise<void>((resolve) => {
    resume = resolve;
  });
  world.wechat.next(async () => {
    paused.way.before = () => stop;
    return { value: 'late' };
  });
  other.way.before = (method) => {
    if (method === 'claimDue') throw new Error('not yet');
  };
  await world.register(paused.tokens, APPID);
  await world.clock.advance(1_000);
  other.way.before = () => {};
  await world.clock.advance(LEASE_MS + 5_000);
  expect(await other.tokens.get(APPID, TYPE)).toBe('token-2');
  paused.way.before = () => {};
  resume();
  await world.clock.advance(5_000);
  expect((await world.document(keyOf(APPID)))?.data['grant']).toMatchObject({ value: 'token-2' });
  expect(await paused.tokens.get(APPID, TYPE)).toBe('token-2');
  expect(world.wechat.calls).toBe(2);
});

test('a new task is fetched without a caller, by another process when the one that registered it dies', async () => {
  await using world = new FleetWorld();
  const [registering] = await world.fleet(2);
  await world.register(registering.tokens, APPID);
  registering.die();
  await world.clock.advance(3_000);
  expect(world.fetchesOf(APPID)).toHaveLength(1);
});

test.each([-1, 0, 1])('a key that is due in %i ms is claimed at that time and not before', async (ms) => {
  await using world = new FleetWorld({ random: 0 });
  const [one] = await world.fleet(1);
  await world.register(one.tokens, APPID);
  const { dueAt } = await one.tokens.getRecord(APPID, TYPE);
  await world.clock.advance(dueAt - world.clock.now() + ms);
  expect(world.wechat.calls).toBe(ms < 0 ? 1 : 2);
});

test('a permanent failure is retried once in ten minutes by the whole fleet, and a corrected secret is tried at once', async () => {
  await using world = new FleetWorld({ random: seeded(4) });
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
  const fleet = await world.fleet(4);
  await world.register(fleet[0].tokens, APPID);
  await world.clock.advance(599_000);
  expect(world.wechat.calls).toBe(1);
  await world.clock.advance(4_000);
  expect(world.wechat.calls).toBe(2);
  world.wechat.always = undefined;
  await fleet[3]?.tokens.register({ appid: APPID, secret: 'corrected' });
  await world.clock.advance(3_000);
  expect(world.wechat.calls).toBe(3);
  expect(world.wechat.asked.at(-1)?.app.secret).toBe('corrected');
  expect(await fleet[0].tokens.get(APPID, TYPE)).toBe('token-1');
});

test('I4: a grant that one process cannot store gives way to a newer one of another', async () => {
  await using world = new FleetWorld();
  const [one, other] = [await world.started(), await world.started()];
  await world.register(other.tokens, APPID);
  other.way.before = (method) => {
    if (method === 'claimDue') throw new Error('not now');
  };
  one.way.before = (method, id) => {
    if (method === 'set' && id === keyOf(APPID)) throw new Error('disk full');
  };
  expect(await one.tokens.get(APPID, TYPE)).toBe('token-1');
  await world.clock.advance(3_000);
  const forced = other.tokens.refresh(APPID, TYPE, { force: true });
  await world.clock.advance(LEASE_MS + 1_000);
  expect(await forced).toBe('token-2');
  one.way.before = () => {};
  await world.clock.advance(61_000);
  expect(await one.tokens.get(APPID, TYPE)).toBe('token-2');
});
