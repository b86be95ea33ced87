import { describe, expect, test } from 'vitest';
import type { Grant, TokenRecord } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { ID, LIFE_MS, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

type Tokens = Awaited<ReturnType<RotatingWorld['withTask']>>;

/** A put of a grant that was obtained before the one in force. */
function putLate(world: RotatingWorld, tokens: Tokens, fields: Partial<Grant>): Promise<TokenRecord> {
  const grant = { value: 'put late', expiresInSeconds: LIFE_MS / 1_000, obtainedAt: world.clock.now() - 5_000 };
  return tokens.put(APPID, TYPE, { ...grant, ...fields }, USER);
}

/** A user whose refresh token has been used once. */
async function refreshed(world: RotatingWorld, fields: Partial<Grant> = {}): Promise<Tokens> {
  const tokens = await world.withTask();
  const refreshToken = world.upstream.authorize();
  await tokens.put(APPID, TYPE, { value: 'login', expiresInSeconds: LIFE_MS / 1_000, refreshToken, ...fields }, USER);
  await world.clock.advance(10_000);
  await world.within(300, tokens.refresh(APPID, TYPE, { ...USER, force: true }));
  return tokens;
}

describe('I3: puts of an unknown refresh token with a grant older than the current one', () => {
  test('I3: an unknown refresh token of an older grant is stored beside the current grant, and refreshes it', async () => {
    await using world = new RotatingWorld();
    const tokens = await refreshed(world);
    const refreshToken = world.upstream.authorize();
    expect((await putLate(world, tokens, { refreshToken })).value).toBe('token of refresh-2 1');
    expect(await world.storedToken()).toBe(refreshToken);
    await world.clock.advance(LIFE_MS);
    expect([world.upstream.sent, world.reauthorizations()]).toEqual([['refresh-1', refreshToken], 0]);
    expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  });

  test('I3: an unknown refresh token is stored where another process refreshed the previous one meanwhile', async () => {
    await using world = new RotatingWorld();
    world.upstream.mode = 'kept';
    const tokens = await refreshed(world);
    await world.clock.advance(30_000);
    const way = new FaultyStore(shared(world.store));
    const other = world.process({ store: way });
    await other.start();
    world.upstream.change = () => ({ value: 'refreshed meanwhile' });
    let goOn = (): void => {};
    way.before = (method) => (method === 'set' ? new Promise((resolve) => (goOn = resolve)) : undefined);
    const grant = { value: 'put', expiresInSeconds: LIFE_MS / 1_000, refreshToken: 'of the login' };
    const putting = other.put(APPID, TYPE, grant, USER);
    await world.clock.advance(100);
    await world.within(300, tokens.refresh(APPID, TYPE, { ...USER, force: true }));
    way.before = () => {};
    goOn();
    expect((await putting).value).toBe('refreshed meanwhile');
    expect(await world.storedToken()).toBe('of the login');
  });

  test('I3: an unknown refresh token leaves the previous one in reserve, which is sent when it is refused', async () => {
    await using world = new RotatingWorld();
    const tokens = await refreshed(world);
    await putLate(world, tokens, { refreshToken: 'of an old backup' });
    expect(await world.storedToken()).toBe('of an old backup');
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent).toEqual(['refresh-1', 'of an old backup', 'refresh-2']);
    expect([await world.storedToken(), world.reauthorizations()]).toEqual(['refresh-3', 0]);
    expect(tokens.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-3 3');
  });

  test('I3: the good one of several unknown refresh tokens is found', async () => {
    await using world = new RotatingWorld();
    const tokens = await refreshed(world);
    for (const refreshToken of ['dead-1', 'dead-2', 'dead-3']) await putLate(world, tokens, { refreshToken });
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent).toEqual(['refresh-1', 'dead-3', 'dead-2', 'dead-1', 'refresh-2']);
    expect([await world.storedToken(), world.reauthorizations()]).toEqual(['refresh-3', 0]);
  });

  test('I3: several unknown refresh tokens are sent once only, when none of them is good', async () => {
    await using world = new RotatingWorld();
    const tokens = await refreshed(world);
    for (const refreshToken of ['dead-1', 'dead-2', 'dead-3']) await putLate(world, tokens, { refreshToken });
    world.upstream.withdraw();
    await world.clock.advance(3 * LIFE_MS);
    expect(world.upstream.sent).toEqual(['refresh-1', 'dead-3', 'dead-2', 'dead-1', 'refresh-2']);
    expect(world.reauthorizations()).toBe(1);
  });

  test.each([
    [-1, 'another'],
    [0, 'another'],
    [1, 'another'],
    [0, 'the same'],
  ] as const)(
    'I3: a refresh token is stored %i ms after the end of the stored one, when it is %s',
    async (afterMs, which) => {
      await using world = new RotatingWorld();
      world.upstream.mode = 'kept';
      const lifeMs = 3_600_000;
      const tokens = await refreshed(world, { refreshTokenExpiresInSeconds: lifeMs / 1_000 });
      await world.clock.advance(lifeMs - 10_300 + afterMs);
      const refreshToken = which === 'the same' ? 'refresh-1' : world.upstream.authorize();
      const obtainedAt = world.clock.now() - lifeMs;
      await putLate(world, tokens, { refreshToken, refreshTokenExpiresInSeconds: 30 * 86_400, obtainedAt });
      expect(await world.storedToken()).toBe(refreshToken);
      await world.clock.advance(3 * LIFE_MS);
      expect([tokens.peek(APPID, TYPE, USER) !== undefined, world.reauthorizations()]).toEqual([true, 0]);
    },
  );

  test('I3: an unknown refresh token is stored with its older grant where the user has consented to more', async () => {
    await using world = new RotatingWorld();
    const tokens = await refreshed(world, { scope: 'snsapi_base' });
    const refreshToken = world.upstream.authorize();
    const record = await putLate(world, tokens, { refreshToken, scope: 'snsapi_userinfo' });
    expect(record.value).toBe('put late');
    expect(await world.stored()).toMatchObject({
      grant: { value: 'put late', scope: 'snsapi_userinfo' },
      rotation: { token: refreshToken },
    });
  });

  test('I3: an unknown refresh token is dropped where the user has consented to less', async () => {
    await using world = new RotatingWorld();
    const tokens = await refreshed(world, { scope: 'snsapi_userinfo' });
    const before = await world.stored();
    await putLate(world, tokens, { refreshToken: 'of a silent visit', scope: 'snsapi_base' });
    expect(await world.stored()).toEqual(before);
  });
});

