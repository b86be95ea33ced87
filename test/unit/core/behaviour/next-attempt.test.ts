import { describe, expect, test } from 'vitest';
import { defineRefresher, TokenError, type TokenManager } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { inPlainMode, mostRequests, requestsOnDemand } from '../../../support/worlds/plain-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;
/** When a token is due here, before its end. */
const DUE_MS = 600_000;
const MINUTES_10 = 600_000;
/** For how long a caller without a token waits for the next attempt. */
const MAX_WAIT_MS = 4_999;
/** A shared schedule may be late by some looks. */
const LATE_MS = isFleet ? 4_000 : 0;

type Failing = (now: number) => TokenError;

const answer =
  (code: string, errcode: number, facts: { inMs?: number; hostOnly?: boolean; retryable?: boolean } = {}): Failing =>
  (now) =>
    new TokenError(code, 'no', {
      errcode,
      ...(facts.inMs === undefined ? {} : { retryAt: now + facts.inMs }),
      hostOnly: facts.hostOnly,
      retryable: facts.retryable,
    });

const busy = answer('UPSTREAM_UNAVAILABLE', -1, { retryable: true });
const rate = answer('QUOTA_EXHAUSTED', 45_011, { inMs: 30_000, retryable: true });
const quota = answer('QUOTA_EXHAUSTED', 45_009, { inMs: 1_800_000, retryable: true });
const secret = answer('UPSTREAM_REJECTED', 40_125, { inMs: MINUTES_10 });
const account = answer('UPSTREAM_REJECTED', 50_007, { inMs: MINUTES_10 });
const kind = answer('UPSTREAM_REJECTED', 48_001, { inMs: MINUTES_10 });
const user = answer('UPSTREAM_REJECTED', 50_001, { inMs: MINUTES_10 });
const address = answer('UPSTREAM_REJECTED', 40_164, { inMs: MINUTES_10, hostOnly: true });
const otherAddress = answer('UPSTREAM_REJECTED', 61_004, { inMs: MINUTES_10, hostOnly: true });
const confirm = answer('UPSTREAM_REJECTED', 89_503, { inMs: MINUTES_10, hostOnly: true });
const confirmHour = answer('UPSTREAM_REJECTED', 89_507, { inMs: 3_600_000, hostOnly: true });
const confirmDay = answer('UPSTREAM_REJECTED', 89_506, { inMs: 86_400_000, hostOnly: true });

/** Fails with one error from now on, and notes when it is asked, from the end of the token on. */
class FailingWorld extends World {
  readonly asked: number[] = [];
  endsAt = 0;

  async failing(failing: Failing, tokens: TokenManager): Promise<void> {
    this.endsAt = (await tokens.getRecord(APPID, TYPE)).expiresAt;
    this.wechat.always = async () => {
      this.asked.push(this.clock.now() - this.endsAt);
      throw failing(this.clock.now());
    };
  }

  /** The attempts that were made from `fromMs` until before `untilMs`, of the token's end. */
  async until(untilMs: number, fromMs = Number.NEGATIVE_INFINITY): Promise<number[]> {
    await this.clock.advance(this.endsAt + untilMs - this.clock.now());
    return this.asked.filter((at) => at >= fromMs && at < untilMs);
  }
}

function expectNear(asked: readonly number[], expected: readonly number[]): void {
  expect(asked).toHaveLength(expected.length);
  for (const [index, at] of expected.entries()) {
    expect(asked[index]).toBeGreaterThanOrEqual(at);
    // Each look that is late moves those after it.
    expect(asked[index]).toBeLessThanOrEqual(at + (index + 1) * LATE_MS);
  }
}

/** From its due on, at half of what is left, at least 30 s apart. */
const HALVES = [-600_000, -300_000, -150_000, -75_000, -37_500, -7_500];

