import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/index.js';
import { HttpProcess, HttpWorld } from '../../../support/worlds/http-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const HOUR = 3_600_000;
const USABLE = { value: 'CANARY-token', expiresInSeconds: 7_200 };

class Server extends HttpWorld {
  readonly #now = this.store.now.bind(this.store);
  readonly #set = this.store.set.bind(this.store);
  readonly #lease = this.store.lease.bind(this.store);

  constructor() {
    super({ contracts: ['native'] });
  }

  /** One app, whose access token has been fetched. */
  static async withToken(seconds = 7_200): Promise<Server> {
    const server = new Server();
    server.wechat.lifeSeconds = seconds;
    await server.tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await server.tokens.get(APPID, TYPE);
    return server;
  }

  goAway(): void {
    this.store.now = async () => {
      throw new Error('away');
    };
  }

  /** Lets the store take `ms` to tell its time. */
  answerAfter(ms: number): void {
    this.store.now = async () => {
      await new Promise<void>((resolve) => this.clock.setTimer(resolve, ms));
      return this.#now();
    };
  }

  refuseWrites(code = 'ENOSPC'): void {
    const refuse = async (): Promise<never> => {
      throw Object.assign(new Error('refused'), { code });
    };
    this.store.set = refuse;
    this.store.lease = refuse;
  }

  comeBack(): void {
    this.store.now = this.#now;
    this.store.set = this.#set;
    this.store.lease = this.#lease;
  }

  /** What `/readyz` answers, `ms` later and within `withinMs`. */
  async look(ms = 0, withinMs = 0): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    await this.clock.advance(ms);
    const asked = this.ask('/readyz');
    await this.clock.advance(withinMs);
    const { status, body } = await asked;
    return { status, body: body as Record<string, unknown> };
  }
}

describe('a store that is unavailable', () => {
  test.each([
    [9_999, undefined],
    [10_000, undefined],
    [10_001, 'unavailable'],
  ])('a store unavailable for %i ms leaves a server with a usable token ready, and says %s', async (ms, store) => {
    await using server = await Server.withToken();
    await server.look();
    server.goAway();
    const { status, body } = await server.look(ms);
    expect([status, body['store']]).toEqual([200, store]);
    expect(typeof body['since']).toBe(store === undefined ? 'undefined' : 'number');
  });

  test.each([
    [10_000, 200],
    [10_001, 503],
  ])('a store unavailable for %i ms makes a server without a usable token %i', async (ms, expected) => {
    await using server = new Server();
    await server.tokens.register({ appid: APPID, secret: SECRET });
    await server.look();
    server.goAway();
    const { status, body } = await server.look(ms);
    expect(status).toBe(expected);
    if (expected === 503) expect(body['reason']).toBe('the store has not answered');
  });

  test('a server with an unavailable store becomes unready as its last token expires', async () => {
    await using server = await Server.withToken(100);
    server.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true });
    await server.look();
    server.goAway();
    const left = Number(server.tokens.peek(APPID, TYPE)?.expiresAt) - server.clock.now();
    expect((await server.look(left - 1)).status).toBe(200);
    expect((await server.look(1)).status).toBe(503);
  });
});

describe('a store that answers late', () => {
  test.each([
    [1_000, undefined],
    [5_001, 'unavailable'],
  ])('a check of a store that has hung for 5 s and %i ms is answered within half a second', async (ms, store) => {
    await using server = await Server.withToken();
    await server.look();
    server.answerAfter(60_000);
    expect((await server.look(5_001, 500)).status).toBe(200);
    const { status, body } = await server.look(ms, 500);
    expect([status, body['store']]).toEqual([200, store]);
  });

  test('a server without a usable token stays ready when its store answers one check late', async () => {
    await using server = new Server();
    await server.tokens.start();
    await server.look();
    server.answerAfter(700);
    expect((await server.look(60_000, 500)).status).toBe(200);
  });

  test('a server recovers although its store takes longer to answer than a check waits', async () => {
    await using server = new Server();
    await server.tokens.start();
    server.goAway();
    expect((await server.look()).status).toBe(503);
    server.answerAfter(700);
    const statuses: number[] = [];
    for (let looks = 0; looks < 6; looks++) statuses.push((await server.look(2_000, 500)).status);
    expect(statuses).toContain(200);
  });
});

