import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { type JsonObject, TokenError, type TokenManager } from '../../../../src/index.js';
import { EncryptedStore } from '../../../../src/stores/encrypted/encrypted-store.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { appids, FleetWorld, keyOf, type Process, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const LIFE_MS = 7_200_000;

/** A document of a release that is newer than this one. */
function newer(id: string): JsonObject {
  const { checksum: _checksum, ...sealed }: JsonObject = { ...seal(id, {}), format: 2 };
  return { ...sealed, checksum: checksum(`${id}\n${canonicalJson(sealed)}`) };
}

async function replace(world: FleetWorld, id: string, data: JsonObject): Promise<void> {
  const before = await world.document(id);
  const due = before?.due;
  await world.store.set(id, data, before?.version ?? 0, due === undefined ? {} : { due });
}

type Operation = readonly [name: string, process: number, app: number, ms: number];

const operation: fc.Arbitrary<Operation> = fc.tuple(
  fc.constantFrom('register', 'params', 'secret', 'unregister', 'unregister task', 'put', 'get', 'stale', 'wait'),
  fc.nat(2),
  fc.nat(2),
  fc.nat(3_000),
);

async function carryOut({ tokens }: Process, [name, , app, ms]: Operation): Promise<unknown> {
  const appid = `wx${app}`;
  if (name === 'register') return tokens.register({ appid, secret: SECRET, tasks: [TYPE] });
  if (name === 'params') return tokens.register({ appid, tasks: [{ type: TYPE, params: { ms } }] });
  if (name === 'secret') return tokens.register({ appid, secret: `secret ${ms}` });
  if (name === 'unregister') return tokens.unregister(appid);
  if (name === 'unregister task') return tokens.unregister(appid, TYPE);
  if (name === 'put') return tokens.put(appid, TYPE, { value: `put ${ms}`, expiresInSeconds: 60 + ms });
  if (name === 'stale') return tokens.refresh(appid, TYPE, { stale: tokens.peek(appid, TYPE)?.value ?? 'none' });
  return tokens.get(appid, TYPE);
}

test('every key with a task is due in the end, and no other one, whatever three processes do at the same time', async () => {
  const run = async (operations: readonly Operation[], seed: number): Promise<void> => {
    await using world = new FleetWorld({ random: seeded(seed) });
    const delay = seeded(seed + 1);
    const fleet = await world.fleet(3);
    for (const { way } of fleet) {
      way.before = (method) =>
        method === 'close' ? undefined : new Promise((resolve) => void world.clock.setTimer(resolve, delay() * 60));
    }
    const under: Promise<unknown>[] = [];
    for (const next of operations) {
      if (next[0] === 'wait') await world.clock.advance(next[3]);
      else under.push(carryOut(fleet[next[1]] as Process, next).catch(() => {}));
      await world.clock.advance(next[3] / 50);
    }
    await world.clock.advance(90_000);
    await Promise.all(under);
    const apps = new Set((await world.documents('app')).map(({ id }) => id.slice('app/'.length)));
    const tasks = (await world.documents('task')).map(({ id }) => id.slice('task/'.length));
    const expected = tasks.filter((id) => apps.has(id.split('/')[0] as string));
    const inSchedule = async () => (await world.documents('key')).filter(({ due }) => due !== undefined);
    // A put that overlaps an unregistration may leave its key in the schedule, until the key is claimed at its due.
    const isOfTask = ({ id }: { id: string }): boolean => expected.includes(id.slice('key/'.length));
    const leftAt = (await inSchedule()).filter((document) => !isOfTask(document)).map(({ due }) => due?.at ?? 0);
    if (leftAt.length > 0) await world.clock.advance(Math.max(...leftAt) - world.clock.now() + 60_000);
    const scheduled = await inSchedule();
    expect(scheduled.map(({ id }) => id.slice('key/'.length)).sort()).toEqual(expected.sort());
    for (const { due } of scheduled) expect(due?.at).toBeLessThan(world.clock.now() + LIFE_MS);
    for (const id of expected) {
      const grant = (await world.document(`key/${id}`))?.data['grant'] as { expiresAt: number } | undefined;
      expect(grant?.expiresAt).toBeGreaterThan(world.clock.now());
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 25 }), fc.nat(), run), { numRuns: 40 });
}, 120_000);