describe('the attempts of a task', () => {
  test.each<[string, Failing, readonly number[], readonly number[]]>([
    ['a limit by the day', quota, [-600_000, -300_000], [0, 1_800_000]],
    ['a wrong secret', secret, HALVES, [0, 600_000, 1_200_000, 1_800_000]],
    ['a frozen account', account, HALVES, [0, 600_000, 1_200_000, 1_800_000]],
    ['a missing permission', kind, HALVES, [0, 600_000, 1_200_000, 1_800_000]],
    ['a user who has not allowed it', user, HALVES, [0, 600_000, 1_200_000, 1_800_000]],
    ['an address that is not allowed', address, HALVES, [0, 600_000, 1_200_000, 1_800_000]],
    ['an address that is not allowed (61004)', otherAddress, HALVES, [0, 600_000, 1_200_000, 1_800_000]],
    ['a confirmation that is pending', confirm, [-600_000, -300_000], [0, 600_000, 1_200_000, 1_800_000]],
    ['a refusal for an hour', confirmHour, [-600_000, -300_000], [0]],
    ['a refusal for a day', confirmDay, [-600_000, -300_000], [0]],
  ])(
    'I10: attempts after %s go on while the token lives, and cool down from its end on',
    async (_, failing, before, after) => {
      await using world = new FailingWorld();
      const tokens = await world.registered();
      await world.failing(failing, tokens);
      expectNear(await world.until(-1), before);
      expectNear(await world.until(2_000_000, -1), after);
    },
  );

  test('I10: attempts follow the remaining life on the monotonic clock, whatever the wall clock is set to', async () => {
    await using world = new FailingWorld();
    const tokens = await world.registered();
    await world.failing(secret, tokens);
    await world.until(-DUE_MS - 1_000);
    // The token ends by the monotonic clock, an hour earlier than the wall clock says from now on.
    world.clock.jump(-3_600_000);
    await world.clock.advance(DUE_MS - 1_000);
    expect(world.asked).toHaveLength(HALVES.length);
    await world.clock.advance(2_000 + LATE_MS * (HALVES.length + 1));
    expect(world.asked).toHaveLength(HALVES.length + 1);
  });

  test.each<[string, Failing, number, number]>([
    ['a busy WeChat', busy, 15, 40],
    ['an unknown code', answer('UPSTREAM_REJECTED', 61_450, { retryable: true }), 15, 40],
    ['a limit by the minute', rate, 18, 30],
  ])('I10: attempts after %s go on while the token lives and after that', async (_, failing, least, most) => {
    await using world = new FailingWorld();
    const tokens = await world.registered();
    await world.failing(failing, tokens);
    for (const attempts of [await world.until(0), await world.until(MINUTES_10, 0)]) {
      expect(attempts.length).toBeGreaterThanOrEqual(least);
      expect(attempts.length).toBeLessThanOrEqual(most);
    }
  });

  test.each<[string, Failing]>([
    ['a wrong secret', secret],
    ['a limit by the day', quota],
    ['an address that is not allowed', address],
    ['a confirmation that is pending', confirm],
  ])('I9: a passing case of %s is over before the token ends', async (_, failing) => {
    await using world = new FailingWorld();
    const tokens = await world.registered();
    await world.failing(failing, tokens);
    await world.until(-500_000);
    world.wechat.always = undefined;
    await world.until(0);
    expect(await tokens.get(APPID, TYPE)).toBe('token-2');
  });

  test.each<[string, Failing, readonly number[]]>([
    ['a wrong secret', secret, HALVES],
    ['a limit by the day', quota, [-600_000, -300_000]],
  ])('I10: attempts after %s are those of one process, however many share the store', async (_, failing, expected) => {
    await using world = new FailingWorld();
    const tokens = await world.registered();
    for (let others = 0; others < 4; others++) await world.manager().start();
    await world.failing(failing, tokens);
    expectNear(await world.until(-1), expected);
  });

  test.each<[string, Failing]>([
    ['an address that is not allowed', address],
    ['a confirmation that is pending', confirm],
    [
      'a connection that failed',
      (now) => new TokenError('UPSTREAM_UNAVAILABLE', `at ${now}`, { hostOnly: true, retryable: true }),
    ],
  ])('attempts after %s are put off in this process alone, and another one refreshes the task', async (_, failing) => {
    await using world = new FailingWorld();
    const barred = await world.registered();
    await world.failing(failing, barred);
    await world.until(-DUE_MS + 1_000);
    expect(world.asked.length).toBeGreaterThan(0);
    const other = world.manager({
      refreshers: [
        defineRefresher({
          type: TYPE,
          refresh: async () => ({ value: 'of another', expiresInSeconds: 7_200 }),
        }) as never,
      ],
    });
    await other.start();
    await world.until(-DUE_MS + 60_000);
    expect([barred.peek(APPID, TYPE)?.value, other.peek(APPID, TYPE)?.value]).toEqual(['of another', 'of another']);
  });
});

