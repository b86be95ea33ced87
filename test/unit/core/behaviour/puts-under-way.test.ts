import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../../src/index.js';
import { LIFE_MS, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

type Tokens = Awaited<ReturnType<RotatingWorld['withTask']>>;

function put(tokens: Tokens, fields: Partial<Grant>): Promise<unknown> {
  return tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: LIFE_MS / 1_000, ...fields }, USER);
}

/** Runs the work once, when the upstream has used up the next refresh token and has not answered yet. */
function beforeAnswer(world: RotatingWorld, work: () => Promise<unknown>): void {
  world.upstream.answering = async () => {
    world.upstream.answering = () => {};
    await work();
  };
}

describe('I3: puts while a refresh token is being sent', () => {
  test('I3: a put of the offered refresh token that is being sent yields to its successor', async () => {
    await using world = new RotatingWorld();
    const refreshToken = world.upstream.authorize();
    const tokens = world.process();
    beforeAnswer(world, () => put(tokens, { refreshToken, refreshTokenExpiresInSeconds: 86_400 }));
    await world.register(tokens, { refresh_token: refreshToken });
    await world.clock.advance(1_000);
    expect(await world.stored()).toMatchObject({ rotation: { token: 'refresh-2', expiresAt: expect.any(Number) } });
    await world.clock.advance(3 * LIFE_MS);
    expect(world.upstream.sent.slice(0, 3)).toEqual(['refresh-1', 'refresh-2', 'refresh-3']);
    expect(world.reauthorizations()).toBe(0);
  });

  test('I3: a put of an offered refresh token that is being sent in place of another one yields to its successor', async () => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    await put(tokens, { refreshToken: world.upstream.authorize() });
    const refreshToken = world.upstream.authorize();
    beforeAnswer(world, () => put(tokens, { refreshToken }));
    await world.register(tokens, { refresh_token: refreshToken });
    await world.within(
      1_000,
      tokens.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => {}),
    );
    expect(world.upstream.sent).toEqual([refreshToken]);
    expect(await world.storedToken()).toBe('refresh-3');
  });

  test('the scopes of a put of the refresh token that is being sent stay with an answer that states none', async () => {
    await using world = new RotatingWorld();
    const refreshToken = world.upstream.authorize();
    const tokens = world.process();
    const obtainedAt = world.clock.now() - 10_000;
    beforeAnswer(world, () => put(tokens, { refreshToken, obtainedAt, scope: 'snsapi_userinfo' }));
    await world.register(tokens, { refresh_token: refreshToken });
    await world.clock.advance(1_000);
    expect(await world.stored()).toMatchObject({
      grant: { value: 'token of refresh-2 1', scope: 'snsapi_userinfo' },
      rotation: { token: 'refresh-2' },
    });
  });

  test.each([
    ['is current', 'token of refresh-3 2'],
    ['is unusable', ''],
  ])('I3: a put of an old backup keeps the successor of the one being sent, whose token %s', async (_, value) => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    await put(tokens, { refreshToken: world.upstream.authorize() });
    await world.clock.advance(10_000);
    await world.within(300, tokens.refresh(APPID, TYPE, { ...USER, force: true }));
    await world.clock.advance(40_000);
    beforeAnswer(world, async () => {
      await put(tokens, { refreshToken: 'of a backup', obtainedAt: world.clock.now() - 3_600_000 });
      if (value === '') world.upstream.change = () => ({ value: '' });
    });
    await world.within(
      1_000,
      tokens.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => {}),
    );
    world.upstream.change = () => ({});
    expect(await world.stored()).toMatchObject({
      grant: { value: value === '' ? 'token of refresh-2 1' : value },
      rotation: { token: 'of a backup', put: {}, reserve: [{ token: 'refresh-3' }] },
    });
    await world.clock.advance(2 * LIFE_MS);
    expect(world.upstream.sent.slice(0, 4)).toEqual(['refresh-1', 'refresh-2', 'of a backup', 'refresh-3']);
    expect(world.reauthorizations()).toBe(0);
    expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  });
});
