import { describe, expect, test } from 'vitest';
import { engineOf } from '../../../src/core/engine/engine-of.js';
import { createApiKey, type HandlerOptions } from '../../../src/http/index.js';
import { TokenError, type TokenManagerOptions } from '../../../src/index.js';
import { FaultyStore, shared } from '../../support/stores/shared-store.js';
import { type Answered, type Asked, HttpProcess, TASK } from '../../support/worlds/http-world.js';
import { APPID, SECRET, World } from '../../support/worlds/world.js';

const CONTRACTS = ['scheduler', 'wetoken', 'native'] as const;
const APP = `/apps/${APPID}`;
const TOKEN = `/tokens/${APPID}/access_token`;
const NATIVE = { secret: SECRET, tasks: ['access_token'] };
const LEGACY = { appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] };

/** Processes that share a store with a schedule. */
class Fleet extends World {
  constructor() {
    super({ fleet: true });
  }

  process(options: Partial<HandlerOptions> = {}, managerOptions: TokenManagerOptions = {}): HttpProcess {
    return new HttpProcess(this, { contracts: CONTRACTS, ...options }, managerOptions);
  }

  /** One whom word of what others write does not reach. */
  deaf(options: Partial<HandlerOptions> = {}): { process: HttpProcess; store: FaultyStore } {
    const store = new FaultyStore(shared(this.store));
    store.watch = async () => async () => {};
    return { process: this.process(options, { store }), store };
  }

  follower(options: Partial<HandlerOptions> = {}): HttpProcess {
    return this.process(options, { refresh: 'never' });
  }

  /** The answer, while time passes. */
  async answer(asked: Promise<Answered>, forMs = 5_000): Promise<Answered> {
    await this.clock.advance(forMs);
    return asked;
  }
}

const failingReads = (method: string): Promise<void> | undefined =>
  method === 'get' ? Promise.reject(new Error('gone')) : undefined;

const put = (body: unknown): Asked => ({ method: 'PUT', body });

describe('registrations of another process', () => {
  test.each<[string, string, object]>([
    ['scheduler', TASK, { result: 'token-1' }],
    ['wetoken', `/${APPID}/wechat/token/get`, { access_token: 'token-1' }],
    ['native', TOKEN, { value: 'token-1' }],
  ])('a process serves at once what another has registered since it was asked: %s', async (_, path, body) => {
    await using world = new Fleet();
    const one = world.process();
    const other = world.deaf().process;
    await one.ask('/registe', { body: { ...LEGACY, tasks: [] } });
    await other.ask(TASK);
    await one.ask('/registe', { body: LEGACY });
    expect((await world.answer(other.ask(path))).body).toMatchObject(body);
    expect(world.wechat.calls).toBe(1);
  });

  test('a process serves at once a subject that another has registered', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.deaf().process];
    const user = `/tokens/${APPID}/access_token?subject=user`;
    await one.ask(APP, put(NATIVE));
    expect((await other.ask(user)).status).toBe(404);
    await one.ask(APP, put({ tasks: [{ type: 'access_token', subject: 'user' }] }));
    expect((await world.answer(other.ask(user))).body).toMatchObject({
      subject: 'user',
      value: expect.stringMatching(/^token-[12]$/),
    });
  });

  test('an app that another process has unregistered is no longer served', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.process()];
    await one.ask(APP, put(NATIVE));
    await world.answer(one.ask(TOKEN));
    await other.ask(TOKEN);
    expect((await other.ask(APP, { method: 'DELETE' })).status).toBe(204);
    await world.clock.advance(0);
    expect((await one.ask(TOKEN)).body).toMatchObject({ status: 404, code: 'NOT_REGISTERED' });
    expect((await one.ask(TASK)).body).toMatchObject({ code: 400 });
    expect((await one.ask(`/${APPID}/wechat/token/get`)).body).toMatchObject({ errcode: 400 });
  });

  test('a single task that another process has unregistered is no longer served', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.process()];
    await one.ask(APP, put({ secret: SECRET, tasks: ['access_token', { type: 'access_token', subject: 'user' }] }));
    const user = `${TOKEN}?subject=user`;
    await world.answer(one.ask(user));
    expect((await other.ask(user, { method: 'DELETE' })).status).toBe(204);
    await world.clock.advance(0);
    expect((await one.ask(user)).status).toBe(404);
    expect((await world.answer(one.ask(TOKEN))).status).toBe(200);
  });
});