describe('keys with missing input', () => {
  /** A type that depends on access tokens. */
  const dependent = defineRefresher({
    type: 'ticket',
    dependsOn: ({ appid }) => [{ appid, type: TYPE }],
    refresh: async ({ key, token }) => ({
      value: `ticket of ${await token({ appid: key.appid, type: TYPE })}`,
      expiresInSeconds: 7_200,
    }),
  });

  async function withTicket(world: World): Promise<{ tokens: TokenManager<'ticket'>; failures: number[] }> {
    const tokens = world.manager<'ticket'>({ refreshers: [world.wechat as never, dependent] });
    const failures: number[] = [];
    tokens.on('refreshFailed', ({ type, retryAt }) => {
      if (type === 'ticket') failures.push(retryAt - world.clock.now());
    });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['ticket'] });
    return { tokens, failures };
  }

  test('a key without its dependency is retried together with it, and makes no request meanwhile', async () => {
    await using world = new World();
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_125 });
    const { failures } = await withTicket(world);
    await world.clock.advance(3_600_000);
    expect(failures[0]).toBe(MINUTES_10);
    expect(failures.length).toBeLessThanOrEqual(7);
    expect(world.wechat.calls).toBeLessThanOrEqual(7);
  });

  test('a key without its dependency is refreshed as soon as the dependency is there', async () => {
    await using world = new World();
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_125 });
    const { tokens } = await withTicket(world);
    await world.clock.advance(60_000);
    await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200 });
    await world.clock.advance(isFleet ? 60_000 : 1_000);
    expect(tokens.peek(APPID, 'ticket')?.value).toBe('ticket of put');
  });

  test('a key without its dependency is refreshed as soon as another process has stored the dependency', async () => {
    await using world = new World();
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'no', { errcode: 40_125 });
    const { tokens } = await withTicket(world);
    await world.clock.advance(60_000);
    const other = world.manager();
    await other.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200 });
    await world.clock.advance(isFleet ? 60_000 : 1_000);
    expect(tokens.peek(APPID, 'ticket')?.value).toBe('ticket of put');
  });

  test('a key with missing params is retried every ten minutes, and at once when they are registered', async () => {
    await using world = new World();
    const failures: number[] = [];
    const secretive = defineRefresher({
      type: 'secretive',
      dependsOn: ({ appid }) => [{ appid, type: 'component_verify_ticket' }],
      refresh: async ({ key, token }) => ({
        value: await token({ appid: key.appid, type: 'component_verify_ticket' }),
        expiresInSeconds: 7_200,
      }),
    });
    const tokens = world.manager<'secretive'>({ refreshers: [secretive] });
    tokens.on('refreshFailed', ({ retryAt }) => void failures.push(retryAt - world.clock.now()));
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['secretive'] });
    await world.clock.advance(MINUTES_10 - 1_000);
    expect(new Set(failures)).toEqual(new Set([MINUTES_10]));
    expect(failures.length).toBeLessThanOrEqual(2);
    const params = { component_verify_ticket: 'given' };
    await tokens.register({ appid: APPID, tasks: [{ type: 'secretive', params }] });
    await world.clock.advance(isFleet ? 60_000 : 1);
    expect(tokens.peek(APPID, 'secretive')?.value).toBe('given');
  });
});

