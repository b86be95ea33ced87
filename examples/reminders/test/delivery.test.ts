import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Due } from '../src/delivery/delivery.js';
import { GRACE_MS } from '../src/redis/occurrences.js';
import { NO_REDIS, skips } from './support/redis.js';
import { APPID, NOON, TEMPLATE, World } from './support/world.js';

const SEND_PATH = '/cgi-bin/message/subscribe/send';
const DAY_MS = 86_400_000;
let users = 0;

describe.skipIf(skips)(`the delivery of an occurrence${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;
  let openid: string;
  let session: string;
  let due: Due;

  beforeAll(async () => {
    world = await World.start();
  });

  afterAll(() => world?.close());

  beforeEach(async () => {
    await world.reset();
    openid = `o-user-${users++}`;
    session = await world.logIn(openid);
    due = await world.createDue(session);
  });

  const clears: (() => void)[] = [];

  function answerWith(fault: Parameters<World['wechat']['fail']>[1], times?: number): void {
    clears.push(world.wechat.fail(SEND_PATH, fault, times === undefined ? {} : { times }));
  }

  afterEach(() => {
    for (const clear of clears.splice(0)) clear();
  });

  const outcomes = async (): Promise<unknown> => (await world.list(session)).reminders[0]?.['outcomes'];
  const arrived = (): number => world.wechat.messages.filter((message) => message.openid === openid).length;

  test('a delivery sends the message once and returns the next instant', async () => {
    expect(await world.deliver(due)).toEqual({ due: { id: due.id, instant: due.instant + DAY_MS } });
    expect(world.wechat.messages.at(-1)).toMatchObject({
      openid,
      templateId: TEMPLATE,
      data: { thing1: { value: 'Tea' }, time2: { value: '2026年11月29日 12:01' } },
    });
    const [outcome] = (await outcomes()) as unknown[];
    const local = '2026-11-29 12:01';
    expect(outcome).toEqual({ instant: due.instant, local, state: 'sent', reason: '', errcode: 0, attempts: 1 });
  });

  test('a job that comes again after its message was sent does nothing', async () => {
    await world.deliver(due);
    expect(await world.deliver(due)).toBeUndefined();
    expect(arrived()).toBe(1);
  });

  test('ten workers with the same job send its message once', async () => {
    world.wechat.delayMs = 100;
    await Promise.all(Array.from({ length: 10 }, () => world.deliver(due)));
    world.wechat.delayMs = 0;
    expect(arrived()).toBe(1);
    expect(await outcomes()).toMatchObject([{ state: 'sent' }]);
  });

  test('an occurrence whose worker ended between claim and write is unknown and not sent again', async () => {
    await world.occurrences.claim(due.id, due.instant, due.instant);
    expect(await world.deliver(due)).toMatchObject({ due: { instant: due.instant + DAY_MS } });
    expect(arrived()).toBe(0);
    expect(await outcomes()).toMatchObject([{ state: 'unknown', reason: 'a worker ended while it was sending' }]);
  });

  test('an occurrence whose worker ended while sending is unknown even if the reminder is edited afterwards', async () => {
    await world.occurrences.claim(due.id, due.instant, due.instant);
    world.clock.set(due.instant + 1_000);
    await world.ask('PATCH', `/reminders/${due.id}`, { minute: 30 }, session);
    // Its job has to stay: nothing else would find the claim.
    expect(await world.database.exists(`{reminders}:bull:occurrences:${due.id}-${due.instant}`)).toBe(1);
    expect(await world.deliver(due, { lateMs: 60_000 })).toBeUndefined();
    expect(await outcomes()).toMatchObject([{ state: 'unknown' }]);
  });

  test('an occurrence is not sent again when the clock of the web server is behind that of the worker', async () => {
    await world.deliver(due);
    world.clock.set(due.instant - 1_000);
    await world.ask('PATCH', `/reminders/${due.id}`, { zone: 'Etc/UTC' }, session);
    const [reminder] = (await world.list(session)).reminders;
    expect(reminder?.['nextAt']).toBe(due.instant);
    expect(await world.deliver(due)).toEqual({ due: { id: due.id, instant: due.instant + DAY_MS } });
    expect(arrived()).toBe(1);
    expect(await world.occurrences.totals()).toEqual({ sent: 1 });
  });

  test('an occurrence refused as busy is skipped, with its credit back, when another worker has taken over', async () => {
    answerWith({ errcode: -1 }, 1);
    world.wechat.delayMs = 300;
    const slow = world.deliver(due);
    await world.wechat.nextCall(SEND_PATH);
    await world.deliver(due);
    expect(await slow).toBeUndefined();
    world.wechat.delayMs = 0;
    expect(await outcomes()).toMatchObject([{ state: 'skipped', reason: 'WeChat is busy' }]);
    expect(await world.list(session)).toMatchObject({ credits: 1 });
    expect(await world.occurrences.totals()).toEqual({ skipped: 1, unknown: 0 });
  });

  test('an edit of the words alone leaves a pending retry in place', async () => {
    answerWith({ errcode: -1 }, 1);
    await world.deliver(due);
    await world.ask('PATCH', `/reminders/${due.id}`, { detail: 'Coffee' }, session);
    await world.deliver(due, { lateMs: 60_000 });
    expect(await outcomes()).toMatchObject([{ instant: due.instant, state: 'sent', attempts: 2 }]);
    expect(world.wechat.messages.at(-1)).toMatchObject({ data: { thing1: { value: 'Coffee' } } });
  });

  test('an occurrence is recorded as sent when a worker that was presumed dead has sent it', async () => {
    world.wechat.delayMs = 300;
    const slow = world.deliver(due);
    await world.wechat.nextCall(SEND_PATH);
    await world.deliver(due);
    expect(await outcomes()).toMatchObject([{ state: 'unknown' }]);
    await slow;
    world.wechat.delayMs = 0;
    expect(await outcomes()).toMatchObject([{ state: 'sent' }]);
    expect(await world.occurrences.totals()).toEqual({ sent: 1, unknown: 0 });
  });

  test.each([
    ['a broken connection', 'reset'],
    ['an answer that is lost', 'lost'],
    ['a page instead of an answer', 'html'],
    ['an answer that breaks off', 'broken-json'],
    ['an answer without a code', { answer: {} }],
    ['an answer whose code is null', { answer: { errcode: null } }],
    ['an answer whose code is a list', { answer: { errcode: [0] } }],
    ['an answer that is null', { status: 200, body: 'null' }],
    ['an answer that is a list', { status: 200, body: '[]' }],
    ['an error of a gateway', { status: 502, body: '<html>' }],
  ] as const)('an occurrence is unknown after %s, and its credit is used up', async (_what, fault) => {
    answerWith(fault);
    await world.deliver(due);
    await world.deliver(due);
    expect(await outcomes()).toMatchObject([{ state: 'unknown', attempts: 1 }]);
    expect(await world.list(session)).toMatchObject({ credits: 0, needsConsent: true });
  });

  test.each([[-1], [45_009], [45_011]])(
    'an occurrence waits for a retry after error %i, and its credit is returned',
    async (errcode) => {
      answerWith({ errcode }, 1);
      const next = await world.deliver(due);
      expect(next).toMatchObject({ retryAt: expect.any(Number) });
      expect(await outcomes()).toMatchObject([{ state: 'waiting', errcode }]);
      expect(await world.list(session)).toMatchObject({ credits: 1 });
      await world.deliver(due, { lateMs: 60_000 });
      expect(await outcomes()).toMatchObject([{ state: 'sent', attempts: 2 }]);
    },
  );

  test.each([
    [GRACE_MS - 1, 'sent'],
    [GRACE_MS, 'sent'],
    [GRACE_MS + 1, 'skipped'],
  ])('an occurrence that is %i ms late is %s', async (lateMs, state) => {
    await world.deliver(due, { lateMs });
    expect(await outcomes()).toMatchObject([{ state, reason: state === 'sent' ? '' : 'too late' }]);
  });

  test.each([
    [GRACE_MS - 1_000, 'waiting'],
    [GRACE_MS - 999, 'skipped'],
  ])('an occurrence that is %i ms late and refused with -1 is %s', async (lateMs, state) => {
    answerWith({ errcode: -1 });
    await world.deliver(due, { lateMs });
    expect(await outcomes()).toMatchObject([{ state, reason: 'WeChat is busy', errcode: -1 }]);
  });

  test('one occurrence is skipped for each day that the service was unavailable', async () => {
    let next: Awaited<ReturnType<World['deliver']>> = { due };
    for (let day = 0; day < 3 && next !== undefined && 'due' in next; day++) {
      world.clock.set(due.instant + 3 * DAY_MS);
      next = await world.delivery.deliver(next.due);
    }
    expect(await outcomes()).toMatchObject([{ state: 'skipped' }, { state: 'skipped' }, { state: 'skipped' }]);
    expect(next).toEqual({ due: { id: due.id, instant: due.instant + 3 * DAY_MS } });
  });

  test('error 43101 sets the credits to 0, asks for consent, and keeps the next occurrence from being sent', async () => {
    for (let index = 1; index < 4; index++)
      await world.ask('POST', '/consents', { nonce: `more-${openid}-${index}` }, session);
    world.wechat.refusePrompts(APPID, openid);
    const next = await world.deliver(due);
    expect(await world.list(session)).toMatchObject({ credits: 0, needsConsent: true });
    const sends = world.sends;
    if (next === undefined || !('due' in next)) throw new Error('the reminder has no next occurrence');
    await world.deliver(next.due);
    expect(world.sends).toBe(sends);
    expect(await outcomes()).toMatchObject([
      { state: 'skipped', reason: 'no accepted prompt is left' },
      { state: 'failed', errcode: 43_101 },
    ]);
  });

  test('error 43101 leaves a prompt that was accepted while the message was sent', async () => {
    world.wechat.refusePrompts(APPID, openid);
    world.wechat.delayMs = 200;
    const sending = world.deliver(due);
    await world.wechat.nextCall(SEND_PATH);
    await world.ask('POST', '/consents', { nonce: `meanwhile-${openid}` }, session);
    await sending;
    world.wechat.delayMs = 0;
    expect(await outcomes()).toMatchObject([{ state: 'failed', errcode: 43_101 }]);
    expect(await world.list(session)).toMatchObject({ credits: 1, needsConsent: false });
  });

  test.each([[47_003], [40_037], [41_030]])(
    'error %i stops the template with an alarm until it is resumed',
    async (errcode) => {
      answerWith({ errcode, errmsg: 'argument invalid! data.thing1.value' });
      const next = await world.deliver(due);
      expect(world.logged.join()).toContain('"level":50');
      expect(await world.list(session)).toMatchObject({
        credits: 1,
        stopped: expect.stringContaining(String(errcode)),
      });
      expect(await world.ask('GET', '/readyz')).toMatchObject({ status: 200, body: { stopped: { errcode } } });
      const sends = world.sends;
      if (next === undefined || !('due' in next)) throw new Error('the reminder has no next occurrence');
      const third = await world.deliver(next.due);
      expect(world.sends).toBe(sends);
      expect(await outcomes()).toMatchObject([{ state: 'skipped', reason: 'the template is stopped', errcode }, {}]);
      for (const clear of clears.splice(0)) clear();
      expect(await world.stops.resume()).toBe(true);
      expect(await world.stops.resume()).toBe(false);
      if (third === undefined || !('due' in third)) throw new Error('the reminder has no next occurrence');
      await world.deliver(third.due);
      expect(await outcomes()).toMatchObject([{ state: 'sent' }, {}, {}]);
    },
  );

  test('error 40003 ends the reminder', async () => {
    answerWith({ errcode: 40_003, errmsg: 'invalid openid' });
    expect(await world.deliver(due)).toBeUndefined();
    const { reminders } = await world.list(session);
    expect(reminders).toMatchObject([{ state: 'ended', endedBecause: 'WeChat does not know the user' }]);
    const edited = await world.ask('PATCH', `/reminders/${due.id}`, { hour: 9 }, session);
    expect(edited).toMatchObject({ status: 409, body: { error: { code: 'ended' } } });
  });

  test('any other refusal is recorded with its code, and the credit is returned', async () => {
    answerWith({ errcode: 99_999, errmsg: 'new trouble' });
    await world.deliver(due);
    expect(await outcomes()).toMatchObject([{ state: 'failed', errcode: 99_999 }]);
    expect(await world.list(session)).toMatchObject({ credits: 1 });
  });

  test('a stale token is replaced once for all messages sent with it', async () => {
    const all = [due];
    for (let index = 0; index < 9; index++) {
      all.push(await world.createDue(await world.logIn(`${openid}-${index}`)));
    }
    await world.warmUp();
    const before = world.wechat.calls.length;
    world.wechat.revoke(APPID);
    await Promise.all(all.map((each) => world.deliver(each)));
    const since = world.wechat.calls.slice(before);
    expect(since.filter(({ forced }) => forced)).toHaveLength(1);
    expect(since.filter(({ path }) => path === SEND_PATH)).toHaveLength(20);
    expect(await world.occurrences.totals()).toEqual({ sent: 10 });
  });

  test('an edit of a reminder leaves nothing for the job of its earlier instant', async () => {
    await world.ask('PATCH', `/reminders/${due.id}`, { minute: 30 }, session);
    expect(await world.deliver(due)).toBeUndefined();
    expect(arrived()).toBe(0);
    expect(await outcomes()).toEqual([]);
  });

  test('an edit after the instant records the occurrence as skipped when no worker has begun it', async () => {
    world.clock.set(due.instant);
    await world.ask('PATCH', `/reminders/${due.id}`, { minute: 30 }, session);
    expect(await outcomes()).toMatchObject([{ instant: due.instant, state: 'skipped', reason: 'edited' }]);
    expect(await world.occurrences.totals()).toEqual({ skipped: 1 });
  });

  test('an edit while a message is being sent moves the next occurrence, and the outcome is recorded', async () => {
    world.wechat.delayMs = 200;
    const sending = world.deliver(due);
    await world.wechat.nextCall(SEND_PATH);
    await world.ask('PATCH', `/reminders/${due.id}`, { minute: 30 }, session);
    expect(await sending).toBeUndefined();
    world.wechat.delayMs = 0;
    expect((await world.list(session)).reminders).toMatchObject([
      { nextAt: NOON + 30 * 60_000, outcomes: [{ instant: due.instant, state: 'sent' }] },
    ]);
  });

  test('a reminder that is deleted before its job comes leaves no outcome behind', async () => {
    await world.ask('DELETE', `/reminders/${due.id}`, undefined, session);
    expect(await world.deliver(due)).toBeUndefined();
    expect(await world.database.keys(`{reminders}:*${due.id}*`)).toEqual([]);
  });

  test('a reminder that is deleted while it is being sent leaves nothing permanent behind', async () => {
    world.wechat.delayMs = 200;
    const sending = world.deliver(due);
    await world.wechat.nextCall(SEND_PATH);
    await world.ask('DELETE', `/reminders/${due.id}`, undefined, session);
    expect(await sending).toBeUndefined();
    world.wechat.delayMs = 0;
    const left = (await world.database.keys(`{reminders}:*${due.id}*`)).filter((name) => !name.includes(':bull:'));
    expect(await Promise.all(left.map((name) => world.database.ttl(name)))).not.toContain(-1);
  });

  test('a zone that the machine no longer knows ends the reminder with its reason', async () => {
    await world.database.hset(`{reminders}:reminder:${due.id}`, 'zone', 'Mars/Base');
    expect(await world.deliver(due)).toBeUndefined();
    expect((await world.list(session)).reminders).toMatchObject([
      { state: 'ended', endedBecause: expect.stringMatching(/mars\/base/i) },
    ]);
  });

  test('no log line contains the secret or the token', async () => {
    answerWith('reset', 1);
    await world.deliver(due);
    const token = await world.token();
    expect(world.logged.join('')).not.toContain(token);
    expect(world.logged.join('')).not.toContain('secret-of-the-test');
  });
});