describe('unknown tasks', () => {
  test('an unknown task is looked up in the store, and simultaneous requests share the look-up', async () => {
    await using world = new Fleet();
    const { process, store } = world.deaf();
    await process.ask(APP, put(NATIVE));
    store.calls.length = 0;
    const asked = await Promise.all(Array.from({ length: 50 }, () => process.ask(`/task/${APPID}/1`)));
    expect(asked.every(({ body }) => (body as { code: number }).code === 400)).toBe(true);
    expect(store.calls.filter((call) => call === 'get').length).toBeLessThanOrEqual(2);
  });

  test('a look-up of an unknown task that fails is an error of the store, not of the caller', async () => {
    await using world = new Fleet();
    const { process, store } = world.deaf();
    await process.ask(APP, put(NATIVE));
    store.before = failingReads;
    expect((await process.ask(`/task/${APPID}/1`)).body).toMatchObject({ code: 503 });
    expect((await process.ask(`${TOKEN}?subject=user`)).body).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('PUT /apps/:appid', () => {
  const types = async (process: HttpProcess): Promise<string[]> => {
    const { tasks } = (await process.ask('/tokens')).body as { tasks: { id: string }[] };
    return tasks.map(({ id }) => id);
  };

  test('PUT unregisters tasks that another process has registered', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.deaf().process];
    await one.ask(
      APP,
      put({ secret: SECRET, tasks: ['access_token', { type: 'oauth2_access_token', subject: 'a/b' }] }),
    );
    await one.ask('/apps/wx-other', put(NATIVE));
    expect((await world.answer(other.ask(APP, put({ tasks: ['jsapi_ticket'] })))).status).toBe(204);
    expect(await types(one)).toEqual(['wx-other/access_token', `${APPID}/jsapi_ticket`]);
  });

  test('the later of two simultaneous PUTs in two processes wins', async () => {
    await using world = new Fleet();
    const { process: one, store } = world.deaf();
    const other = world.process();
    await one.ask(APP, put({ secret: SECRET, tasks: [] }));
    // It has registered, and has not yet looked at what else there is, when the other one comes.
    store.before = (method) =>
      method === 'list' ? new Promise((resolve) => world.clock.setTimer(resolve, 1_000)) : undefined;
    const earlier = one.ask(APP, put({ tasks: ['access_token'] }));
    await world.clock.advance(500);
    const later = other.ask(APP, put({ tasks: ['jsapi_ticket'] }));
    await world.clock.advance(5_000);
    expect([(await earlier).status, (await later).status]).toEqual([204, 204]);
    expect(await types(other)).toEqual([`${APPID}/jsapi_ticket`]);
  });

  test('a PUT with a malformed appid does not reach the store', async () => {
    await using world = new Fleet();
    const { process, store } = world.deaf();
    await process.tokens.start();
    await world.clock.advance(0);
    store.calls.length = 0;
    expect((await process.ask(`/apps/${'x'.repeat(65)}`, put(NATIVE))).status).toBe(400);
    expect(store.calls).toEqual([]);
  });
});

describe("an app's secret in the query", () => {
  const TRUST = { anonymous: false, trust: ['10.0.0.0/8'] };
  const peer = '203.0.113.9';
  const path = (secret: string, appid = APPID): string => `/${appid}/wechat/token/get?secret=${secret}`;

  test('a secret opens the routes of an app that another process has registered', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.process(TRUST)];
    await one.ask(APP, put(NATIVE));
    expect((await other.ask(path('wrong'), { peer })).status).toBe(401);
    expect((await world.answer(other.ask(path(SECRET), { peer }))).body).toMatchObject({ access_token: 'token-1' });
  });

  test('a secret changed in another process takes effect at once', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.deaf(TRUST).process];
    await one.ask(APP, put(NATIVE));
    expect((await world.answer(other.ask(path(SECRET), { peer }))).status).toBe(200);
    await one.ask(APP, put({ secret: 'another' }));
    expect((await other.ask(path('another'), { peer })).status).toBe(200);
    expect((await other.ask(path(SECRET), { peer })).status).toBe(401);
  });

  test('a secret of an unknown app leaves no documents in memory, and a malformed appid reads no store', async () => {
    await using world = new Fleet();
    const { process, store } = world.deaf(TRUST);
    await process.tokens.start();
    await world.clock.advance(0);
    store.calls.length = 0;
    expect((await process.ask(path(SECRET, '..%2f..'), { peer })).status).toBe(401);
    expect(store.calls).toEqual([]);
    // With the one before these are the 20 refusals that a peer has at once.
    for (let app = 0; app < 19; app++) expect((await process.ask(path(SECRET, `wx${app}`), { peer })).status).toBe(401);
    const { registry } = engineOf(process.tokens);
    expect([...registry.heldIds()]).toEqual([]);
    expect(registry.isCached({ appid: 'wx0', type: 'access_token' })).toBe(false);
  });

  test('a secret is not looked up for a client with a key that opens the route', async () => {
    await using world = new Fleet();
    const key = createApiKey({ scopes: ['read'] });
    const { process, store } = world.deaf({ anonymous: false, keys: [key.entry] });
    await process.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    await process.tokens.get(APPID, 'access_token');
    store.before = failingReads;
    const headers = { Authorization: `Bearer ${key.key}` };
    expect((await process.ask(path('whatever'), { headers })).body).toMatchObject({ access_token: 'token-1' });
    expect((await process.ask(path('whatever', 'wx-other'))).body).toEqual({
      errcode: 400,
      errmsg: expect.stringContaining("the store's get failed"),
    });
  });
});