describe('plain mode', () => {
  // What is granted at once is spent by then. `npm run faults` simulates a day.
  const HOURS = isFleet ? 3 : 6;
  const MOST = mostRequests(HOURS);

  test.each<[string, Failing]>([
    ['a busy WeChat', busy],
    ['an answer that cannot be used', answer('UPSTREAM_REJECTED', 61_450, { retryable: true })],
    ['a limit by the minute', rate],
  ])(`I10: %s costs ${MOST} requests in the first ${HOURS} h at most`, async (_, failing) => {
    await using world = new World();
    world.wechat.always = async () => {
      throw failing(world.clock.now());
    };
    const requests = await requestsOnDemand(world, [await inPlainMode(world)], HOURS);
    expect(requests).toBeGreaterThan(0.8 * MOST);
    expect(requests).toBeLessThanOrEqual(MOST);
  });

  test('I10: refusals of single processes are counted for the whole fleet in plain mode', async () => {
    await using world = new World();
    world.wechat.always = async () => {
      throw address(world.clock.now());
    };
    const fleet = [await inPlainMode(world), world.manager(), world.manager(), world.manager()];
    const requests = await requestsOnDemand(world, fleet, HOURS);
    // Each process may have one on its way beyond what there is.
    expect(requests).toBeLessThanOrEqual(MOST + fleet.length);
  });

  test.each<[string, (world: World) => TokenError]>([
    [
      'that never connected',
      () => new TokenError('UPSTREAM_UNAVAILABLE', 'refused', { hostOnly: true, retryable: true }),
    ],
    ['that could not be sent', () => new TokenError('INPUT_MISSING', 'no secret')],
  ])('requests %s are not counted in plain mode', async (_, error) => {
    await using world = new World();
    world.wechat.always = error(world);
    await inPlainMode(world);
    await world.clock.advance(3_600_000);
    expect(await world.store.get([`limit/${APPID}/~failures`])).toEqual([undefined]);
  });

  test.each<[string, object]>([
    ['stable mode', { accessToken: 'stable' }],
    ['the default mode', {}],
  ])('failures in %s are not counted: plain mode only', async (_, mode) => {
    await using world = new World();
    world.wechat.always = busy(0);
    await world.manager().register({ appid: APPID, secret: SECRET, tasks: [TYPE], ...mode });
    await world.clock.advance(600_000);
    expect(await world.store.get([`limit/${APPID}/~failures`])).toEqual([undefined]);
  });

  test('a failure in plain mode is retried in time, also if an earlier one was counted before the clock was set back', async () => {
    await using world = new World();
    world.wechat.always = busy(0);
    world.clock.jump(24 * LIFE_MS);
    const tokens = await inPlainMode(world);
    await world.clock.advance(20_000);
    world.clock.jump(-24 * LIFE_MS);
    world.wechat.always = undefined;
    await world.clock.advance(120_000);
    world.wechat.next(busy(0));
    await world.clock.advance(7_200_000);
    expect(tokens.peek(APPID, TYPE)?.value).toBe('token-2');
  });

  test('a fetched token ends the waiting in plain mode, and earlier failures stay counted', async () => {
    await using world = new World();
    world.wechat.always = busy(0);
    const tokens = await inPlainMode(world);
    await world.clock.advance(3_600_000);
    world.wechat.always = undefined;
    await world.clock.advance(400_000);
    expect(tokens.peek(APPID, TYPE)?.value).toBe('token-1');
    expect(await world.store.get([`limit/${APPID}/~failures`])).not.toEqual([undefined]);
  });
});

