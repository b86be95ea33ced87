import { describe, expect, onTestFinished, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import type { VerifyTickets } from '../../../../src/core/pushes/verify-tickets.js';
import type { TokenManager } from '../../../../src/index.js';
import { World } from '../../../support/worlds/world.js';

const APPID = 'wxcomponent000000';
const SECRET = 'CANARY-secret-of-the-platform';
const PUSH = { token: 'CANARY-push-token', encodingAesKey: 'CANARYkey'.padEnd(43, 'k') };
const LIMIT = 30 * 60_000;
const MERCHANT = { type: 'authorizer_access_token' as const, subject: 'wxmerchant0000000' };
const COMPONENT = 'component_access_token';

interface Scene {
  readonly world: World;
  readonly tokens: TokenManager;
  readonly tickets: VerifyTickets;
  /** The ends of silences that were reported to the listener. */
  readonly ended: string[];
  readonly told: number[];
}

/** Returns a process that does not reach WeChat, with an app of these settings. */
async function processWith(settings: object = { push: PUSH }): Promise<Scene> {
  const world = new World();
  onTestFinished(() => world[Symbol.asyncDispose]());
  const tokens = world.manager({ refreshers: [], wechat: { origins: ['http://127.0.0.1:1'] } });
  const { tickets } = engineOf(tokens);
  const ended: string[] = [];
  tickets.listen({ silenceEnded: (appid, why) => void ended.push(`${appid} ${why}`) });
  const told: number[] = [];
  tokens.on('verifyTicketMissing', ({ since }) => void told.push(since));
  await tokens.register({ appid: APPID, secret: SECRET, ...settings });
  return { world, tokens, tickets, ended, told };
}

async function putTicket({ tokens, world }: Scene, value = 'ticket@@@1'): Promise<number> {
  const obtainedAt = world.clock.now();
  await tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200, obtainedAt });
  return obtainedAt;
}

describe('the state of the tickets of a platform', () => {
  test('the tickets of a platform are missing once no new one has come for 30 minutes', async () => {
    const scene = await processWith();
    const { world, tickets } = scene;
    await world.clock.advance(1_000);
    const lastTicketAt = await putTicket(scene);
    await world.clock.advance(LIMIT - 1);
    const state = { appid: APPID, lastTicketAt, since: lastTicketAt, silentMs: LIMIT - 1, isMissing: false };
    expect(tickets.stateOf(APPID)).toEqual(state);
    await world.clock.advance(1);
    expect([...tickets.states()]).toEqual([{ ...state, silentMs: LIMIT, isMissing: true }]);
  });

  test('the tickets of a platform that has had none are counted from its registration', async () => {
    const { world, tickets } = await processWith({ tasks: [COMPONENT] });
    const since = world.clock.now();
    await world.clock.advance(5_000);
    const state = { appid: APPID, lastTicketAt: undefined, since, silentMs: 5_000, isMissing: false };
    expect([...tickets.states()]).toEqual([state]);
  });

  test('an app that is not known to be a platform has no state of tickets', async () => {
    const { tokens, tickets } = await processWith();
    await tokens.register({ appid: 'wxplain0000000000', secret: SECRET, push: { token: PUSH.token } });
    expect([APPID, 'wxplain0000000000', 'wxunknown00000000'].map((appid) => tickets.stateOf(appid))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([...tickets.states()]).toEqual([]);
  });

  test('an app that is found to be a platform has the ticket that it has had before', async () => {
    const scene = await processWith({});
    const { tokens, tickets, world } = scene;
    const lastTicketAt = await putTicket(scene);
    expect(tickets.stateOf(APPID)).toBeUndefined();
    await world.clock.advance(5_000);
    await tokens.register({ appid: APPID, secret: SECRET, push: PUSH });
    expect(tickets.stateOf(APPID)).toMatchObject({ lastTicketAt, silentMs: 5_000 });
  });

  test('a platform that takes pushes is known by its first task, however many follow', async () => {
    const { tokens, tickets, world } = await processWith();
    const since = world.clock.now();
    await world.clock.advance(1_000);
    for (const tasks of [[COMPONENT], [COMPONENT, MERCHANT]] as const) {
      await tokens.register({ appid: APPID, secret: SECRET, push: PUSH, tasks: [...tasks] });
      expect(tickets.stateOf(APPID)).toMatchObject({ since, silentMs: 1_000 });
    }
  });

  test('an app is a platform as long as it has a task that needs a ticket', async () => {
    const { tokens, tickets } = await processWith({ tasks: [COMPONENT, MERCHANT, 'access_token'] });
    await tokens.unregister(APPID, COMPONENT);
    expect(tickets.stateOf(APPID)).toBeDefined();
    await tokens.unregister(APPID, MERCHANT.type, { subject: MERCHANT.subject });
    expect([tickets.stateOf(APPID), [...tickets.states()]]).toEqual([undefined, []]);
  });
});

describe('the end of a silence', () => {
  test('the listener hears of the new ticket that ends a silence, and of no other', async () => {
    const scene = await processWith();
    const { world, ended, told } = scene;
    await putTicket(scene);
    await world.clock.advance(LIMIT - 1);
    await putTicket(scene, 'ticket@@@2');
    expect([ended, told]).toEqual([[], []]);
    await world.clock.advance(LIMIT);
    expect([ended, told.length]).toEqual([[], 1]);
    await putTicket(scene, 'ticket@@@3');
    await putTicket(scene, 'ticket@@@4');
    expect(ended).toEqual([`${APPID} recovered`]);
  });

  test('another token of a platform does not end its silence', async () => {
    const scene = await processWith({ push: PUSH, tasks: ['access_token'] });
    const { world, tokens, tickets, ended } = scene;
    await putTicket(scene);
    await world.clock.advance(LIMIT);
    const obtainedAt = world.clock.now();
    await tokens.put(APPID, 'access_token', { value: 'CANARY-token', expiresInSeconds: 7_200, obtainedAt });
    expect([ended, tickets.stateOf(APPID)?.isMissing]).toEqual([[], true]);
  });

  test('the listener hears that a platform was unregistered during a silence, and only then', async () => {
    const scene = await processWith();
    const { world, tokens, ended } = scene;
    await putTicket(scene);
    await tokens.unregister(APPID);
    await tokens.register({ appid: APPID, secret: SECRET, push: PUSH });
    await putTicket(scene, 'ticket@@@2');
    expect(ended).toEqual([]);
    await world.clock.advance(LIMIT);
    await tokens.unregister(APPID);
    expect(ended).toEqual([`${APPID} gone`]);
  });

  test('a silence that was reported is neither ended nor reported again by other settings of the platform', async () => {
    const scene = await processWith();
    const { world, tokens, tickets, ended, told } = scene;
    await putTicket(scene);
    await world.clock.advance(LIMIT);
    await tokens.register({ appid: APPID, secret: 'CANARY-new-secret', push: PUSH, tasks: [COMPONENT] });
    await world.clock.advance(LIMIT);
    expect([ended, told.length, tickets.stateOf(APPID)?.isMissing]).toEqual([[], 1, true]);
  });
});

test('a platform that waits for its first ticket is checked no more after its manager was closed', async () => {
  const { world, tokens, told } = await processWith({ tasks: [COMPONENT] });
  const closed = tokens.close();
  await world.clock.advance(20_000);
  await closed;
  await world.clock.advance(LIMIT);
  expect([told, world.clock.pendingTimers]).toEqual([[], 0]);
});