describe('a store that takes no writes', () => {
  async function refusing(seconds: number): Promise<Server> {
    const server = await Server.withToken(seconds);
    await server.look();
    server.refuseWrites();
    await server.tokens.register({ appid: 'wx-other', secret: SECRET }).catch(() => {});
    return server;
  }

  test('a server is ready without writes while every token lives, and shows the error and the earliest expiry', async () => {
    await using server = await refusing(7_200);
    const { status, body } = await server.look(5_001);
    expect(status).toBe(200);
    const earliestEnd = server.tokens.peek(APPID, TYPE)?.expiresAt;
    expect(body).toMatchObject({ writes: 'failing', code: 'ENOSPC', earliestEnd, since: expect.any(Number) });
  });

  test('a server is unready when failing writes let a token expire, and ready again after a write', async () => {
    await using server = await refusing(60);
    const ended = await server.look(2 * 60_000);
    expect(ended).toMatchObject({ status: 503, body: { code: 'ENOSPC', reason: expect.stringMatching(/writes/) } });
    server.comeBack();
    await server.tokens.put(APPID, TYPE, USABLE);
    await server.look(5_001);
    expect((await server.look(2_000)).status).toBe(200);
  });

  test('a server that starts while writes fail is unready for a token that expired before its start', async () => {
    await using server = await Server.withToken(60);
    await server.tokens.close();
    await server.clock.advance(2 * 60_000);
    server.refuseWrites();
    const next = new HttpProcess(server, { contracts: ['native'] });
    expect((await next.ask(`/tokens/${APPID}/${TYPE}`)).status).toBe(503);
    expect(await next.ask('/readyz')).toMatchObject({ status: 503, body: { code: 'ENOSPC' } });
  });

  test('failing writes do not count for a token that had expired before because its refresh failed', async () => {
    await using server = await Server.withToken(60);
    server.wechat.always = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
    await server.look(2 * 60_000);
    server.refuseWrites();
    await server.tokens.register({ appid: 'wx-other', secret: SECRET }).catch(() => {});
    expect(await server.look(5_001)).toMatchObject({
      status: 200,
      body: { writes: 'failing', tasks: { troubled: 1 } },
    });
  });

  test('failing writes do not count for a server without refreshes', async () => {
    await using server = new HttpWorld({ contracts: ['native'] }, { refresh: 'never' });
    server.store.set = async () => {
      throw new Error('refused');
    };
    await server.tokens.register({ appid: 'wx-other', secret: SECRET }).catch(() => {});
    expect(await server.ask('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect((await server.ask('/readyz')).body).not.toHaveProperty('writes');
  });
});

describe('readiness after a 503', () => {
  test.each([
    [1_999, 503],
    [2_000, 200],
    [2_001, 200],
  ])('a second good check %i ms after the first is %i', async (ms, status) => {
    await using server = new Server();
    await server.tokens.start();
    server.goAway();
    expect((await server.look()).status).toBe(503);
    server.comeBack();
    expect((await server.look(1_000)).status).toBe(503);
    expect((await server.look(ms)).status).toBe(status);
  });

  test('a bad check in between restarts the wait', async () => {
    await using server = new Server();
    await server.tokens.start();
    server.goAway();
    await server.look();
    server.comeBack();
    await server.look(1_000);
    server.goAway();
    await server.look(1_000);
    server.comeBack();
    expect((await server.look(1_500)).status).toBe(503);
    expect((await server.look(2_000)).status).toBe(200);
  });
});

test('a server that has not read its registrations yet is starting', async () => {
  await using server = new Server();
  const list = server.store.list.bind(server.store);
  let go = (): void => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  server.store.list = async function* (prefix, options) {
    await held;
    yield* list(prefix, options);
  };
  const asked = server.ask('/readyz');
  await server.clock.advance(1_000);
  expect(await asked).toMatchObject({ status: 503, body: { reason: 'the server is starting' } });
  go();
  await server.clock.advance(1_000);
  await server.look();
  expect((await server.look(2_000)).status).toBe(200);
});

test('a store that cannot be read at startup makes the server unready', async () => {
  await using server = new Server();
  server.goAway();
  expect(await server.look()).toMatchObject({ status: 503, body: { reason: 'the store has not answered' } });
});

test('a closed server answers that it is closing', async () => {
  await using server = await Server.withToken();
  await server.tokens.close();
  expect(await server.look(HOUR)).toMatchObject({ status: 503, body: { reason: 'the server is closing' } });
});