describe('registrations and the schedule', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'a registration that fails at write %i leaves nothing, and is whole when it is made again',
    async (nth) => {
      await using world = new FleetWorld();
      const { tokens, way } = await world.started();
      const tasks = [TYPE, { type: TYPE, subject: 'other' }] as const;
      let writes = 0;
      way.before = (method) => {
        if (method === 'set' && ++writes === nth) throw new Error('disk full');
      };
      const registered = tokens.register({ appid: APPID, secret: SECRET, tasks }).catch(() => 'failed');
      await world.clock.advance(0);
      way.before = () => {};
      if ((await registered) === 'failed') {
        expect(writes).toBeGreaterThanOrEqual(nth);
        const left = [...(await world.documents('app')), ...(await world.documents('task'))];
        expect(left).toEqual([]);
        expect((await world.documents('key')).filter(({ due }) => due !== undefined)).toEqual([]);
      }
      await tokens.register({ appid: APPID, secret: SECRET, tasks });
      await world.clock.advance(3_000);
      expect(world.fetchesOf(APPID)).toHaveLength(2);
    },
  );

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'a registration whose process dies after %i commands is whole when another one makes it again',
    async (nth) => {
      await using world = new FleetWorld();
      const [dying, other] = [await world.started(), await world.started()];
      let left = nth;
      dying.way.before = (method) => {
        if (method === 'close') return undefined;
        return left-- > 0 ? undefined : new Promise(() => {});
      };
      const lost = world.register(dying.tokens, APPID).catch(() => {});
      await world.clock.advance(5_000);
      const again = world.register(other.tokens, APPID);
      await world.clock.advance(30_000);
      await again;
      // The last ones are those of the fetch itself, which is made once more when its lease has lapsed.
      expect(world.fetchesOf(APPID)).toHaveLength(nth < 9 ? 1 : 2);
      expect((await world.document(keyOf(APPID)))?.due).toBeDefined();
      await lost;
    },
  );

  test('a registration wins over a process that takes the key out of the schedule for lack of a task', async () => {
    await using world = new FleetWorld();
    const [one, other] = [await world.started(), world.process()];
    const id = keyOf(APPID);
    await world.store.set(id, seal(id, {}), 0, { due: { lane: TYPE, at: world.clock.now() } });
    let registered: Promise<void> | undefined;
    one.way.before = async (method, of) => {
      if ((method !== 'delete' && method !== 'set') || of !== id || registered !== undefined) return;
      registered = world.register(other.tokens, APPID);
      other.way.before = (command) => (command === 'claimDue' ? new Promise(() => {}) : undefined);
      await registered;
    };
    await world.clock.advance(10_000);
    await registered;
    expect(registered).toBeDefined();
    expect((await world.document(id))?.due).toBeDefined();
    expect(world.fetchesOf(APPID)).toHaveLength(1);
  });

  test('a registration is not undone by a refresh on demand that knew of no task', async () => {
    await using world = new FleetWorld();
    const [one, other] = [await world.started(), await world.started()];
    await one.tokens.register({ appid: APPID, secret: SECRET });
    let answer = (): void => {};
    world.wechat.next(() => new Promise((resolve) => (answer = () => resolve({}))));
    const got = one.tokens.get(APPID, TYPE);
    await world.clock.advance(0);
    const registered = world.register(other.tokens, APPID);
    await world.clock.advance(1_000);
    await registered;
    answer();
    await world.clock.advance(3_000);
    expect(await got).toBe('token-1');
    const { due } = (await world.document(keyOf(APPID))) ?? {};
    expect(due?.at).toBeGreaterThan(world.clock.now() + HOUR_MS);
  });

  test('a registration without a notification takes effect where its key was known to have no task', async () => {
    await using world = new FleetWorld();
    const deaf = { ...shared(world.store), watch: async () => async () => {} };
    const tokens = world.manager({ store: deaf });
    await tokens.register({ appid: APPID, secret: SECRET });
    await tokens.get(APPID, TYPE);
    const other = world.process();
    await world.register(other.tokens, APPID);
    await other.tokens.close();
    const document = await world.document(keyOf(APPID));
    await world.store.set(keyOf(APPID), seal(keyOf(APPID), {}), document?.version ?? 0, {
      due: { lane: TYPE, at: world.clock.now() },
    });
    const before = world.fetches.length;
    await world.clock.advance(5_000);
    expect(world.fetches.length).toBe(before + 1);
  });
});

