import { describe, expect, test } from 'vitest';
import { createApiKey, type HandlerOptions } from '../../../../../src/http/index.js';
import { PushToken } from '../../../../../src/platform/envelope/push-token.js';
import { HttpProcess, HttpWorld } from '../../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../../support/worlds/world.js';

const PLATFORM = 'wxcomponent000000';
const SILENT = 'wxsilent000000000';
const PUSH = {
  token: 'CANARY-push-token',
  encodingAesKey: ['CANARYkey', 'CANARYold'].map((key) => key.padEnd(43, 'k')),
};
const LIMIT = 30 * 60_000;

interface ListedApp {
  readonly appid: string;
  readonly verifyTicket?: { readonly missing: boolean };
}

interface AppList {
  readonly apps: ListedApp[];
  readonly after?: string;
}

async function putTicket({ tokens, clock }: HttpWorld, appid: string): Promise<void> {
  const grant = { value: `CANARY-ticket-${appid}`, expiresInSeconds: 43_200, obtainedAt: clock.now() };
  await tokens.put(appid, 'component_verify_ticket', grant);
}

/** Returns the query of a push in plain mode. */
function signedQuery(now: number): string {
  const fields = { timestamp: String(Math.floor(now / 1_000)), nonce: 'n0nce' };
  const signature = new PushToken(PUSH.token, 'token').sign(fields);
  return new URLSearchParams({ ...fields, signature }).toString();
}

/** Returns a world with an ordinary app, a platform that has had a ticket, and one that has had none. */
async function threeApps(options: Partial<HandlerOptions> = {}): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: ['native', 'push'], ...options });
  await world.tokens.register({ appid: APPID, secret: SECRET, push: { token: PUSH.token }, tasks: ['access_token'] });
  await world.tokens.register({ appid: PLATFORM, secret: SECRET, push: PUSH });
  await world.tokens.register({ appid: SILENT, secret: SECRET, tasks: ['component_access_token'] });
  await putTicket(world, PLATFORM);
  return world;
}

async function listed(world: Pick<HttpWorld, 'ask'>, query = ''): Promise<AppList> {
  const { status, body } = await world.ask(`/apps${query}`);
  expect(status).toBe(200);
  expect(JSON.stringify(body)).not.toContain('CANARY');
  return body as AppList;
}

describe('GET /apps', () => {
  test('shows the settings of pushes and the tickets of apps, without their secrets', async () => {
    await using world = await threeApps();
    const obtainedAt = world.clock.now();
    expect(await listed(world)).toEqual({
      apps: [
        { appid: APPID, push: { mode: 'plain', keys: 0 } },
        { appid: PLATFORM, push: { mode: 'encrypted', keys: 2 }, verifyTicket: { obtainedAt, missing: false } },
        { appid: SILENT, verifyTicket: { missing: false } },
      ],
    });
  });

  test('shows the last push whose signature was right', async () => {
    await using world = await threeApps();
    await world.clock.advance(1_000);
    const message =
      '<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1767225601</CreateTime><MsgType>text</MsgType></xml>';
    const push = (query: string): ReturnType<HttpWorld['ask']> =>
      world.ask(`/push/${APPID}?${query}`, { body: message, headers: { 'Content-Type': 'text/xml' } });
    await push('signature=wrong&timestamp=1&nonce=1');
    expect((await listed(world)).apps[0]).toEqual({ appid: APPID, push: { mode: 'plain', keys: 0 } });
    const pushedAt = world.clock.now();
    expect(await push(signedQuery(pushedAt))).toMatchObject({ status: 200, body: 'success' });
    await world.clock.advance(1_000);
    expect((await listed(world)).apps[0]).toMatchObject({ push: { lastPushAt: pushedAt } });
  });

  test('names the remedy of a platform whose ticket is missing, until one comes', async () => {
    await using world = await threeApps();
    await world.clock.advance(LIMIT);
    const trouble = { missing: true, reason: expect.stringContaining('30 minutes'), remedy: expect.any(String) };
    expect(await listed(world)).toMatchObject({ apps: [{}, { verifyTicket: trouble }, { verifyTicket: trouble }] });
    await putTicket(world, SILENT);
    const { apps } = await listed(world, `?appid=${SILENT}`);
    expect(apps).toEqual([{ appid: SILENT, verifyTicket: { obtainedAt: world.clock.now(), missing: false } }]);
  });

  test('judges a platform that another process serves by its stored ticket', async () => {
    await using world = await threeApps();
    const other = new HttpProcess(world, { contracts: ['native'] });
    await world.clock.advance(LIMIT - 1);
    const missingOf = async (): Promise<unknown> =>
      (await listed(other, `?appid=${PLATFORM}`)).apps.map(({ verifyTicket }) => verifyTicket?.missing);
    expect(await missingOf()).toEqual([false]);
    await world.clock.advance(1);
    expect(await missingOf()).toEqual([true]);
  });

  test('is read page by page', async () => {
    await using world = await threeApps();
    const first = await listed(world, '?limit=2');
    expect(first).toMatchObject({ apps: [{ appid: APPID }, { appid: PLATFORM }], after: PLATFORM });
    expect(await listed(world, `?limit=2&after=${first.after}`)).toMatchObject({ apps: [{ appid: SILENT }] });
    const last = await listed(world, '?limit=3');
    expect(last.apps).toHaveLength(3);
    expect(last.after).toBeUndefined();
  });

  test('shows a key its own apps alone', async () => {
    const { key, entry } = createApiKey({ scopes: ['read'], appids: [SILENT, PLATFORM, 'wxnone00000000000'] });
    const { key: registers, entry: other } = createApiKey({ scopes: ['register'] });
    await using world = await threeApps({ anonymous: false, keys: [entry, other] });
    const ask = (path: string, by = key): ReturnType<HttpWorld['ask']> =>
      world.ask(path, { headers: { Authorization: `Bearer ${by}` } });
    const own = (await ask('/apps')).body as AppList;
    expect(own.apps.map(({ appid }) => appid)).toEqual([PLATFORM, SILENT]);
    const first = (await ask('/apps?limit=1')).body as AppList;
    expect(first).toMatchObject({ apps: [{ appid: PLATFORM }], after: PLATFORM });
    expect((await ask(`/apps?limit=1&after=${PLATFORM}`)).body).toMatchObject({ apps: [{ appid: SILENT }] });
    expect((await ask(`/apps?appid=${APPID}`)).status).toBe(403);
    expect((await ask('/apps', registers)).status).toBe(403);
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', 'after=%00', 'after=app/x', 'appid=..%2F'])(
    'with ?%s is 400',
    async (query) => {
      await using world = await threeApps();
      expect((await world.ask(`/apps?${query}`)).status).toBe(400);
    },
  );
});

describe('a platform without a new ticket', () => {
  test('is counted in the body of /readyz, which stays 200', async () => {
    await using world = await threeApps();
    expect(await world.ask('/readyz')).toMatchObject({
      status: 200,
      body: { platforms: { total: 2, ticketMissing: 0 } },
    });
    await world.clock.advance(LIMIT);
    await putTicket(world, PLATFORM);
    expect(await world.ask('/readyz')).toMatchObject({
      status: 200,
      body: { platforms: { total: 2, ticketMissing: 1 } },
    });
  });

  test('is absent from the body of /readyz where there is no platform', async () => {
    await using world = new HttpWorld({ contracts: ['native'] });
    await world.tokens.register({ appid: APPID, secret: SECRET, push: PUSH });
    expect((await world.ask('/readyz')).body).not.toHaveProperty('platforms');
  });
});
