import { describe, expect, test } from 'vitest';
import { type AppStatus, type AppStatusQuery, appStatus } from '../../../../src/core/pushes/app-status.js';
import type { VerifyTicketState } from '../../../../src/core/pushes/verify-tickets.js';
import { openStorage } from '../../../support/worlds/storage.js';
import { World } from '../../../support/worlds/world.js';

const LIMIT = 30 * 60_000;
const PLAIN = { token: 'CANARY-push-token' };
const ENCRYPTED = { ...PLAIN, encodingAesKey: ['CANARYkey', 'CANARYold'].map((key) => key.padEnd(43, 'k')) };
const MISSING = { missing: true, reason: expect.stringContaining('30 minutes'), remedy: expect.any(String) };

/** Stands for what one process knows of the tickets and pushes of its apps. */
interface Known {
  readonly tickets?: Readonly<Record<string, Pick<VerifyTicketState, 'lastTicketAt' | 'isMissing'>>>;
  readonly lastPushes?: Readonly<Record<string, number>>;
}

async function withApps(...appids: string[]): Promise<World> {
  const world = new World();
  const tokens = world.manager({ refreshers: [] });
  for (const appid of appids) await tokens.register({ appid, secret: 'CANARY-secret', push: PLAIN });
  return world;
}

async function putTicket(world: World, appid: string): Promise<void> {
  const obtainedAt = world.clock.now();
  const grant = { value: 'CANARY-ticket', expiresInSeconds: 43_200, obtainedAt };
  await world.manager({ refreshers: [] }).put(appid, 'component_verify_ticket', grant);
}

function shown(world: World, query: Partial<AppStatusQuery> = {}, known: Known = {}): Promise<AppStatus[]> {
  const { tickets = {}, lastPushes = {} } = known;
  const stateOf = (appid: string): VerifyTicketState | undefined => {
    const state = tickets[appid];
    return state && { appid, since: 0, silentMs: 0, ...state };
  };
  return appStatus(
    { appids: undefined, after: undefined, limit: 100, ...query },
    {
      ...openStorage(world.store, world.clock),
      clock: world.clock,
      tickets: { stateOf },
      lastPushes: { of: (appid) => lastPushes[appid] },
    },
  );
}

const names = (apps: readonly AppStatus[]): string[] => apps.map(({ appid }) => appid);

describe('the list of apps', () => {
  test.each<[string, Partial<AppStatusQuery>, string[]]>([
    ['all apps', {}, ['wx1', 'wx2', 'wx3']],
    ['the first apps', { limit: 2 }, ['wx1', 'wx2']],
    ['the apps after one', { after: 'wx1' }, ['wx2', 'wx3']],
    ['the apps after one that is not registered', { after: 'wx10' }, ['wx2', 'wx3']],
    ['the apps that are asked about, in order', { appids: new Set(['wx3', 'wx1']) }, ['wx1', 'wx3']],
    ['the first of those that are asked about', { appids: new Set(['wx3', 'wx1']), limit: 1 }, ['wx1']],
    ['those that are asked about after one', { appids: new Set(['wx3', 'wx2', 'wx1']), after: 'wx1' }, ['wx2', 'wx3']],
    ['no app that is not registered', { appids: new Set(['wx0', 'wx2']) }, ['wx2']],
    ['no app if none is asked about', { appids: new Set() }, []],
  ])('the list of apps shows %s', async (_, query, expected) => {
    await using world = await withApps('wx3', 'wx1', 'wx2');
    expect(names(await shown(world, query))).toEqual(expected);
  });

  test('the list of apps that are asked about is read in batches, and only as far as it is shown', async () => {
    const appids = Array.from({ length: 250 }, (_, index) => `wx${String(index).padStart(3, '0')}`);
    await using world = await withApps(...appids);
    const reads: number[] = [];
    const get = world.store.get.bind(world.store);
    world.store.get = (ids) => {
      if (ids[0]?.startsWith('app/') === true) reads.push(ids.length);
      return get(ids);
    };
    expect(names(await shown(world, { appids: new Set(appids), limit: 150 }))).toEqual(appids.slice(0, 150));
    expect(names(await shown(world, { appids: new Set(appids), limit: 100 }))).toEqual(appids.slice(0, 100));
    expect(reads).toEqual([100, 100, 100]);
    expect(names(await shown(world, { appids: new Set(appids), limit: 300 }))).toEqual(appids);
  });
});