describe('keys that have no task any more', () => {
  test('a key without a task leaves the schedule, with what is left of an app that is gone', async () => {
    await using world = new FleetWorld();
    const { tokens } = await world.started();
    await tokens.register({ appid: APPID, secret: SECRET });
    for (const id of [keyOf(APPID), keyOf('gone')]) {
      await world.store.set(id, seal(id, {}), 0, { due: { lane: TYPE, at: world.clock.now() } });
    }
    const claims = world.countClaims();
    await world.clock.advance(HOUR_MS);
    expect(claims()).toBe(2);
    expect((await world.document(keyOf(APPID)))?.due).toBeUndefined();
    expect(await world.document(keyOf('gone'))).toBeUndefined();
    expect(world.wechat.calls).toBe(0);
  });

  test('a key that is unregistered while it is claimed does not come back', async () => {
    await using world = new FleetWorld();
    const [one, other] = [await world.started(), await world.started()];
    let answer = (): void => {};
    world.wechat.next(() => new Promise((resolve) => (answer = () => resolve({}))));
    await world.register(one.tokens, APPID);
    await world.clock.advance(2_000);
    await other.tokens.unregister(APPID, TYPE);
    answer();
    await world.clock.advance(60_000);
    expect(await world.documents('key')).toEqual([]);
    expect(world.wechat.calls).toBe(1);
  });
});