test('I3: a refused refresh token that is put again with an older grant is sent again', async () => {
  await using world = new RotatingWorld();
  world.upstream.mode = 'kept';
  const tokens = await refreshed(world);
  const { isGood } = world.upstream;
  world.upstream.isGood = () => false;
  await world.clock.advance(30_000);
  await tokens.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => {});
  world.upstream.isGood = isGood;
  await putLate(world, tokens, { refreshToken: 'refresh-1', obtainedAt: world.clock.now() - 60_000 });
  const { length } = world.upstream.sent;
  await world.clock.advance(LIFE_MS);
  expect(world.upstream.sent.slice(length)).toEqual(['refresh-1']);
});

test('I8: a caller gets the token of a login that was put elsewhere just after its lease was granted', async () => {
  await using world = new RotatingWorld();
  const tokens = world.process({ refresh: 'never' });
  await world.register(tokens);
  const way = shared(world.store);
  let goOn: (() => void) | undefined;
  const lease: typeof way.lease = async (id, ttlMs) => {
    const granted = await way.lease(id, ttlMs);
    if (id === ID && goOn === undefined) await new Promise<void>((resolve) => (goOn = resolve));
    return granted;
  };
  // The lease is the one that the caller asks for, in a fleet too.
  const claims = way.claimDue === undefined ? {} : { claimDue: async () => [] };
  const other = world.process({ store: { ...way, lease, ...claims } });
  await other.start();
  const asking = other.get(APPID, TYPE, USER);
  await world.clock.advance(500);
  const refreshToken = world.upstream.authorize();
  await tokens.put(APPID, TYPE, { value: 'login', expiresInSeconds: LIFE_MS / 1_000, refreshToken }, USER);
  await world.clock.advance(500);
  goOn?.();
  expect(await world.within(1_000, asking)).toBe('login');
  expect(world.log.filter((line) => line.startsWith('refreshFailed'))).toEqual([]);
  expect([world.upstream.sent, await world.storedToken()]).toEqual([[], refreshToken]);
});

describe('I3: logins after a refusal that the store did not take', () => {
  /** A process with its own access to the store, and a user whose only refresh token has been withdrawn. */
  async function withdrawn(world: RotatingWorld): Promise<{ tokens: Tokens; way: FaultyStore }> {
    const way = new FaultyStore(shared(world.store));
    const tokens = world.process({ store: way });
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await tokens.get(APPID, TYPE, USER);
    world.upstream.withdraw();
    return { tokens, way };
  }

  function login(world: RotatingWorld, tokens: Tokens): Promise<TokenRecord> {
    const refreshToken = world.upstream.authorize();
    return tokens.put(APPID, TYPE, { value: 'login', expiresInSeconds: LIFE_MS / 1_000, refreshToken }, USER);
  }

  test('I3: a login in another process ends a refusal that the store did not take from this one', async () => {
    await using world = new RotatingWorld();
    const { tokens, way } = await withdrawn(world);
    way.before = (method, id) => {
      if (method === 'set' && id === ID && world.upstream.sent.length === 2) throw new Error('disk full');
    };
    await world.clock.advance(LIFE_MS + 60_000);
    expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
    way.before = () => {};
    const other = world.process();
    await login(world, other);
    await other.close();
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent.slice(2)).toEqual(['refresh-3']);
    expect(await tokens.get(APPID, TYPE, USER)).toBe('token of refresh-4 3');
  });

  test('I3: a login while the refusal of the previous refresh token is being written is not refused with it', async () => {
    await using world = new RotatingWorld();
    const { tokens, way } = await withdrawn(world);
    let loggedIn: Promise<TokenRecord> | undefined;
    way.before = async (method, id) => {
      if (method !== 'set' || id !== ID || world.upstream.sent.length !== 2) return;
      way.before = () => {};
      loggedIn = login(world, tokens);
      await loggedIn;
      throw new Error('the connection broke');
    };
    await world.clock.advance(LIFE_MS);
    expect((await loggedIn)?.value).toBe('login');
    expect(world.reauthorizations()).toBe(0);
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent.slice(2)).toContain('refresh-3');
    expect(await tokens.get(APPID, TYPE, USER)).not.toBe('login');
  });
});