describe('plain mode: a process that restarts again and again', () => {
  const MINUTE_MS = 60_000;
  const REFILL_MS = 200_000;
  const REFUSED = { code: 'UPSTREAM_REJECTED', errcode: 40_164 };

  /** Lets a process begin, ask for the token and end. */
  async function life(world: World, ms = MINUTE_MS, secret = SECRET): Promise<unknown> {
    const tokens = world.manager();
    await tokens.register({ appid: APPID, secret, accessToken: 'plain', tasks: [TYPE] });
    const got = await world.within(ms, tokens.get(APPID, TYPE)).catch((error: unknown) => error);
    await tokens.close();
    return got;
  }

  function refusing(world: World): void {
    world.wechat.always = async () => {
      throw address(world.clock.now());
    };
  }

  /** Begins anew each second until the first attempt is held up, and returns when the next one may be made. */
  async function drained(world: World): Promise<number> {
    refusing(world);
    for (let begun = 0; begun < 60; begun++) await life(world, 1_000);
    const error = (await life(world, 1_000)) as TokenError;
    return error.retryAt ?? 0;
  }

  test('I10: a restarting process is refused no more often than a running one, where its address alone is refused', async () => {
    await using world = new World();
    // A day of restarts takes a shared schedule long to simulate.
    const hours = isFleet ? 6 : 24;
    refusing(world);
    for (let minute = 0; minute < hours * 60; minute += 2) await life(world, 2 * MINUTE_MS);
    expect(world.wechat.calls).toBeGreaterThan(80);
    expect(world.wechat.calls).toBeLessThanOrEqual(mostRequests(hours));
  });

  test('a restarting process reports what is wrong and when the next attempt is made', async () => {
    await using world = new World();
    const mayAskAt = await drained(world);
    expect(mayAskAt - world.clock.now()).toBeGreaterThan(0);
    expect(mayAskAt - world.clock.now()).toBeLessThanOrEqual(REFILL_MS);
    const { calls } = world.wechat;
    expect(await life(world, 1_000)).toMatchObject({ ...REFUSED, retryAt: mayAskAt, hostOnly: true });
    expect(world.wechat.calls).toBe(calls);
  });

  test.each([
    [-1, 0],
    [0, 1],
    [1, 1],
  ])('a restarted process asks, %i ms after the instant of the stored limit, %i times', async (afterMs, times) => {
    await using world = new World();
    const mayAskAt = await drained(world);
    const { calls } = world.wechat;
    await world.clock.advance(mayAskAt - MAX_WAIT_MS - world.clock.now());
    const tokens = world.manager();
    await tokens.start();
    tokens.get(APPID, TYPE).catch(() => {});
    await world.clock.advance(mayAskAt + afterMs - world.clock.now());
    expect(world.wechat.calls - calls).toBe(times);
  });

  test('a restarted process makes its next attempt at the stored instant, without another restart', async () => {
    await using world = new World();
    const mayAskAt = await drained(world);
    world.wechat.always = undefined;
    const tokens = world.manager();
    await tokens.start();
    await world.clock.advance(mayAskAt + LATE_MS + 1_000 - world.clock.now());
    expect(tokens.peek(APPID, TYPE)?.value).toBe('token-1');
  });

  test('a restarting process asks at once with another secret', async () => {
    await using world = new World();
    await drained(world);
    world.wechat.always = undefined;
    expect(await life(world, MINUTE_MS, 'CANARY-another-secret-of-the-app')).toBe('token-1');
  });

  test('a restarting process answers with a token that is still valid', async () => {
    await using world = new World();
    await life(world);
    const { expiresAt } = await world.manager({ refresh: 'never' }).getRecord(APPID, TYPE);
    await world.clock.advance(expiresAt - MINUTES_10 - world.clock.now());
    refusing(world);
    for (let begun = 0; begun < 70; begun++) expect(await life(world, 1_000)).toBe('token-1');
    expect(world.wechat.calls).toBeLessThanOrEqual(1 + 60);
  });

  test('a restarting process is not delayed in stable mode', async () => {
    await using world = new World();
    refusing(world);
    for (let begun = 1; begun <= 70; begun++) {
      const tokens = world.manager();
      await tokens.register({ appid: APPID, secret: SECRET });
      await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject(REFUSED);
      await tokens.close();
      expect(world.wechat.calls).toBe(begun);
    }
  });

  test('a process reads earlier failures once, before its first attempt', async () => {
    const reads: string[] = [];
    await using world = new World({
      store: (store) => ({
        ...shared(store),
        get: (ids) => {
          reads.push(...ids.filter((id) => id.endsWith('~failures')));
          return store.get(ids);
        },
      }),
    });
    const tokens = world.manager();
    await tokens.register({ appid: APPID, secret: SECRET, accessToken: 'plain', tasks: [TYPE] });
    await world.clock.advance(3 * LIFE_MS);
    expect(world.wechat.calls).toBeGreaterThan(2);
    expect(reads).toHaveLength(1);
  });
});

test('I10: a refusal leads to eight attempts in the last hour of a token, and one at its end', async () => {
  await using world = new FailingWorld();
  const tokens = world.manager({ refresh: { marginMs: LIFE_MS / 2, jitterMs: 0 } });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await world.failing(secret, tokens);
  const asked = await world.until(-1);
  expect(asked).toHaveLength(8);
  expectNear(await world.until(1_000, -1), [0]);
});