describe('documents that cannot be read', () => {
  test('an unreadable key document stays as it is, is soon claimed only once a lease, and costs the others nothing', async () => {
    await using world = new FleetWorld();
    const { tokens } = (await world.fleet(4))[0];
    await world.register(tokens, 'odd', ...appids(5));
    await world.clock.advance(3_000);
    const data = newer(keyOf('odd'));
    const before = await world.document(keyOf('odd'));
    await world.store.set(keyOf('odd'), data, before?.version ?? 0, { due: { lane: TYPE, at: world.clock.now() } });
    const claims = world.countClaims();
    await world.clock.advance(5 * MINUTE_MS);
    expect(claims()).toBeLessThanOrEqual(65);
    const claimsBefore = claims();
    await world.clock.advance(HOUR_MS);
    expect(claims() - claimsBefore).toBeGreaterThan(100);
    expect(claims() - claimsBefore).toBeLessThanOrEqual(181);
    expect((await world.document(keyOf('odd')))?.data).toEqual(data);
    await world.clock.advance(LIFE_MS - HOUR_MS - 5 * MINUTE_MS);
    for (const appid of appids(5)) expect(world.fetchesOf(appid)).toHaveLength(2);
    expect(world.fetchesOf('odd')).toHaveLength(1);
  });

  test('a key that one process of ten can read is refreshed by it in time, cycle after cycle', async () => {
    await using world = new FleetWorld({ random: seeded(5) });
    const [its, others] = [randomBytes(32), randomBytes(32)];
    const join = (key: Uint8Array): TokenManager =>
      world.manager({ store: new EncryptedStore(shared(world.store), { keys: [key] }) });
    const reader = join(its);
    const fleet = [reader, ...Array.from({ length: 9 }, () => join(others))];
    await Promise.all(fleet.map((tokens) => tokens.start()));
    await world.register(reader, ...appids(50));
    await world.clock.advance(MINUTE_MS);
    for (let minutes = 0; minutes < 240; minutes += 1) {
      await world.clock.advance(MINUTE_MS);
      const left = appids(50).map((appid) => (reader.peek(appid, TYPE)?.expiresAt ?? 0) - world.clock.now());
      expect(Math.min(...left)).toBeGreaterThan(2 * MINUTE_MS);
    }
    expect(world.fetches).toHaveLength(150);
  });

  test('a process that is closed releases at once what it cannot read', async () => {
    await using world = new FleetWorld();
    const before = world.process();
    await world.register(before.tokens, APPID);
    await before.tokens.close();
    await replace(world, keyOf(APPID), newer(keyOf(APPID)));
    const { tokens } = await world.started();
    await world.clock.advance(10);
    expect(await world.store.lease(keyOf(APPID), 1_000)).toBeUndefined();
    await tokens.close();
    expect(await world.store.lease(keyOf(APPID), 1_000)).toBeDefined();
  });

  test('an unreadable app document stays as it is, and its keys are looked at less and less often', async () => {
    await using world = new FleetWorld();
    const before = await world.started();
    await world.register(before.tokens, APPID);
    await before.tokens.close();
    const data = newer(`app/${APPID}`);
    await replace(world, `app/${APPID}`, data);
    await world.started();
    const claims = world.countClaims();
    await world.clock.advance(HOUR_MS);
    expect(claims()).toBeGreaterThan(50);
    expect(claims()).toBeLessThan(75);
    expect(world.wechat.calls).toBe(0);
    expect((await world.document(`app/${APPID}`))?.data).toEqual(data);
  });

  test('an unreadable document does not delay what is claimed together with it', async () => {
    await using world = new FleetWorld();
    const before = world.process();
    await world.register(before.tokens, ...appids(6));
    await before.tokens.close();
    const get = world.store.get.bind(world.store);
    world.store.get = async (ids) => {
      if (ids.includes('app/wx3')) throw new Error('what is here is no document');
      return get(ids);
    };
    const claims = world.countClaims();
    await world.fleet(2);
    await world.clock.advance(15_000);
    for (const appid of appids(6)) expect(world.fetchesOf(appid)).toHaveLength(appid === 'wx3' ? 0 : 1);
    expect(claims()).toBeLessThan(20);
  });

  test('a damaged document is moved aside and stays in the schedule, no matter which process finds it', async () => {
    await using world = new FleetWorld();
    const one = await world.started();
    await world.register(one.tokens, APPID);
    await one.tokens.get(APPID, TYPE);
    await one.tokens.close();
    await replace(world, keyOf(APPID), { ...(await world.document(keyOf(APPID)))?.data, checksum: '00000000' });
    const follower = await world.started({ refresh: 'never' });
    await expect(follower.tokens.get(APPID, TYPE)).rejects.toMatchObject({ code: 'REFRESH_DISABLED' });
    expect(world.log).toContain('recordQuarantined');
    await world.started();
    await world.clock.advance(3_000);
    expect(await follower.tokens.get(APPID, TYPE)).toBe('token-2');
  });
});

