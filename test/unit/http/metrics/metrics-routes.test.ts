import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { createApiKey, type HandlerOptions } from '../../../../src/http/index.js';
import { TaskCensuses } from '../../../../src/http/manager/task-census.js';
import { TokenError } from '../../../../src/index.js';
import { PACKAGE_VERSION } from '../../../../src/version.js';
import { HttpWorld } from '../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const PREFIX = 'wechat_token_manager_';

async function registered(options: Partial<HandlerOptions> = {}): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: ['native'], ...options });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  return world;
}

async function scrape(world: HttpWorld, headers: Record<string, string> = {}): Promise<Response> {
  return world.handler.fetch(new Request('http://tokens.test/metrics', { headers }));
}

/** The values of a family's samples, by the rest of the line. */
async function scraped(
  world: HttpWorld,
  name: string,
  headers?: Record<string, string>,
): Promise<Record<string, number>> {
  const lines = (await (await scrape(world, headers)).text()).split('\n');
  const samples = lines.filter(
    (line) => line.startsWith(PREFIX + name) && !/^\w/.test(line.slice((PREFIX + name).length)),
  );
  return Object.fromEntries(
    samples.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice((PREFIX + name).length, end), Number(line.slice(end + 1))];
    }),
  );
}

describe('the format of /metrics', () => {
  test('the format is the classic one unless OpenMetrics is requested', async () => {
    await using world = await registered();
    const classic = await scrape(world);
    expect(classic.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(classic.headers.get('cache-control')).toBe('no-store');
    expect(classic.headers.get('vary')).toBe('Accept');
    expect(await classic.text()).not.toContain('# EOF');
    const asked = await scrape(world, { Accept: 'application/openmetrics-text; version=1.0.0' });
    expect(asked.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect((await asked.text()).endsWith('\n# EOF\n')).toBe(true);
  });

  test('every line of the metrics has the prefix of the library', async () => {
    await using world = await registered();
    await world.tokens.get(APPID, 'access_token');
    for (const line of (await (await scrape(world)).text()).trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) )?wechat_token_manager_[a-z_]+/);
    }
  });
});

describe('metrics of this process', () => {
  test('new tokens are counted by type, source and reason', async () => {
    await using world = await registered();
    await world.tokens.get(APPID, 'access_token');
    await world.tokens.refresh(APPID, 'access_token', { force: true });
    await world.tokens.put(APPID, 'jsapi_ticket', { value: 'CANARY-ticket', expiresInSeconds: 60 });
    expect(await scraped(world, 'refreshes_total')).toEqual({
      '{type="access_token",source="upstream",reason="demand"}': 1,
      '{type="access_token",source="upstream",reason="forced"}': 1,
      '{type="jsapi_ticket",source="put"}': 1,
    });
  });

  test('failures are counted by code', async () => {
    await using world = await registered();
    world.wechat.next(new TokenError('UPSTREAM_REJECTED', 'CANARY', { errcode: 40125 }));
    await world.tokens.get(APPID, 'access_token').catch(() => {});
    const counts = await scraped(world, 'refresh_failures_total');
    expect(counts).toMatchObject({
      '{code="UPSTREAM_REJECTED"}': 1,
      '{code="QUOTA_EXHAUSTED"}': 0,
      '{code="OTHER"}': 0,
    });
  });

  test('a lease that another process holds is counted each time it is requested', async () => {
    await using world = await registered({ contracts: ['native'] });
    await world.tokens.get(APPID, 'access_token');
    expect(await scraped(world, 'lease_contentions_total')).toEqual({ '': 0 });
    const lease = await world.store.lease(`key/${APPID}/access_token`, 5_000);
    const refreshed = world.tokens.refresh(APPID, 'access_token', { force: true });
    await world.clock.advance(2_000);
    await lease?.release();
    await world.clock.advance(2_000);
    await refreshed;
    expect((await scraped(world, 'lease_contentions_total'))['']).toBeGreaterThan(0);
  });

  test('requests to WeChat are timed by their outcome', async () => {
    await using world = await registered();
    world.wechat.next(async ({ request }) => {
      await request({ method: 'GET', path: '/cgi-bin/no-such-path' });
      return {};
    });
    await world.tokens.get(APPID, 'access_token', { timeoutMs: 200 }).catch(() => {});
    const counts = await scraped(world, 'upstream_request_duration_seconds_count');
    expect(counts).toEqual({ '{outcome="answered"}': 0, '{outcome="UPSTREAM_UNAVAILABLE"}': 1 });
  });

  test('a store that fails is shown at once', async () => {
    await using world = await registered();
    await world.tokens.get(APPID, 'access_token');
    expect(await scraped(world, 'store_available')).toEqual({ '': 1 });
    world.store.get = () => Promise.reject(new Error('away'));
    await world.tokens.getRecord(APPID, 'wx_card_ticket').catch(() => {});
    expect(await scraped(world, 'store_available')).toEqual({ '': 0 });
  });

  test('build_info has the version of the package, and the start time lies in the past', async () => {
    await using world = await registered();
    const manifest = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'));
    expect(PACKAGE_VERSION).toBe(manifest.version);
    expect(await scraped(world, 'build_info')).toEqual({ [`{version="${PACKAGE_VERSION}"}`]: 1 });
    const { '': startedAt = 0 } = await scraped(world, 'process_start_time_seconds');
    expect(startedAt).toBeGreaterThan(1.7e9);
    expect(startedAt * 1_000).toBeLessThanOrEqual(Date.now());
  });
});

