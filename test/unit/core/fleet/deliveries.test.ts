import { expect, test } from 'vitest';
import type { Deliveries } from '../../../../src/callbacks/deliveries.js';
import type { GuardedAnswer, GuardedRequest } from '../../../../src/callbacks/guarded-request.js';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { TokenError } from '../../../../src/index.js';
import { attachDeliveries } from '../../../support/worlds/attached-deliveries.js';
import { FleetWorld, type Process, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const NOTIFY = 'http://shop.test/wechat';
const ID = `delivery/${APPID}/${TYPE}`;
const HOUR_MS = 3_600_000;

/** A fleet whose deliveries go to a target that notes them. */
class DeliveringWorld extends FleetWorld {
  readonly told: string[] = [];
  answer: () => Promise<GuardedAnswer> = async () => ({ status: 204, body: Buffer.alloc(0) });

  async delivering(): Promise<Process> {
    const process = this.process();
    this.attach(process);
    await process.tokens.start();
    return process;
  }

  attach(process: Process): Deliveries {
    const requests = {
      send: async (request: GuardedRequest): Promise<GuardedAnswer> => {
        this.told.push(JSON.parse(String(request.body)).access_token);
        return this.answer();
      },
    };
    return attachDeliveries({ engine: engineOf(process.tokens), requests, secrets: [] });
  }

  async registerTold({ tokens }: Process, notify: string | undefined = NOTIFY): Promise<void> {
    const task = { type: TYPE, ...(notify === undefined ? {} : { notify }) } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
  }
}

test('every new token is delivered once by a fleet of four', async () => {
  await using world = new DeliveringWorld({ random: seeded(1) });
  const [one] = await Promise.all(Array.from({ length: 4 }, () => world.delivering()));
  await world.registerTold(one as Process);
  await world.clock.advance(3 * 7_200_000);
  expect(world.told).toEqual(['token-1', 'token-2', 'token-3', 'token-4'].slice(0, world.fetches.length));
  expect(world.fetches.length).toBeGreaterThanOrEqual(3);
});

test('a token whose process dies before its delivery is delivered by another within a minute', async () => {
  await using world = new DeliveringWorld({ random: seeded(2) });
  const dying = await world.delivering();
  await world.registerTold(dying);
  dying.way.afterSet = async (id) => {
    if (id !== `key/${APPID}/${TYPE}` || world.fetches.length === 0) return;
    dying.die();
  };
  await world.clock.advance(3_000);
  expect(world.fetches).toHaveLength(1);
  expect(world.told).toEqual([]);
  await world.delivering();
  await world.clock.advance(60_000);
  expect(world.told).toEqual(['token-1']);
  await world.clock.advance(HOUR_MS);
  expect(world.told).toEqual(['token-1']);
});

test('a token whose process dies during its delivery is delivered once more', async () => {
  await using world = new DeliveringWorld({ random: seeded(3) });
  const dying = await world.delivering();
  world.answer = async () => {
    world.answer = async () => ({ status: 204, body: Buffer.alloc(0) });
    dying.die();
    return { status: 204, body: Buffer.alloc(0) };
  };
  await world.registerTold(dying);
  await world.clock.advance(3_000);
  expect(world.told).toEqual(['token-1']);
  await world.delivering();
  await world.clock.advance(90_000);
  expect(world.told).toEqual(['token-1', 'token-1']);
});

test('a delivery without a token is looked at when there may be one, and not twice a minute', async () => {
  await using world = new DeliveringWorld({ random: seeded(4) });
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'frozen', { errcode: 40243 });
  await world.registerTold(await world.delivering());
  await world.clock.advance(60_000);
  const claims = world.countClaims();
  await world.clock.advance(HOUR_MS);
  // Of the key six, and of its delivery about as many.
  expect(claims()).toBeLessThanOrEqual(20);
});

test('a target that is removed leaves the schedule, and one that is registered again is notified', async () => {
  await using world = new DeliveringWorld({ random: seeded(5) });
  const one = await world.delivering();
  await world.registerTold(one);
  await world.clock.advance(3_000);
  await one.tokens.register({ appid: APPID, tasks: [TYPE] });
  await world.clock.advance(2 * 7_200_000);
  expect(await world.document(ID)).toBeUndefined();
  const before = world.told.length;
  await world.registerTold(one);
  await world.clock.advance(60_000);
  expect(world.told.length).toBe(before + 1);
});

test('a target whose notification was missed is not taken out of the schedule', async () => {
  await using world = new DeliveringWorld({ random: seeded(6) });
  const deaf = world.process();
  deaf.way.watch = async () => async () => {};
  const deliveries = world.attach(deaf);
  await deaf.tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  const other = await world.delivering();
  await world.registerTold(other);
  await other.tokens.close();
  const lease = await world.store.lease(ID, 20_000);
  expect(lease?.document?.due).toBeDefined();
  await deliveries.deliver({ appid: APPID, type: TYPE }, lease as never);
  expect((await world.document(ID))?.due).toBeDefined();
  expect(engineOf(deaf.tokens).registry.task({ appid: APPID, type: TYPE })?.notify).toBe(NOTIFY);
});