describe('keys that some processes cannot refresh', () => {
  test('a key whose params function a process lacks is refreshed within seconds by one that has it', async () => {
    await using world = new FleetWorld({ random: seeded(5) });
    const fleet = await world.fleet(4);
    const params = () => ({ given: true });
    await fleet[0].tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params }] });
    await world.clock.advance(7_000);
    expect(world.fetchesOf(APPID)).toHaveLength(1);
  });

  test('a key whose params function nearly all lack is refreshed in time by the one that has it, cycle after cycle', async () => {
    await using world = new FleetWorld({ random: seeded(8) });
    world.wechat.lifeSeconds = 600;
    const fleet = await world.fleet(30);
    const params = () => ({});
    await fleet[0].tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params }] });
    await world.clock.advance(3_600_000);
    const times = world.fetchesOf(APPID).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] as number));
    // Due 120 to 240 s before it ends.
    expect(gaps.length).toBeGreaterThanOrEqual(7);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(360_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(490_000);
  });

  test.each([1, 2, 3, 4, 5])(
    'a key whose params function nearly all lack gets another token soon when a follower reports it (%i)',
    async (seed) => {
      await using world = new FleetWorld({ random: seeded(seed) });
      const [able] = await world.fleet(30);
      const params = () => ({});
      await able.tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params }] });
      await able.tokens.get(APPID, TYPE);
      const follower = await world.started({ refresh: 'never' });
      await world.clock.advance(5_000);
      const report = follower.tokens.refresh(APPID, TYPE, { stale: 'token-1' });
      await world.clock.advance(7_000);
      expect(await report).toBe('token-2');
      expect(world.fetchesOf(APPID)).toHaveLength(2);
    },
  );

  test('a key whose params function every process has is fetched once a cycle, and few take its lease', async () => {
    await using world = new FleetWorld({ random: seeded(10) });
    world.wechat.lifeSeconds = 600;
    const fleet = await world.fleet(8);
    for (const { tokens } of fleet) {
      await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: () => ({}) }] });
    }
    let leases = 0;
    const lease = world.store.lease.bind(world.store);
    world.store.lease = (id, ttlMs) => {
      if (id === keyOf(APPID)) leases += 1;
      return lease(id, ttlMs);
    };
    await world.clock.advance(3_600_000);
    const fetches = world.fetchesOf(APPID).length;
    expect(fetches).toBeGreaterThanOrEqual(7);
    expect(fetches).toBeLessThanOrEqual(10);
    expect(leases).toBeLessThanOrEqual(2 * fetches);
  });

  test('keys whose params function nearly all lack keep the pace of the fleet with all others', async () => {
    await using world = new FleetWorld({ random: seeded(11) });
    const able = world.process({ refresh: { maxPerSecond: 20 } });
    const tasks = Array.from({ length: 200 }, (_unused, index) => {
      return { type: TYPE, subject: `user-${index}`, params: () => ({}) } as const;
    });
    await able.tokens.register({ appid: APPID, secret: SECRET, tasks });
    await world.fleet(9, { refresh: { maxPerSecond: 20 } });
    await world.clock.advance(120_000);
    const times = world.fetchesOf(APPID).map(({ at }) => at);
    expect(times).toHaveLength(200);
    expect(
      Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length)),
    ).toBeLessThanOrEqual(20);
  });

  test('a key whose params function no process has is claimed once a minute in the end', async () => {
    await using world = new FleetWorld({ random: seeded(6) });
    const before = world.process();
    await before.tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: () => ({}) }] });
    await before.tokens.close();
    await world.fleet(2);
    const claims = world.countClaims();
    await world.clock.advance(HOUR_MS);
    expect(claims()).toBeGreaterThan(55);
    expect(claims()).toBeLessThan(100);
    expect(world.wechat.calls).toBe(0);
    const next = await world.started();
    await next.tokens.register({ appid: APPID, tasks: [{ type: TYPE, params: () => ({}) }] });
    await world.clock.advance(600_000);
    expect(world.fetchesOf(APPID)).toHaveLength(1);
  });

  test('a key whose host WeChat rejects is refreshed by another host within half a minute', async () => {
    await using world = new FleetWorld({ random: seeded(7) });
    const refused = new TokenError('UPSTREAM_REJECTED', 'not in whitelist', { errcode: 40164, hostOnly: true });
    world.wechat.next(refused);
    const [one] = await world.fleet(3);
    await world.register(one.tokens, APPID);
    await world.clock.advance(30_000);
    expect(world.fetchesOf(APPID)).toHaveLength(1);
    expect(world.wechat.calls).toBe(2);
  });

  test('a key whose refresher a process lacks is not claimed by it at all', async () => {
    await using world = new FleetWorld();
    const store = new FaultyStore(shared(world.store));
    const able = world.manager({
      store,
      refreshers: [{ type: 'own', refresh: async () => ({ value: 'v', expiresInSeconds: 60 }) }],
    });
    await able.register({ appid: APPID, secret: SECRET, tasks: ['own'] });
    await able.close();
    await world.started();
    const claims = world.countClaims();
    await world.clock.advance(60_000);
    expect(claims()).toBe(0);
  });
});