describe('metrics of tasks', () => {
  /** Tasks whose tokens have 7200 s, 600 s, none, and have ended 100 s ago. */
  async function fourTasks(options: Partial<HandlerOptions> = {}): Promise<HttpWorld> {
    const world = await registered(options);
    await world.tokens.get(APPID, 'access_token');
    for (const [subject, expiresInSeconds] of [
      ['soon', 600],
      ['ended', 60],
      ['none', 0],
    ] as const) {
      const tasks = [{ type: 'oauth2_access_token', subject }] as const;
      await world.tokens.register({ appid: 'wx-users', secret: SECRET, tasks });
      const grant = { value: 'CANARY', expiresInSeconds };
      if (expiresInSeconds > 0) await world.tokens.put('wx-users', 'oauth2_access_token', grant, { subject });
    }
    await world.clock.advance(100_000);
    return world;
  }

  test('tasks are counted by state', async () => {
    await using world = await fourTasks();
    expect(await scraped(world, 'tasks')).toEqual({
      '{state="fresh"}': 2,
      '{state="due"}': 0,
      '{state="expired"}': 0,
      '{state="missing"}': 0,
      '{state="waiting"}': 2,
    });
    expect(await scraped(world, 'waiting_tasks')).toEqual({
      '{waiting_for="push"}': 0,
      '{waiting_for="refresh_token"}': 2,
      '{waiting_for="dependency"}': 0,
      '{waiting_for="params"}': 0,
      '{waiting_for="store"}': 0,
      '{waiting_for="process"}': 0,
    });
  });

  test('a task that waits for a failing token is counted as waiting, and both are troubled', async () => {
    await using world = await registered();
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40125 });
    await world.tokens.register({ appid: 'wx-other', secret: SECRET, tasks: ['access_token', 'jsapi_ticket'] });
    await world.clock.advance(10_000);
    const census = await new TaskCensuses(engineOf(world.tokens)).of(new Set(['wx-other']));
    const { states, waiting, troubled } = census;
    expect(states).toMatchObject({ missing: 1, waiting: 1 });
    expect(waiting).toMatchObject({ dependency: 1 });
    expect(troubled).toBe(2);
  });

  test('a token that is to be refreshed is counted as due', async () => {
    await using world = await registered();
    await world.tokens.get(APPID, 'access_token');
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no');
    const { dueAt } = await dueOf(world);
    await world.clock.advance(dueAt - world.clock.now() + 1);
    expect(await scraped(world, 'tasks')).toMatchObject({ '{state="fresh"}': 0, '{state="due"}': 1 });
  });

  async function dueOf(world: HttpWorld): Promise<{ dueAt: number }> {
    for await (const { dueAt } of world.tokens.status()) if (dueAt !== undefined) return { dueAt };
    throw new Error('there is no task that has a token');
  }

  test('remaining lifetimes are a histogram, and tasks without a token are in its first bucket', async () => {
    await using world = await fourTasks();
    expect(await scraped(world, 'task_expiry_seconds_bucket')).toMatchObject({
      '{le="0"}': 2,
      '{le="300"}': 2,
      '{le="600"}': 3,
      '{le="7200"}': 4,
      '{le="+Inf"}': 4,
    });
    expect(await scraped(world, 'task_expiry_seconds_count')).toEqual({ '': 4 });
    expect(await scraped(world, 'task_expiry_seconds_sum')).toEqual({ '': 7_100 + 500 });
  });

  test('the tasks that expire first are named, in order of expiry', async () => {
    await using world = await fourTasks();
    expect(Object.entries(await scraped(world, 'worst_task_expiry_seconds'))).toEqual([
      ['{appid="wx-users",type="oauth2_access_token",subject="ended"}', -40],
      ['{appid="wx-users",type="oauth2_access_token",subject="none"}', 0],
      ['{appid="wx-users",type="oauth2_access_token",subject="soon"}', 500],
      [`{appid="${APPID}",type="access_token"}`, 7_100],
    ]);
  });

  test('at most twenty tasks are named, those that expire first', async () => {
    await using world = await registered();
    const subjects = Array.from({ length: 60 }, (_, index) => `user-${(index * 37) % 60}`);
    const tasks = subjects.map((subject) => ({ type: 'oauth2_access_token', subject }) as const);
    await world.tokens.register({ appid: APPID, tasks });
    for (const subject of subjects) {
      const grant = { value: 'CANARY', expiresInSeconds: 1_000 + Number(subject.slice(5)) };
      await world.tokens.put(APPID, 'oauth2_access_token', grant, { subject });
    }
    await world.tokens.get(APPID, 'access_token');
    const named = Object.values(await scraped(world, 'worst_task_expiry_seconds'));
    expect(named).toEqual(Array.from({ length: 20 }, (_, index) => 1_000 + index));
    expect(await (await scrape(world)).text()).not.toContain('user-20');
  });

  test('a subject with special characters breaks no line', async () => {
    await using world = await registered();
    const subject = 'a"b\\c}{,=';
    await world.tokens.register({ appid: APPID, tasks: [{ type: 'oauth2_access_token', subject }] });
    const names = Object.keys(await scraped(world, 'worst_task_expiry_seconds'));
    expect(names).toContain(`{appid="${APPID}",type="oauth2_access_token",subject="a\\"b\\\\c}{,="}`);
  });

  test('a key for some apps sees only their tasks, in every number', async () => {
    const all = createApiKey({ scopes: ['read'] });
    const some = createApiKey({ scopes: ['read'], appids: [APPID, 'wx-unknown'] });
    await using world = await fourTasks({ anonymous: false, keys: [all.entry, some.entry] });
    const [everything, limited] = [all, some].map(({ key }) => ({ Authorization: `Bearer ${key}` }));
    expect(await scraped(world, 'task_expiry_seconds_count', everything)).toEqual({ '': 4 });
    expect(await scraped(world, 'task_expiry_seconds_count', limited)).toEqual({ '': 1 });
    expect(Object.keys(await scraped(world, 'worst_task_expiry_seconds', limited))).toEqual([
      `{appid="${APPID}",type="access_token"}`,
    ]);
    expect(await (await scrape(world, limited)).text()).not.toContain('wx-users');
  });

  test('tasks are counted once in five seconds at most', async () => {
    await using world = await registered();
    await world.tokens.get(APPID, 'access_token');
    expect(await scraped(world, 'task_expiry_seconds_count')).toEqual({ '': 1 });
    await world.tokens.register({ appid: 'wx-new', secret: SECRET, tasks: ['access_token'] });
    await world.clock.advance(4_999);
    expect(await scraped(world, 'task_expiry_seconds_count')).toEqual({ '': 1 });
    await world.clock.advance(1);
    expect(await scraped(world, 'task_expiry_seconds_count')).toEqual({ '': 2 });
  });

  test('counting tasks does not read the store', async () => {
    await using world = await fourTasks();
    const untouched = (): never => {
      throw new Error('the store was read');
    };
    Object.assign(world.store, { get: untouched, list: untouched, now: untouched });
    expect(await scraped(world, 'task_expiry_seconds_count')).toEqual({ '': 4 });
  });
});

