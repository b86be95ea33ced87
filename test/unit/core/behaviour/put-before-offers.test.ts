import { describe, expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { LIFE_MS, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

type Tokens = TokenManager<'user_token'>;

const put = (tokens: Tokens, refreshToken: string): Promise<unknown> =>
  tokens.put(APPID, TYPE, { value: `put with ${refreshToken}`, expiresInSeconds: LIFE_MS / 1_000, refreshToken }, USER);

/** A process with the app, whose user has logged in twice. The first refresh token was never seen, the second one is put. */
async function loggedIn(world: RotatingWorld): Promise<{ tokens: Tokens; older: string; login: string }> {
  const tokens = world.process();
  await tokens.register({ appid: APPID, secret: SECRET });
  const older = world.upstream.authorize();
  const login = world.upstream.authorize();
  await put(tokens, login);
  return { tokens, older, login };
}

describe('the order of a refresh token that was put and those of the params', () => {
  test('a put refresh token goes before an older unseen one of a params function, which is not sent at all', async () => {
    await using world = new RotatingWorld();
    const { tokens, older, login } = await loggedIn(world);
    await world.register(tokens, () => ({ refresh_token: older }));
    await world.clock.advance(4 * LIFE_MS);
    expect(world.upstream.sent.length).toBeGreaterThanOrEqual(4);
    expect(world.upstream.sent[0]).toBe(login);
    expect(world.upstream.sent).not.toContain(older);
    expect(world.log).not.toContain('refreshFailed user_token UPSTREAM_REJECTED');
  });

  test('a put refresh token goes before an older one also where WeChat takes both, in another process too', async () => {
    await using world = new RotatingWorld();
    world.upstream.mode = 'kept';
    world.upstream.isGood = () => true;
    const { tokens, older, login } = await loggedIn(world);
    await world.register(tokens, () => ({ refresh_token: older }));
    await world.clock.advance(LIFE_MS);
    const other = world.process();
    await world.register(other, () => ({ refresh_token: older }));
    await tokens.close();
    await world.clock.advance(2 * LIFE_MS);
    expect(new Set(world.upstream.sent)).toEqual(new Set([login]));
  });

  test('a put refresh token goes before what the params function returned while it was put', async () => {
    await using world = new RotatingWorld();
    const tokens = world.process();
    const older = world.upstream.authorize();
    let login: string | undefined;
    await world.register(tokens, async () => {
      if (login === undefined) {
        login = world.upstream.authorize();
        await put(tokens, login);
      }
      return { refresh_token: older };
    });
    await world.within(1_000, tokens.get(APPID, TYPE, USER));
    await world.clock.advance(2 * LIFE_MS);
    expect(world.upstream.sent[0]).toBe(login);
    expect(world.upstream.sent).not.toContain(older);
  });

  test('a put refresh token goes before what the params of the task offered when it was put', async () => {
    await using world = new RotatingWorld();
    world.upstream.mode = 'kept';
    world.upstream.isGood = () => true;
    const older = world.upstream.authorize();
    const login = world.upstream.authorize();
    const follower = world.process({ refresh: 'never' });
    await world.register(follower, { refresh_token: older });
    await put(follower, login);
    await world.process().start();
    await world.clock.advance(3 * LIFE_MS);
    expect(new Set(world.upstream.sent)).toEqual(new Set([login]));
  });

  test('a put refresh token goes after one that is registered later', async () => {
    await using world = new RotatingWorld();
    const { tokens } = await loggedIn(world);
    const later = world.upstream.authorize();
    await world.register(tokens, { refresh_token: later });
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent[0]).toBe(later);
  });

  test('a put refresh token goes after another one that the params function offers once it has been used', async () => {
    await using world = new RotatingWorld();
    const { tokens, older, login } = await loggedIn(world);
    let offered = older;
    await world.register(tokens, () => ({ refresh_token: offered }));
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent).toEqual([login]);
    offered = world.upstream.authorize();
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent.slice(0, 2)).toEqual([login, offered]);
  });

  test('a put refresh token that is refused is followed by the one that the params function offers', async () => {
    await using world = new RotatingWorld();
    const { tokens, login } = await loggedIn(world);
    const later = world.upstream.authorize();
    await world.register(tokens, () => ({ refresh_token: later }));
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent.slice(0, 2)).toEqual([login, later]);
    expect([tokens.peek(APPID, TYPE, USER)?.value, world.reauthorizations()]).toEqual([expect.anything(), 0]);
  });

  test('a put refresh token leaves the one offered beside it for the time when its chain is refused', async () => {
    await using world = new RotatingWorld();
    world.upstream.mode = 'kept';
    let refused = '';
    world.upstream.isGood = (token) => token !== refused;
    const { tokens, older, login } = await loggedIn(world);
    await world.register(tokens, () => ({ refresh_token: older }));
    await world.clock.advance(LIFE_MS);
    refused = login;
    await world.clock.advance(LIFE_MS);
    expect(new Set(world.upstream.sent)).toEqual(new Set([login, older]));
    expect(world.upstream.sent.at(-1)).toBe(older);
    expect(world.reauthorizations()).toBe(0);
  });
});
