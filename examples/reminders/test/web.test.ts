import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { validate } from './support/openapi.js';
import { NO_REDIS, skips } from './support/redis.js';
import { type Answer, APPID, NOON, World } from './support/world.js';

const GOOD = { contentId: 'c-1', hour: 8, minute: 30, detail: 'Tea' };
let users = 0;

describe.skipIf(skips)(`the routes${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;
  let openid: string;
  let session: string;

  beforeAll(async () => {
    world = await World.start();
  });

  afterAll(() => world?.close());

  beforeEach(async () => {
    await world.reset();
    openid = `o-web-${users++}`;
    session = await world.logIn(openid);
  });

  test('the routes are described as OpenAPI', async () => {
    expect(await validate(world.openapi)).toEqual([]);
    expect(Object.keys((world.openapi as { paths: object }).paths).sort()).toEqual([
      '/consents',
      '/create/{type}',
      '/reminders',
      '/reminders/{id}',
      '/sessions',
    ]);
    expect(world.openapi).toMatchObject({
      paths: { '/sessions': { delete: { responses: { 204: {}, '4XX': {}, '5XX': {} } } } },
    });
    expect(await world.ask('GET', '/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
  });

  describe('POST /sessions', () => {
    test('a login starts a session for a code of wx.login, once, without an access token', async () => {
      const code = world.wechat.createCode(APPID, 'o-alice');
      expect(await world.ask('POST', '/sessions', { code })).toMatchObject({
        status: 201,
        body: { session: expect.stringMatching(/^[\w-]{43}$/), expiresInSeconds: 604_800 },
      });
      expect(await world.ask('POST', '/sessions', { code })).toMatchObject({
        status: 400,
        body: { error: { code: 'code' } },
      });
    });

    test('a login gets 503 while WeChat does not answer, and reveals nothing of the secret', async () => {
      const clear = world.wechat.fail('/sns/jscode2session', 'reset');
      const answer = await world.ask('POST', '/sessions', { code: 'x' });
      clear();
      expect(answer).toMatchObject({ status: 503, body: { error: { code: 'wechat' } } });
      expect(world.logged.join('') + JSON.stringify(answer)).not.toContain('secret-of-the-test');
    });

    test('a login gets 403 for a user whom WeChat has blocked, so that it is not retried', async () => {
      world.wechat.fail('/sns/jscode2session', { errcode: 40_226 }, { times: 1 });
      expect(await world.ask('POST', '/sessions', { code: 'x' })).toMatchObject({
        status: 403,
        body: { error: { code: 'blocked' } },
      });
    });

    test('the store holds no token of a session', async () => {
      const names = await world.database.keys('{reminders}:session:*');
      expect(names.length).toBeGreaterThan(0);
      expect(names.join()).not.toContain(session);
    });
  });

  describe('DELETE /sessions', () => {
    test('a logout ends the session of its request at once, and no other', async () => {
      const code = world.wechat.createCode(APPID, 'o-leaves');
      const other = String((await world.ask('POST', '/sessions', { code }))['body']['session']);
      const ended = await world.logIn('o-leaves');
      expect(await world.ask('DELETE', '/sessions', undefined, ended)).toEqual({ status: 204, body: {} });
      expect(await world.ask('GET', '/reminders', undefined, ended)).toMatchObject({ status: 401 });
      expect(await world.ask('DELETE', '/sessions', undefined, ended)).toMatchObject({ status: 401 });
      expect(await world.ask('GET', '/reminders', undefined, other)).toMatchObject({ status: 200 });
      expect(await world.ask('GET', '/reminders', undefined, session)).toMatchObject({ status: 200 });
    });
  });

  test.each([
    ['GET', '/reminders'],
    ['DELETE', '/sessions'],
    ['POST', '/create/0'],
    ['POST', '/consents'],
    ['PATCH', '/reminders/x'],
    ['DELETE', '/reminders/x'],
  ])('%s %s answers 401 without a session and with an unknown or expired one', async (method, path) => {
    const body = { POST: path === '/consents' ? { nonce: 'nonce-00000' } : GOOD, PATCH: { hour: 9 } }[method];
    const expected = { status: 401, body: { error: { code: 'unauthorized' } } };
    expect(await world.ask(method, path, body)).toMatchObject(expected);
    expect(await world.ask(method, path, body, 'x'.repeat(43))).toMatchObject(expected);
    const expired = await world.logIn('o-expired');
    for (const name of await world.database.keys('{reminders}:session:*')) {
      if ((await world.database.get(name)) === 'o-expired') await world.database.pexpire(name, 0);
    }
    expect(await world.ask(method, path, body, expired)).toMatchObject(expected);
  });

  describe('POST /create/:type', () => {
    test('a new reminder is daily and in Shanghai by default', async () => {
      expect(await world.ask('POST', '/create/1', GOOD, session)).toMatchObject({
        status: 201,
        body: {
          type: 1,
          zone: 'Asia/Shanghai',
          weekdays: [1, 2, 3, 4, 5, 6, 7],
          nextAt: Date.parse('2026-11-30T00:30:00Z'),
          nextLocal: '2026-11-30 08:30',
          state: 'active',
          version: 1,
          outcomes: [],
        },
      });
    });

    test('a creation adds one job, for the instant', async () => {
      const { id, instant } = await world.createDue(session);
      const jobs = await world.database.zrange('{reminders}:bull:occurrences:delayed', '0', '-1');
      expect(jobs).toEqual([`${id}-${instant}`]);
    });

    test.each([
      ['hour', 24],
      ['hour', -1],
      ['hour', '8'],
      ['hour', 8.5],
      ['minute', 60],
      ['minute', null],
      ['zone', 'Mars/Base'],
      ['zone', '+08:00'],
      ['zone', ''],
      ['weekdays', []],
      ['weekdays', [0]],
      ['weekdays', [8]],
      ['weekdays', [1, 1]],
      ['detail', ''],
      ['detail', '  '],
      ['detail', '\uD800'],
      ['detail', '🍵'.repeat(11)],
      ['detail', '茶'.repeat(21)],
      ['detail', 'x'.repeat(10_240)],
      ['detail', 'bell\u0007'],
      ['detail', 'left\u202Eright'],
      ['detail', 'two\nlines'],
      ['contentId', ''],
      ['contentId', '../etc'],
      ['color', 'red'],
    ])('a creation with %s %j gets 400 and names the field', async (field, value) => {
      const answer = await world.ask('POST', '/create/0', { ...GOOD, [field]: value }, session);
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { code: expect.stringMatching(/^(invalid|zone|detail)$/) } },
      });
      if (field !== 'color') expect(JSON.stringify(answer.body)).toContain(field);
      expect((await world.list(session)).reminders).toEqual([]);
    });

    test.each([['茶'.repeat(20)], ['🍵'.repeat(10)]])('a detail of 20 characters is accepted', async (detail) => {
      expect(await world.ask('POST', '/create/0', { ...GOOD, detail }, session)).toMatchObject({
        status: 201,
        body: { detail },
      });
    });

    test.each(['/create/2', '/create/-1', '/create/x', '/create/00'])(
      'POST %s answers 400, as there are two types',
      async (path) => {
        expect(await world.ask('POST', path, GOOD, session)).toMatchObject({ status: 400 });
      },
    );

    test.each([
      ['{"hour":8', 400],
      ['[]', 400],
      ['null', 400],
      [`"${'x'.repeat(20_000)}"`, 413],
    ])('a creation without a JSON object for a body is refused', async (body, status) => {
      expect(await world.ask('POST', '/create/0', body, session)).toMatchObject({ status, body: { error: {} } });
    });

    test('the 101st reminder of a user is refused with 409, also when many requests come at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 130 }, () => world.ask('POST', '/create/0', GOOD, session)),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(100);
      expect(answers.find(({ status }) => status !== 201)).toMatchObject({
        status: 409,
        body: { error: { code: 'too_many' } },
      });
      expect((await world.list(session)).reminders).toHaveLength(100);
    });
  });

  describe('POST /create/:type with a nonce', () => {
    const create = (more: object = {}, as = session, type = 0): Promise<Answer> =>
      world.ask('POST', `/create/${type}`, { ...GOOD, nonce: 'nonce-12345', ...more }, as);
    const made = async (as = session): Promise<number> => (await world.list(as)).reminders.length;
    const creations = (): string => `{reminders}:creations:${openid}`;
    /** Notes nonces of the user that are kept until that many seconds from now. */
    const keep = async (count: number, seconds: number): Promise<void> => {
      const [now] = await world.database.time();
      const kept = Array.from({ length: count }, (_, index) => [`kept-${index}`, `${Number(now) + seconds} x y 1 1`]);
      await world.database.hset(creations(), Object.fromEntries(kept));
    };

    test('ten simultaneous requests with one nonce create one reminder and get the same answer', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => create()));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(answers[0]).toMatchObject({ status: 201, body: { hour: 8, outcomes: [], version: 1 } });
      expect(await made()).toBe(1);
      expect(await world.database.zcard('{reminders}:bull:occurrences:delayed')).toBe(1);
    });

    test('a retry with the nonce creates no second reminder when the first was written but got 503', async () => {
      await world.database.client('PAUSE', 2_300, 'WRITE');
      expect(await create()).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
      const answer = await create();
      expect(answer).toMatchObject({ status: 201, body: { hour: 8 } });
      expect((await world.list(session)).reminders).toMatchObject([{ id: answer.body['id'] }]);
    });

    test('a retry with the nonce gets the first answer even after the reminder was edited or deleted', async () => {
      const first = await create();
      const path = `/reminders/${first.body['id']}`;
      await world.ask('PATCH', path, { hour: 9 }, session);
      world.clock.set(NOON + 3 * 86_400_000);
      expect(await create()).toEqual(first);
      expect((await world.list(session)).reminders).toMatchObject([{ hour: 9 }]);
      await world.ask('DELETE', path, undefined, session);
      expect(await create()).toEqual(first);
      expect(await made()).toBe(0);
    });

    test('a retry with the nonce may have its fields in another order', async () => {
      const first = await create({ zone: 'Asia/Shanghai' });
      const { contentId, hour, minute, detail } = GOOD;
      const body = { nonce: 'nonce-12345', detail, minute, hour, contentId };
      expect(await world.ask('POST', '/create/0', body, session)).toEqual(first);
    });

    test('a nonce with another choice gets 409 and creates nothing', async () => {
      await create();
      const expected = { status: 409, body: { error: { code: 'nonce' } } };
      expect(await create({ minute: 31 })).toMatchObject(expected);
      expect(await create({ weekdays: [1] })).toMatchObject(expected);
      expect(await create({}, session, 1)).toMatchObject(expected);
      expect(await made()).toBe(1);
    });

    test('a nonce belongs to its user alone', async () => {
      const other = await world.logIn('o-other-nonce');
      const [mine, theirs] = [await create(), await create({}, other)];
      expect(theirs).toMatchObject({ status: 201 });
      expect(theirs.body['id']).not.toBe(mine.body['id']);
    });

    test('a nonce is remembered for a day, and only when a reminder was created', async () => {
      expect(await create({ hour: 24 })).toMatchObject({ status: 400 });
      expect(await world.database.exists(creations())).toBe(0);
      await create();
      expect(await world.database.ttl(creations())).toBeGreaterThan(86_390);
    });

    test.each([
      [-1, 201, 1],
      [60, 429, 500],
    ])('a nonce beside 500 others that are kept for %i s more gets %i', async (seconds, status, kept) => {
      await keep(500, seconds);
      expect(await create()).toMatchObject({ status });
      expect(await world.database.hlen(creations())).toBe(kept);
      expect(await made()).toBe(status === 201 ? 1 : 0);
    });

    test.each(['short', 'x'.repeat(65), 'with space', 12_345_678])(
      'a creation with the nonce %j gets 400',
      async (nonce) => {
        expect(await create({ nonce })).toMatchObject({ status: 400 });
      },
    );
  });

  describe('PATCH and DELETE /reminders/:id', () => {
    test('an edit moves exactly its own job', async () => {
      const [first, second] = [await world.createDue(session), await world.createDue(session, { minute: 2 })];
      const answer = await world.ask('PATCH', `/reminders/${first.id}`, { minute: 40, detail: 'Later' }, session);
      expect(answer).toMatchObject({ status: 200, body: { minute: 40, detail: 'Later', hour: 12, version: 2 } });
      const jobs = await world.database.zrange('{reminders}:bull:occurrences:delayed', '0', '-1');
      expect(jobs.sort()).toEqual([`${first.id}-${NOON + 40 * 60_000}`, `${second.id}-${second.instant}`].sort());
    });

    test('an edit of the words leaves the job where it is', async () => {
      const { id, instant } = await world.createDue(session);
      await world.ask('PATCH', `/reminders/${id}`, { detail: 'Coffee' }, session);
      expect(await world.database.zrange('{reminders}:bull:occurrences:delayed', '0', '-1')).toEqual([
        `${id}-${instant}`,
      ]);
    });

    test('ten simultaneous edits leave the job of the current edit', async () => {
      const { id } = await world.createDue(session);
      const edits = Array.from({ length: 10 }, (_, index) =>
        world.ask('PATCH', `/reminders/${id}`, { minute: 10 + index }, session),
      );
      await Promise.all(edits);
      const [reminder] = (await world.list(session)).reminders;
      const jobs = await world.database.zrange('{reminders}:bull:occurrences:delayed', '0', '-1');
      expect(jobs).toContain(`${id}-${String(reminder?.['nextAt'])}`);
    });

    test.each([[{}], [{ hour: 24 }], [{ type: 1 }], [{ zone: 'Mars/Base' }]])(
      'an edit with %j gets 400 and changes nothing',
      async (body) => {
        const { id, instant } = await world.createDue(session);
        expect(await world.ask('PATCH', `/reminders/${id}`, body, session)).toMatchObject({ status: 400 });
        expect((await world.list(session)).reminders).toMatchObject([{ nextAt: instant, version: 1 }]);
      },
    );

    test("a request for another user's reminder gets 404 and changes nothing", async () => {
      const { id } = await world.createDue(session);
      const other = await world.logIn('o-other');
      const expected = { status: 404, body: { error: { code: 'not_found' } } };
      expect(await world.ask('PATCH', `/reminders/${id}`, { hour: 9 }, other)).toMatchObject(expected);
      expect(await world.ask('DELETE', `/reminders/${id}`, undefined, other)).toMatchObject(expected);
      expect((await world.list(other)).reminders).toEqual([]);
      expect((await world.list(session)).reminders).toMatchObject([{ id, hour: 12 }]);
    });

    test('PUT does the same as PATCH, for wx.request, which has no PATCH', async () => {
      const { id } = await world.createDue(session);
      expect(await world.ask('PUT', `/reminders/${id}`, { minute: 40 }, session)).toMatchObject({
        status: 200,
        body: { minute: 40, version: 2 },
      });
    });

    test('a deletion may declare a JSON body without having one, as wx.request does', async () => {
      const { id } = await world.createDue(session);
      const headers = { authorization: `Bearer ${session}`, 'content-type': 'application/json' };
      const { status } = await fetch(`${world.origin}/reminders/${id}`, { method: 'DELETE', headers });
      expect(status).toBe(204);
    });

    test('a deletion removes the job too, and a second one gets 404', async () => {
      const { id } = await world.createDue(session);
      expect(await world.ask('DELETE', `/reminders/${id}`, undefined, session)).toEqual({ status: 204, body: {} });
      expect(await world.database.zcard('{reminders}:bull:occurrences:delayed')).toBe(0);
      expect(await world.ask('DELETE', `/reminders/${id}`, undefined, session)).toMatchObject({ status: 404 });
    });
  });

  describe('POST /consents', () => {
    test('the credits stop at a thousand, and no nonce is kept beyond', async () => {
      const [name = ''] = await world.database.keys('{reminders}:credits:*');
      await world.database.set(name, 1_000);
      expect(await world.ask('POST', '/consents', { nonce: 'nonce-beyond' }, session)).toMatchObject({
        body: { credits: 1_000 },
      });
      expect(await world.database.keys('{reminders}:consent:*nonce-beyond')).toEqual([]);
    });

    test('a consent counts once per nonce and user, even when it comes ten times at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => world.ask('POST', '/consents', { nonce: 'nonce-12345' }, session)),
      );
      expect(answers.map(({ body }) => body['credits'])).toEqual(Array.from({ length: 10 }, () => 2));
      const other = await world.logIn('o-consents', 0);
      expect(await world.ask('POST', '/consents', { nonce: 'nonce-12345' }, other)).toMatchObject({
        body: { credits: 1 },
      });
    });

    test.each([
      [{}],
      [{ nonce: 'short' }],
      [{ nonce: 'x'.repeat(65) }],
      [{ nonce: 'with space' }],
      [{ nonce: 12_345_678 }],
    ])('a consent with %j gets 400', async (body) => {
      expect(await world.ask('POST', '/consents', body, session)).toMatchObject({ status: 400 });
    });
  });

  test.each([
    ['GET', '/reminder'],
    ['PUT', '/reminder/x'],
    ['GET', '/create/0'],
  ])('%s %s answers 404', async (method, path) => {
    expect(await world.ask(method, path, undefined, session)).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
  });

  test.each([
    [`/reminders/${'x'.repeat(200)}`, 414],
    ['/reminders/%E0%A4%A', 400],
  ])('DELETE %s is refused in the form of every error', async (path, status) => {
    expect(await world.ask('DELETE', path, undefined, session)).toMatchObject({
      status,
      body: { error: { code: 'invalid' } },
    });
  });

  test('every route answers 503 while Redis is unavailable, and nothing is half done', async () => {
    const { id } = await world.createDue(session);
    await world.redis.stopServer();
    const expected = { status: 503, body: { error: { code: 'unavailable' } } };
    const asked = [
      ['GET', '/reminders'],
      ['POST', '/create/0', GOOD],
      ['PATCH', `/reminders/${id}`, { hour: 9 }],
      ['DELETE', `/reminders/${id}`],
      ['POST', '/consents', { nonce: 'nonce-54321' }],
      ['DELETE', '/sessions'],
      ['POST', '/sessions', { code: world.wechat.createCode(APPID, 'o-away') }],
      ['GET', '/readyz'],
    ] as const;
    for (const [method, path, body] of asked)
      expect(await world.ask(method, path, body, session)).toMatchObject(expected);
    expect(await world.ask('GET', '/healthz')).toMatchObject({ status: 200 });
    await world.redis.startServer();
    await world.untilReady();
    expect(await world.list(session)).toMatchObject({ credits: 1, reminders: [{ id, hour: 12, version: 1 }] });
  });
});