describe('the tickets in /metrics', () => {
  const PLATFORMS = ['wxcomponent000000', 'wxcomponent000001'] as const;
  const HALF_AN_HOUR = 30 * 60_000;

  async function twoPlatforms(options: Partial<HandlerOptions> = {}): Promise<HttpWorld> {
    const world = await registered(options);
    for (const appid of PLATFORMS)
      await world.tokens.register({ appid, secret: SECRET, tasks: ['component_access_token'] });
    await world.tokens.put(PLATFORMS[0], 'component_verify_ticket', { value: 'CANARY', expiresInSeconds: 43_200 });
    return world;
  }

  test('the age of a ticket is shown for each platform that has had one', async () => {
    await using world = await twoPlatforms();
    await world.clock.advance(90_000);
    expect(await scraped(world, 'verify_ticket_age_seconds')).toEqual({ [`{appid="${PLATFORMS[0]}"}`]: 90 });
  });

  test('the platforms without a new ticket for 30 minutes are counted', async () => {
    await using world = await twoPlatforms();
    await world.clock.advance(HALF_AN_HOUR - 1);
    expect(await scraped(world, 'verify_tickets_missing')).toEqual({ '': 0 });
    await world.clock.advance(1);
    expect(await scraped(world, 'verify_tickets_missing')).toEqual({ '': 2 });
    await world.tokens.put(PLATFORMS[0], 'component_verify_ticket', { value: 'CANARY-2', expiresInSeconds: 43_200 });
    expect(await scraped(world, 'verify_tickets_missing')).toEqual({ '': 1 });
  });

  test('a key for some apps sees the tickets of these alone', async () => {
    const { key, entry } = createApiKey({ scopes: ['read'], appids: [PLATFORMS[1]] });
    await using world = await twoPlatforms({ anonymous: false, keys: [entry] });
    await world.clock.advance(HALF_AN_HOUR);
    const headers = { Authorization: `Bearer ${key}` };
    expect(await scraped(world, 'verify_tickets_missing', headers)).toEqual({ '': 1 });
    expect(await scraped(world, 'verify_ticket_age_seconds', headers)).toEqual({});
  });
});