test('wetoken/refresh replaces a due token that the process has not cached', async () => {
  await using world = new Fleet();
  const one = world.process();
  await one.ask(APP, put(NATIVE));
  await world.answer(one.ask(TOKEN));
  await one.tokens.close();
  world.clock.jump(6_700_000);
  const other = world.process();
  const refreshed = other.ask(`/${APPID}/wechat/token/refresh`);
  expect((await world.answer(refreshed)).body).toMatchObject({ access_token: 'token-2' });
});

describe('GET /tokens', () => {
  test('GET /tokens shows deliveries and missing functions of tasks that the process has not read', async () => {
    await using world = new Fleet();
    const one = world.process();
    const params = () => ({});
    await one.tokens.register({
      appid: APPID,
      secret: SECRET,
      tasks: [
        { type: 'access_token', notify: 'http://127.0.0.1:1/told' },
        { type: 'jsapi_ticket', params },
      ],
    });
    const told = [
      { type: 'access_token', delivery: { state: 'waiting' }, functionMissing: false },
      { type: 'jsapi_ticket', functionMissing: true },
    ];
    const other = await world.process().ask('/tokens');
    expect(other.body).toMatchObject({ tasks: told });
    expect(JSON.stringify(other.body)).not.toContain('127.0.0.1');
    // Its token may have come meanwhile.
    const [token] = ((await one.ask('/tokens')).body as { tasks: object[] }).tasks;
    expect(token).toMatchObject({
      type: 'access_token',
      delivery: { state: expect.stringMatching(/^(waiting|owed)$/) },
    });
    expect((await one.ask('/tokens')).body).toMatchObject({ tasks: [{}, { functionMissing: false }] });
  });

  test('GET /tokens lists 5,000 tasks once each, and reads no more than a page of them', async () => {
    await using world = new Fleet();
    const one = world.process();
    const subjects = Array.from({ length: 5_000 }, (_, index) => `user-${String(index).padStart(4, '0')}`);
    const tasks = subjects.map((subject) => ({ type: 'oauth2_access_token', subject }) as const);
    await one.tokens.register({ appid: APPID, secret: SECRET, tasks });
    await one.tokens.close();
    const { process, store } = world.deaf();
    await process.tokens.start();
    const found: string[] = [];
    let after = '';
    do {
      store.calls.length = 0;
      const page = (await process.ask(`/tokens?limit=1000${after}`)).body as {
        tasks: { subject: string }[];
        after?: string;
      };
      expect(store.calls.filter((call) => call === 'list').length).toBeLessThanOrEqual(11);
      found.push(...page.tasks.map(({ subject }) => subject));
      after = page.after === undefined ? '' : `&after=${encodeURIComponent(page.after)}`;
    } while (after !== '');
    expect(found).toEqual(subjects);
    // None but what it has claimed meanwhile.
    expect([...engineOf(process.tokens).registry.tasks()].length).toBeLessThan(10);
  });
});

