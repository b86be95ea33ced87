import { expect, test } from 'vitest';
import {
  defineRefresher,
  type RefreshContext,
  type Refresher,
  TokenError,
  type TokenManager,
} from '../../../../src/index.js';
import { componentAccessTokenRefresher } from '../../../../src/wechat/refreshers/component-access-token.js';
import { APPID, SECRET, World } from '../../../support/worlds/world.js';

const TICKET = 'component_verify_ticket';
const TOKEN = 'component_access_token';
const TICKET_SECONDS = 43_200;

/** The real refresher, whose requests are answered here. */
class Platform extends World {
  /** The tickets that were sent, in order. */
  readonly sent: string[] = [];
  refused: number | undefined;
  #serial = 0;

  readonly refresher: Refresher = defineRefresher({
    ...componentAccessTokenRefresher,
    refresh: (context: RefreshContext) =>
      componentAccessTokenRefresher.refresh({
        ...context,
        request: async ({ body }) => {
          this.sent.push((body as { component_verify_ticket: string }).component_verify_ticket);
          if (this.refused !== undefined) throw refusal(this.refused);
          return { component_access_token: `component-${++this.#serial}`, expires_in: 7_200 };
        },
      }),
  });

  process(): TokenManager {
    return this.manager({ refreshers: [this.refresher as Refresher<never>] });
  }

  async started(params?: object | (() => object)): Promise<TokenManager> {
    const tokens = this.process();
    const task = { type: TOKEN, ...(params === undefined ? {} : { params: params as never }) } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    return tokens;
  }

  push(tokens: TokenManager, value: string, obtainedAt = this.clock.now()): Promise<unknown> {
    return tokens.put(APPID, TICKET, { value, expiresInSeconds: TICKET_SECONDS, obtainedAt });
  }
}

function refusal(errcode: number): TokenError {
  return new TokenError('INPUT_MISSING', 'component ticket is invalid', { errcode });
}

test('the token of the platform waits for a ticket without calling WeChat, and is fetched with the first', async () => {
  await using world = new Platform();
  const tokens = await world.started();
  await expect(tokens.get(APPID, TOKEN)).rejects.toMatchObject({ code: 'INPUT_MISSING', type: TICKET });
  await world.clock.advance(3_600_000);
  expect(world.sent).toEqual([]);
  expect(world.log.length).toBeLessThan(500);
  await world.push(tokens, 'ticket-1');
  await world.clock.advance(1);
  expect(tokens.peek(APPID, TOKEN)?.value).toBe('component-1');
});

test('a ticket that is put in one process wakes the others', async () => {
  await using world = new Platform();
  await world.started();
  const [receiver, other] = [world.process(), world.process()];
  await other.start();
  await world.clock.advance(600_000);
  await world.push(receiver, 'ticket-1');
  await world.clock.advance(1_000);
  expect(other.peek(APPID, TOKEN)?.value).toBe('component-1');
  expect(world.sent).toEqual(['ticket-1']);
});

test.each([61005, 61006])(
  'a ticket that was refused with %i is not sent again, and the next one is sent at once',
  async (errcode) => {
    await using world = new Platform();
    const tokens = await world.started();
    world.refused = errcode;
    await world.push(tokens, 'ticket-1');
    await world.clock.advance(24 * 3_600_000);
    expect(world.sent).toEqual(['ticket-1']);
    await world.push(tokens, 'ticket-1');
    await world.clock.advance(1_000);
    expect(world.sent).toEqual(['ticket-1']);
    world.refused = undefined;
    await world.push(tokens, 'ticket-2');
    await world.clock.advance(1);
    expect(world.sent).toEqual(['ticket-1', 'ticket-2']);
    expect(await tokens.get(APPID, TOKEN)).toBe('component-1');
  },
);

test.each([61005, 61006])(
  'a params function is asked every ten minutes after a refusal with %i, and its next ticket is sent at once',
  async (errcode) => {
    await using world = new Platform();
    let ticket = 'ticket-1';
    const askedAt: number[] = [];
    world.refused = errcode;
    const tokens = await world.started(() => {
      askedAt.push(world.clock.now());
      return { component_verify_ticket: ticket };
    });
    await world.clock.advance(3_600_000);
    expect(world.sent).toEqual(['ticket-1']);
    const gaps = askedAt.slice(1).map((at, index) => at - (askedAt[index] as number));
    expect(gaps.length).toBeGreaterThanOrEqual(5);
    // The gaps are spread, so that many tasks do not ask at the same instant.
    for (const gap of gaps.slice(1)) expect(Math.abs(gap - 600_000)).toBeLessThanOrEqual(60_000);
    world.refused = undefined;
    ticket = 'ticket-2';
    await world.clock.advance(660_000);
    expect(world.sent).toEqual(['ticket-1', 'ticket-2']);
    expect(await tokens.get(APPID, TOKEN)).toBe('component-1');
  },
);

test('a refused ticket fails every caller with its error, without another call to WeChat', async () => {
  await using world = new Platform();
  const tokens = await world.started();
  world.refused = 61006;
  await world.push(tokens, 'ticket-1');
  await world.clock.advance(1_000);
  for (let minute = 0; minute < 30; minute++) {
    await expect(tokens.get(APPID, TOKEN)).rejects.toMatchObject({ code: 'INPUT_MISSING', errcode: 61006 });
    await world.clock.advance(60_000);
  }
  expect(world.sent).toEqual(['ticket-1']);
});

test('an older ticket that comes late is ignored', async () => {
  await using world = new Platform();
  const tokens = await world.started();
  await world.push(tokens, 'ticket-2');
  await world.push(tokens, 'ticket-1', world.clock.now() - 600_000);
  expect(await tokens.get(APPID, TICKET)).toBe('ticket-2');
});

test('a ticket survives a restart, and is not requested from WeChat when it expires', async () => {
  await using world = new Platform();
  const first = await world.started();
  await world.push(first, 'ticket-1');
  await first.close();
  const tokens = world.process();
  await world.clock.advance(TICKET_SECONDS * 1_000 - 1);
  expect(await tokens.get(APPID, TICKET)).toBe('ticket-1');
  await world.clock.advance(1);
  await expect(tokens.get(APPID, TICKET)).rejects.toMatchObject({ code: 'INPUT_MISSING', type: TICKET });
  await expect(tokens.refresh(APPID, TICKET, { force: true })).rejects.toMatchObject({ code: 'INPUT_MISSING' });
});

test('a ticket comes from the params where none is pushed, and a pushed one goes first', async () => {
  await using world = new Platform();
  const tokens = await world.started(() => ({ component_verify_ticket: 'ticket-of-the-params' }));
  await world.clock.advance(1);
  expect(world.sent).toEqual(['ticket-of-the-params']);
  await world.push(tokens, 'ticket-1');
  await world.clock.advance(7_200_000);
  expect(world.sent).toEqual(['ticket-of-the-params', 'ticket-1']);
});

test('a platform that is not registered has no ticket', async () => {
  await using world = new Platform();
  const tokens = world.process();
  await expect(world.push(tokens, 'ticket-1')).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
});

test('a pushed type cannot be a task', async () => {
  await using world = new Platform();
  const tokens = world.process();
  await expect(tokens.register({ appid: APPID, secret: SECRET, tasks: [TICKET] })).rejects.toThrow(
    new TypeError('component_verify_ticket cannot be a task: WeChat pushes it, and put stores it'),
  );
});
