import { describe, expect, onTestFinished, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import type { TokenManager } from '../../../../src/index.js';
import { ClosableStore } from '../../../support/stores/closable-store.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { World } from '../../../support/worlds/world.js';

const COMPONENT = 'wxcomponent000000';
const SECRET = 'CANARY-secret-of-the-platform';
const PUSH = { token: 'CANARY-push-token', encodingAesKey: 'CANARYkey'.padEnd(43, 'k') };
const TICKET = 'component_verify_ticket';
const MINUTE = 60_000;
const LIMIT = 30 * MINUTE;
/** The options of a process that does not reach WeChat. */
const OPTIONS = { refreshers: [], wechat: { origins: ['http://127.0.0.1:1'] } };

interface Silence {
  readonly component: string;
  readonly since: number;
}

function silencesOf(tokens: TokenManager): Silence[] {
  const all: Silence[] = [];
  tokens.on('verifyTicketMissing', (event) => void all.push(event));
  return all;
}

async function putTicket(tokens: TokenManager, world: World, value = 'ticket@@@1', agoMs = 0): Promise<void> {
  const obtainedAt = world.clock.now() - agoMs;
  await tokens.put(COMPONENT, TICKET, { value, expiresInSeconds: 43_200, obtainedAt });
}

interface Scene {
  readonly world: World;
  readonly tokens: TokenManager;
  readonly told: Silence[];
}

/** Returns a platform that has just had a ticket. */
async function platform(settings: object = { push: PUSH }): Promise<Scene> {
  const world = new World();
  onTestFinished(() => world[Symbol.asyncDispose]());
  const tokens = world.manager(OPTIONS);
  const told = silencesOf(tokens);
  await tokens.register({ appid: COMPONENT, secret: SECRET, ...settings });
  await putTicket(tokens, world);
  return { world, tokens, told };
}

describe('the silence of a platform', () => {
  test('is reported once when its last ticket is 30 minutes old, and not a millisecond earlier', async () => {
    const { world, told } = await platform();
    const since = world.clock.now();
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toEqual([{ component: COMPONENT, since }]);
    await world.clock.advance(5 * LIMIT + 1);
    expect(told).toHaveLength(1);
  });

  test.each([1, 10, 29])('never begins with a ticket every %i minutes', async (minutes) => {
    const { world, tokens, told } = await platform();
    for (let count = 2; count < 10; count++) {
      await world.clock.advance(minutes * MINUTE);
      await putTicket(tokens, world, `ticket@@@${count}`);
    }
    expect(told).toEqual([]);
  });

  test('ends with a ticket that comes at its last millisecond', async () => {
    const { world, tokens, told } = await platform();
    await world.clock.advance(LIMIT - 1);
    await putTicket(tokens, world, 'ticket@@@2');
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
  });

  test('is reported again only after another ticket, and an older one that is put late is none', async () => {
    const { world, tokens, told } = await platform();
    await world.clock.advance(LIMIT);
    await putTicket(tokens, world, 'ticket@@@0', 2 * LIMIT);
    await world.clock.advance(2 * LIMIT);
    expect(told).toHaveLength(1);
    await putTicket(tokens, world, 'ticket@@@2');
    await world.clock.advance(LIMIT - 1);
    expect(told).toHaveLength(1);
    await world.clock.advance(1);
    expect(told).toHaveLength(2);
  });

  test('ends with the same ticket when WeChat pushes that again', async () => {
    const { world, tokens, told } = await platform();
    await world.clock.advance(LIMIT - 1);
    await putTicket(tokens, world);
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
  });

  test('is reported 30 minutes after the registration of a platform that has never had a ticket', async () => {
    await using world = new World();
    const tokens = world.manager(OPTIONS);
    const told = silencesOf(tokens);
    await tokens.register({ appid: COMPONENT, secret: SECRET, tasks: ['component_access_token'] });
    const since = world.clock.now();
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toEqual([{ component: COMPONENT, since }]);
  });

  test('begins when an app becomes a platform with its first task that needs a ticket', async () => {
    await using world = new World();
    const tokens = world.manager(OPTIONS);
    const told = silencesOf(tokens);
    await tokens.register({ appid: COMPONENT, secret: SECRET });
    await world.clock.advance(LIMIT);
    const authorizer = { type: 'authorizer_access_token' as const, subject: 'wxmerchant0000000' };
    await tokens.register({ appid: COMPONENT, secret: SECRET, tasks: [authorizer] });
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toHaveLength(1);
  });

  test('is not reported for an account that takes pushes and is no platform', async () => {
    await using world = new World();
    const tokens = world.manager(OPTIONS);
    const told = silencesOf(tokens);
    await tokens.register({ appid: 'wxaccount00000000', secret: SECRET, push: PUSH });
    await tokens.register({ appid: 'wxplain0000000000', secret: SECRET, push: { token: PUSH.token } });
    await world.clock.advance(3 * LIMIT);
    expect(told).toEqual([]);
    expect([...engineOf(tokens).tickets.states()]).toEqual([]);
  });

  test('is not reported after the platform was unregistered, and begins anew when it is registered again', async () => {
    const { world, tokens, told } = await platform({ tasks: ['component_access_token'] });
    await world.clock.advance(LIMIT - 1);
    await tokens.unregister(COMPONENT);
    await world.clock.advance(LIMIT);
    expect(told).toEqual([]);
    await tokens.register({ appid: COMPONENT, secret: SECRET, tasks: ['component_access_token'] });
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toHaveLength(1);
  });

  test('is not reported for an app that has lost its last task and takes no pushes', async () => {
    const { world, tokens, told } = await platform({ tasks: ['component_access_token'] });
    await tokens.unregister(COMPONENT, 'component_access_token');
    await world.clock.advance(2 * LIMIT);
    expect(told).toEqual([]);
  });

  test('goes on over a registration with other settings', async () => {
    const { world, tokens, told } = await platform();
    await world.clock.advance(LIMIT - 1);
    await tokens.register({
      appid: COMPONENT,
      secret: 'CANARY-new-secret',
      push: PUSH,
      tasks: ['component_access_token'],
    });
    await world.clock.advance(1);
    expect(told).toHaveLength(1);
  });

  test('is not reported after the manager has begun to close', async () => {
    const { world, tokens, told } = await platform();
    await world.clock.advance(LIMIT - 1);
    const timers = world.clock.pendingTimers;
    await tokens.close();
    expect(world.clock.pendingTimers).toBeLessThan(timers);
    await world.clock.advance(LIMIT);
    expect(told).toEqual([]);
  });
});

describe('a restarted process', () => {
  test.each([
    ['push', { push: PUSH }],
    ['a task', { tasks: ['component_access_token'] }],
  ])('counts the silence of a platform registered with %s from the stored ticket', async (_name, settings) => {
    const { world, tokens } = await platform(settings);
    const since = world.clock.now();
    await world.clock.advance(20 * MINUTE);
    await tokens.close();
    const restarted = world.manager(OPTIONS);
    const told = silencesOf(restarted);
    await restarted.start();
    // A process of a fleet knows the platforms that it has used.
    if (isFleet) await restarted.get(COMPONENT, TICKET);
    await world.clock.advance(10 * MINUTE - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toEqual([{ component: COMPONENT, since }]);
  });
});

describe('a step of the clock', () => {
  test.each([LIMIT, 24 * 60 * MINUTE])('forward by %i ms reports no silence', async (stepMs) => {
    const { world, tokens, told } = await platform();
    await world.clock.advance(MINUTE);
    world.clock.jump(stepMs);
    await world.clock.advance(10 * MINUTE);
    await putTicket(tokens, world, 'ticket@@@2');
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toHaveLength(1);
  });

  test('back by an hour neither reports a silence nor hides one', async () => {
    const { world, told } = await platform();
    await world.clock.advance(10 * MINUTE);
    world.clock.jump(-60 * MINUTE);
    await world.clock.advance(20 * MINUTE - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toHaveLength(1);
  });

  test('back by an hour does not make the next ticket an old one', async () => {
    const { world, tokens, told } = await platform();
    world.clock.jump(-60 * MINUTE);
    await world.clock.advance(10 * MINUTE);
    await putTicket(tokens, world, 'ticket@@@2');
    await world.clock.advance(LIMIT - 1);
    expect(told).toEqual([]);
    await world.clock.advance(1);
    expect(told).toHaveLength(1);
  });
});

describe('a store that is unavailable', () => {
  test('delays the report until it has shown that no other process has had a ticket', async () => {
    const { world, tokens } = await platform();
    const faulty = new FaultyStore(shared(world.store));
    const other = world.manager({ ...OPTIONS, store: faulty });
    const told = silencesOf(other);
    await other.start();
    await other.get(COMPONENT, TICKET);
    await world.clock.advance(29 * MINUTE);
    faulty.before = () => {
      throw new Error('the store is away');
    };
    await putTicket(tokens, world, 'ticket@@@2');
    await world.clock.advance(10 * MINUTE);
    expect(told).toEqual([]);
    faulty.before = () => {};
    await world.clock.advance(20 * MINUTE - 1);
    expect(told).toEqual([]);
    await world.clock.advance(2 * MINUTE);
    expect(told).toHaveLength(1);
  });

  test('that answers a check after the closing has begun causes no report', async () => {
    await using world = new World();
    const closable = new ClosableStore(shared(world.store));
    const tokens = world.manager({ ...OPTIONS, store: closable });
    const told = silencesOf(tokens);
    await tokens.register({ appid: COMPONENT, secret: SECRET, tasks: ['component_access_token'] });
    await world.clock.advance(LIMIT - 1);
    closable.slow(() => wait(world.clock, 500));
    await world.clock.advance(1);
    const closed = tokens.close();
    await world.clock.advance(LIMIT);
    await closed;
    expect(told).toEqual([]);
    expect(closable.commandsAfterClose).toBe(0);
  });
});

describe('two processes', () => {
  test('report a silence once each, also one that never refreshes', async () => {
    const { world, told } = await platform();
    const other = world.manager({ ...OPTIONS, refresh: 'never' });
    const toldThere = silencesOf(other);
    await other.start();
    await other.get(COMPONENT, TICKET);
    await world.clock.advance(LIMIT - 1);
    expect([told, toldThere]).toEqual([[], []]);
    await world.clock.advance(1);
    expect([told, toldThere].map((all) => all.length)).toEqual([1, 1]);
  });

  test('report none while either of them gets the tickets', async () => {
    const { world, tokens, told } = await platform();
    const other = world.manager(OPTIONS);
    const toldThere = silencesOf(other);
    await other.start();
    await other.get(COMPONENT, TICKET);
    for (let count = 2; count < 12; count++) {
      await world.clock.advance(10 * MINUTE);
      await putTicket(count % 2 === 0 ? tokens : other, world, `ticket@@@${count}`);
    }
    expect([told, toldThere]).toEqual([[], []]);
  });

  test('report none when the notifications of the tickets are lost', async () => {
    const { world, tokens, told } = await platform();
    const deaf = Object.assign(shared(world.store), { watch: async () => async () => {} });
    const other = world.manager({ ...OPTIONS, store: deaf });
    const toldThere = silencesOf(other);
    await other.start();
    await other.get(COMPONENT, TICKET);
    for (let count = 2; count < 12; count++) {
      await world.clock.advance(10 * MINUTE);
      await putTicket(tokens, world, `ticket@@@${count}`);
    }
    expect([told, toldThere]).toEqual([[], []]);
  });

  test('forget a platform that one of them has unregistered', async () => {
    const { world, tokens } = await platform();
    const other = world.manager(OPTIONS);
    const toldThere = silencesOf(other);
    await other.start();
    await other.get(COMPONENT, TICKET);
    await world.clock.advance(LIMIT - 1);
    await tokens.unregister(COMPONENT);
    await world.clock.advance(LIMIT);
    expect(toldThere).toEqual([]);
  });
});