describe('access to /metrics', () => {
  test('the metrics are shown to a key with the scope read, and to no other', async () => {
    const reads = createApiKey({ scopes: ['read'] });
    const registers = createApiKey({ scopes: ['register'] });
    await using world = await registered({ anonymous: false, keys: [reads.entry, registers.entry] });
    const statusOf = async (key?: string): Promise<number> =>
      (await scrape(world, key === undefined ? {} : { Authorization: `Bearer ${key}` })).status;
    expect([await statusOf(), await statusOf(registers.key), await statusOf(reads.key)]).toEqual([401, 403, 200]);
  });

  test('the metrics show no secret in either format', async () => {
    await using world = await registered();
    const token = await world.tokens.get(APPID, 'access_token');
    world.wechat.next(new TokenError('UPSTREAM_REJECTED', SECRET, { errmsg: SECRET }));
    await world.tokens.refresh(APPID, 'access_token', { force: true }).catch(() => {});
    for (const accept of ['*/*', 'application/openmetrics-text']) {
      const text = await (await scrape(world, { Accept: accept })).text();
      expect(text).toContain(APPID);
      expect([text.includes('CANARY'), text.includes(token), text.includes('http')]).toEqual([false, false, false]);
    }
  });

  test('the metrics of a closed manager are 503', async () => {
    await using world = await registered();
    await world.tokens.close();
    const { status, body } = await world.ask('/metrics');
    expect([status, body]).toMatchObject([503, { code: 'CLOSED' }]);
  });
});