describe('metrics and readiness', () => {
  const sample = async (process: HttpProcess, name: string): Promise<number> => {
    const { body } = await process.ask('/metrics');
    const line = (body as string).split('\n').find((each) => each.startsWith(`wechat_token_manager_${name} `));
    return Number(line?.split(' ').at(-1));
  };
  const tasks = async (process: HttpProcess): Promise<unknown> =>
    ((await process.ask('/readyz')).body as { tasks?: unknown }).tasks;

  test('metrics and readiness cover the tasks that the process holds and read no others', async () => {
    await using world = new Fleet();
    const one = world.process();
    await one.ask(APP, put(NATIVE));
    await world.answer(one.ask(TOKEN));
    const { process: other, store } = world.deaf();
    await other.tokens.start();
    await world.clock.advance(5_000);
    expect(await sample(one, 'tasks{state="fresh"}')).toBe(1);
    expect(await tasks(one)).toEqual({ total: 1, troubled: 0 });
    store.list = () => {
      throw new Error('the store was listed');
    };
    expect(await sample(other, 'tasks{state="fresh"}')).toBe(0);
    expect(await tasks(other)).toEqual({ total: 0, troubled: 0 });
    await other.ask(TOKEN);
    await world.clock.advance(5_000);
    expect(await sample(other, 'tasks{state="fresh"}')).toBe(1);
    expect(await sample(other, 'task_expiry_seconds_count')).toBe(1);
  });

  test('a task without a known token is not counted, and one that has failed or waits is', async () => {
    await using world = new Fleet();
    const [one, other] = [world.process(), world.process()];
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40125 });
    await other.tokens.start();
    const users = ['user', 'unasked'].map((subject) => ({ type: 'oauth2_access_token', subject }) as const);
    await one.ask(APP, put({ ...NATIVE, tasks: ['access_token', ...users] }));
    await one.tokens.put(APPID, 'oauth2_access_token', { value: 'x', expiresInSeconds: 7_200 }, { subject: 'user' });
    await engineOf(other.tokens).registry.load(users.map((user) => ({ appid: APPID, ...user })));
    await other.tokens.get(APPID, 'oauth2_access_token', { subject: 'unasked' }).catch(() => {});
    await world.answer(other.ask(TOKEN));
    await world.clock.advance(5_000);
    const troubled = (await other.ask('/readyz')).body;
    expect(troubled).toEqual({ status: 'ready', tasks: { total: 2, troubled: 2 } });
    expect(await sample(other, 'tasks{state="missing"}')).toBe(1);
    expect(await sample(other, 'tasks{state="waiting"}')).toBe(1);
  });

  test('counting tasks keeps no record in memory', async () => {
    await using world = new Fleet();
    const process = world.process({}, { maxCachedRecords: 2 });
    const tokenOf = (subject: string): string => `${TOKEN}?subject=${subject}`;
    const named = ['a', 'b', 'c'].map((subject) => ({ type: 'access_token', subject }));
    await process.ask(APP, put({ secret: SECRET, tasks: named }));
    const isHeld = (subject: string): boolean => process.tokens.peek(APPID, 'access_token', { subject }) !== undefined;
    await world.clock.advance(10_000);
    for (const subject of ['b', 'a']) await process.ask(tokenOf(subject));
    await world.clock.advance(5_000);
    await process.ask('/metrics');
    await process.ask(tokenOf('c'));
    expect(['a', 'b', 'c'].map(isHeld)).toEqual([true, false, true]);
  });
});