test('the list of apps shows the settings of pushes without their secrets, and the last push to this process', async () => {
  await using world = new World();
  const tokens = world.manager({ refreshers: [] });
  await tokens.register({ appid: 'wx1', secret: 'CANARY-secret' });
  await tokens.register({ appid: 'wx2', secret: 'CANARY-secret', push: PLAIN });
  await tokens.register({ appid: 'wx3', secret: 'CANARY-secret', push: ENCRYPTED });
  const apps = await shown(world, {}, { lastPushes: { wx3: 5 } });
  expect(apps).toEqual([
    { appid: 'wx1', push: undefined, verifyTicket: undefined },
    { appid: 'wx2', push: { mode: 'plain', keys: 0, lastPushAt: undefined }, verifyTicket: undefined },
    { appid: 'wx3', push: { mode: 'encrypted', keys: 2, lastPushAt: 5 }, verifyTicket: undefined },
  ]);
  expect(JSON.stringify(apps)).not.toContain('CANARY');
});

test('of an app whose document is of a newer release only the name is shown, beside the others', async () => {
  await using world = await withApps('wx1', 'wx2');
  const [stored] = await world.store.get(['app/wx1']);
  await world.store.set('app/wx1', { format: 99 }, stored?.version ?? 0);
  const apps = await shown(world);
  expect(names(apps)).toEqual(['wx1', 'wx2']);
  expect(apps.map(({ push }) => push?.mode)).toEqual([undefined, 'plain']);
});

describe('the ticket of an app in the list', () => {
  const ticketOf = async (world: World, known?: Known) => (await shown(world, {}, known))[0]?.verifyTicket;

  test.each([
    [LIMIT - 1, false],
    [LIMIT, true],
  ])('a stored ticket that is %i ms old is missing: %s', async (ageMs, missing) => {
    await using world = await withApps('wx1');
    await putTicket(world, 'wx1');
    const obtainedAt = world.clock.now();
    await world.clock.advance(ageMs);
    const expected = missing ? { obtainedAt, ...MISSING } : { obtainedAt, missing };
    expect(await ticketOf(world)).toEqual(expected);
  });

  test('a stored ticket is missing if this process, which knows it, has measured the silence', async () => {
    await using world = await withApps('wx1');
    await putTicket(world, 'wx1');
    const obtainedAt = world.clock.now();
    const known = { tickets: { wx1: { lastTicketAt: obtainedAt, isMissing: true } } };
    expect(await ticketOf(world, known)).toEqual({ obtainedAt, ...MISSING });
    await world.clock.advance(LIMIT);
    const other = { tickets: { wx1: { lastTicketAt: obtainedAt, isMissing: false } } };
    expect(await ticketOf(world, other)).toEqual({ obtainedAt, missing: false });
  });

  test('a stored ticket that this process has not seen ends the silence that it knows', async () => {
    await using world = await withApps('wx1');
    await putTicket(world, 'wx1');
    const obtainedAt = world.clock.now();
    const known = { tickets: { wx1: { lastTicketAt: obtainedAt - 2 * LIMIT, isMissing: true } } };
    expect(await ticketOf(world, known)).toEqual({ obtainedAt, missing: false });
  });

  test('a platform without a stored ticket has what this process knows of it', async () => {
    await using world = await withApps('wx1');
    const none = { tickets: { wx1: { lastTicketAt: undefined, isMissing: true } } };
    expect(await ticketOf(world, none)).toEqual({ obtainedAt: undefined, ...MISSING });
    const one = { tickets: { wx1: { lastTicketAt: 5, isMissing: false } } };
    expect(await ticketOf(world, one)).toEqual({ obtainedAt: 5, missing: false });
  });

  test('a stored ticket that cannot be read is shown as none, and the tickets of other apps as they are', async () => {
    await using world = await withApps('wx1', 'wx2');
    await world.store.set('key/wx1/component_verify_ticket', { format: 99 }, 0);
    await putTicket(world, 'wx2');
    const apps = await shown(world);
    expect(apps.map(({ verifyTicket }) => verifyTicket?.obtainedAt)).toEqual([undefined, world.clock.now()]);
  });

  test('the tickets of more apps than one read takes are shown beside their own app', async () => {
    const appids = Array.from({ length: 102 }, (_, index) => `wx${String(index).padStart(3, '0')}`);
    await using world = await withApps(...appids);
    await putTicket(world, 'wx101');
    const apps = await shown(world, { limit: 200 });
    expect(names(apps.filter(({ verifyTicket }) => verifyTicket !== undefined))).toEqual(['wx101']);
  });
});