describe('a server without refreshes', () => {
  test('a server without refreshes serves what others have refreshed', async () => {
    await using world = new Fleet();
    const [one, follower] = [world.process(), world.follower()];
    await one.ask(APP, put(NATIVE));
    await world.answer(one.ask(TOKEN));
    expect((await follower.ask(TOKEN)).body).toMatchObject({ value: 'token-1' });
    expect((await follower.ask(TASK)).body).toMatchObject({ code: 200, result: 'token-1' });
    const path = `/${APPID}/wechat/token`;
    expect((await follower.ask(`${path}/get`)).body).toMatchObject({ access_token: 'token-1' });
    expect((await follower.ask(`${path}/refresh`)).body).toMatchObject({ access_token: 'token-1' });
    world.clock.jump(7_150_000);
    expect((await follower.ask(`${path}/get`)).body).toMatchObject({ access_token: 'token-1', expires_in: 45 });
    expect(world.wechat.calls).toBe(1);
  });

  test('a server without refreshes answers REFRESH_DISABLED when the store has no token', async () => {
    await using world = new Fleet();
    const follower = world.follower();
    expect((await follower.ask(APP, put(NATIVE))).status).toBe(204);
    const message = "this process does not refresh (refresh: 'never'), and the store has no unexpired access_token";
    const native = await follower.ask(TOKEN);
    expect([native.status, native.body]).toEqual([
      503,
      { type: 'about:blank', status: 503, detail: message, code: 'REFRESH_DISABLED' },
    ]);
    expect(await follower.ask(TASK)).toMatchObject({ status: 200, body: { code: 503, message, result: null } });
    const wetoken = await follower.ask(`/${APPID}/wechat/token/get`);
    expect(wetoken).toMatchObject({ status: 200, body: { errcode: 400, errmsg: message } });
    expect(world.wechat.calls).toBe(0);
  });

  test.each([
    ['native', `${TOKEN}/refresh`, 503, { value: 'token-2' }],
    ['scheduler', TASK, 200, { code: 200, result: 'token-2' }],
  ])('a stale report waits for another process, and force is refused: %s', async (_, path, refused, body) => {
    await using world = new Fleet();
    const [one, follower] = [world.process(), world.follower()];
    await one.ask(APP, put(NATIVE));
    await world.answer(one.ask(TOKEN));
    const stale = follower.ask(path, { body: { stale: 'token-1' } });
    expect((await world.answer(stale, 10_000)).body).toMatchObject(body);
    const forced = await follower.ask(path, { body: { force: true } });
    expect(forced.status).toBe(refused);
    expect(JSON.stringify(forced.body)).toContain('so that it cannot force a refresh');
    expect(world.wechat.calls).toBe(2);
  });

  test('a stale report that no process refreshes is TIMEOUT at the deadline of the caller', async () => {
    await using world = new Fleet();
    const [one, follower] = [world.process(), world.follower()];
    await one.ask(APP, put(NATIVE));
    await world.answer(one.ask(TOKEN));
    await one.tokens.close();
    const stale = follower.ask(`${TOKEN}/refresh`, { body: { stale: 'token-1' } });
    expect((await world.answer(stale, 25_000)).body).toMatchObject({ status: 504, code: 'TIMEOUT' });
  });

  test('a server without refreshes registers and unregisters, and others act on it', async () => {
    await using world = new Fleet();
    const [one, follower] = [world.process(), world.follower()];
    await one.tokens.start();
    const body = { ...LEGACY, tasks: [{ type: 0, notify: 'http://127.0.0.1:1/told' }] };
    expect((await follower.ask('/registe', { body })).body).toMatchObject({ code: 200 });
    await world.clock.advance(3_000);
    expect((await follower.ask(TASK)).body).toMatchObject({ result: 'token-1' });
    expect((await one.ask('/tokens')).body).toMatchObject({ tasks: [{ state: 'fresh', delivery: {} }] });
    expect((await follower.ask(APP, { method: 'DELETE' })).status).toBe(204);
    await world.clock.advance(0);
    expect((await one.ask(TOKEN)).status).toBe(404);
  });

  test('a server without refreshes is ready, has metrics and the page, and lists all tasks', async () => {
    await using world = new Fleet();
    const [one, follower] = [world.process(), world.follower()];
    await one.ask(APP, put(NATIVE));
    await world.answer(one.ask(TOKEN));
    await follower.ask(TOKEN);
    expect(await follower.ask('/readyz')).toMatchObject({ status: 200, body: { tasks: { total: 1, troubled: 0 } } });
    expect((await follower.ask('/metrics')).body).toContain(
      'wechat_token_manager_refreshes_total{type="access_token",source="store"} 1',
    );
    expect((await follower.ask('/')).status).toBe(200);
    expect((await follower.ask('/tokens')).body).toMatchObject({ tasks: [{ appid: APPID, state: 'fresh' }] });
  });
});
