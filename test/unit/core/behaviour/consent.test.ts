import { describe, expect, test } from 'vitest';
import type { Grant, TokenRecord } from '../../../../src/index.js';
import { faulty, ID, LIFE_MS, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

const WIDE = 'snsapi_userinfo';
const NARROW = 'snsapi_base';
const MONTH_SECONDS = 30 * 86_400;

type Tokens = Awaited<ReturnType<RotatingWorld['withTask']>>;

function put(tokens: Tokens, value: string, fields: Partial<Grant> = {}): Promise<TokenRecord> {
  return tokens.put(APPID, TYPE, { value, expiresInSeconds: LIFE_MS / 1_000, ...fields }, USER);
}

/** A user who has consented, and one second later visits silently. */
async function silentVisit(world: RotatingWorld, stored: Partial<Grant>, visit: Partial<Grant>): Promise<string> {
  const tokens = await world.withTask();
  const refreshToken = world.upstream.authorize();
  await put(tokens, 'consented', { refreshToken, ...stored });
  await world.clock.advance(1_000);
  return (await put(tokens, 'silent', { refreshToken: 'refresh of the visit', ...visit })).value;
}

describe('put and the scopes of a grant', () => {
  test('a put with fewer scopes resolves with the stored record and leaves the document as it is', async () => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    const refreshToken = world.upstream.authorize();
    const consented = await put(tokens, 'consented', { refreshToken, scope: WIDE });
    const [before] = await world.store.get([ID]);
    await world.clock.advance(1_000);
    const answered = await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW });
    expect(answered).toMatchObject({ value: 'consented', version: consented.version });
    expect(await tokens.get(APPID, TYPE, USER)).toBe('consented');
    expect((await world.store.get([ID]))[0]).toEqual(before);
    expect(world.log.filter((line) => line.endsWith(' put'))).toHaveLength(1);
  });

  test.each<[string, Partial<Grant>, Partial<Grant>, string]>([
    ['a part of several scopes', { scope: 'a,b' }, { scope: 'b' }, 'consented'],
    ['a part, separated by spaces', { scope: 'a b c' }, { scope: 'c a' }, 'consented'],
    ['a part by the answers', { result: { scope: WIDE } }, { result: { scope: NARROW } }, 'consented'],
    ['the same scopes', { scope: 'a,b' }, { scope: 'b,a' }, 'silent'],
    ['more scopes', { scope: NARROW }, { scope: WIDE }, 'silent'],
    ['other scopes', { scope: 'a,b' }, { scope: 'c' }, 'silent'],
    ['unknown scopes', { scope: WIDE }, {}, 'silent'],
    ['scopes where those of the stored one are unknown', {}, { scope: NARROW }, 'silent'],
  ])('a put with %s keeps or replaces the stored grant accordingly', async (_name, stored, visit, value) => {
    await using world = new RotatingWorld();
    expect(await silentVisit(world, stored, visit)).toBe(value);
  });

  test.each<[string, Partial<Grant>]>([
    ['in its scope', { scope: WIDE }],
    ['in its answer', { result: { scope: WIDE } }],
  ])(
    'a put with fewer scopes leaves a consent that says them %s, after a refresh that does not',
    async (_name, stored) => {
      await using world = new RotatingWorld();
      const tokens = await world.withTask();
      await put(tokens, 'consented', { refreshToken: world.upstream.authorize(), ...stored });
      const refreshed = await tokens.refresh(APPID, TYPE, { ...USER, force: true });
      await world.clock.advance(1_000);
      expect((await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW })).value).toBe(refreshed);
      world.upstream.change = () => ({ scope: NARROW });
      await world.clock.advance(60_000);
      await tokens.refresh(APPID, TYPE, { ...USER, force: true });
      await world.clock.advance(1_000);
      expect((await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW })).value).toBe('silent');
    },
  );

  test('a put with fewer scopes replaces a grant of another refresh token that the params offered', async () => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    await put(tokens, 'consented', { refreshToken: world.upstream.authorize(), scope: WIDE });
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await tokens.refresh(APPID, TYPE, { ...USER, force: true });
    await world.clock.advance(1_000);
    expect((await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW })).value).toBe('silent');
  });

  test('a put with fewer scopes replaces a grant whose refresh token has been refused', async () => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    await put(tokens, 'consented', { refreshToken: world.upstream.authorize(), scope: WIDE });
    world.upstream.withdraw();
    const refused = tokens.refresh(APPID, TYPE, { ...USER, force: true });
    await expect(refused).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
    await world.clock.advance(1_000);
    expect((await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW })).value).toBe('silent');
    expect(await world.storedToken()).toBe('other');
  });

  test.each([
    [-1, 'consented'],
    [0, 'silent'],
    [1, 'silent'],
  ])('a put with fewer scopes, %i ms from the end of the stored refresh token, leaves %s', async (ms, value) => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    const life = { refreshTokenExpiresInSeconds: MONTH_SECONDS, scope: WIDE };
    await put(tokens, 'consented', { refreshToken: world.upstream.authorize(), ...life });
    await tokens.close();
    await world.clock.advance(MONTH_SECONDS * 1_000 + ms);
    const later = world.process();
    expect((await put(later, 'silent', { refreshToken: 'other', scope: NARROW })).value).toBe(value);
  });

  test.each([
    [-1, 'consented'],
    [0, 'silent'],
    [1, 'silent'],
  ])('a put with fewer scopes, %i ms from the end of a grant without a refresh token, leaves %s', async (ms, value) => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    await put(tokens, 'consented', { scope: WIDE });
    await tokens.close();
    await world.clock.advance(LIFE_MS + ms);
    const later = world.process();
    expect((await put(later, 'silent', { scope: NARROW })).value).toBe(value);
  });

  test('a put with fewer scopes leaves an expired grant whose refresh token is good, and that is refreshed', async () => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    const refreshToken = world.upstream.authorize();
    await put(tokens, 'consented', { refreshToken, scope: WIDE });
    await tokens.close();
    await world.clock.advance(2 * LIFE_MS);
    const later = world.process();
    await put(later, 'silent', { refreshToken: 'other', scope: NARROW });
    await later.get(APPID, TYPE, USER);
    expect(world.upstream.sent).toEqual([refreshToken]);
  });

  test('a put that loses its write to a grant with more scopes leaves that grant current', async () => {
    const { world, store } = faulty();
    await using _ = world;
    const tokens = await world.withTask();
    let rival: Promise<unknown> | undefined;
    store.before = (method, id) => {
      if (method !== 'set' || id !== ID || rival !== undefined) return undefined;
      rival = Promise.resolve();
      rival = put(world.process(), 'consented', { refreshToken: world.upstream.authorize(), scope: WIDE });
      return rival.then(() => {});
    };
    const answered = await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW });
    expect(rival).toBeDefined();
    expect(answered.value).toBe('consented');
  });
});

test('a refresh replaces a grant whatever its scopes, and its answer determines those of the next', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask();
  await put(tokens, 'consented', { refreshToken: world.upstream.authorize(), scope: WIDE });
  world.upstream.change = () => ({ result: { scope: NARROW } });
  expect(await tokens.refresh(APPID, TYPE, { ...USER, force: true })).not.toBe('consented');
  world.upstream.change = () => ({ result: { scope: WIDE } });
  await world.clock.advance(LIFE_MS);
  const refreshed = await tokens.get(APPID, TYPE, USER);
  await world.clock.advance(1_000);
  expect((await put(tokens, 'silent', { refreshToken: 'other', scope: NARROW })).value).toBe(refreshed);
});

test('scopes are stored within the grant, and in no record', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask();
  const record = await put(tokens, 'consented', { scope: 'CONSENT' });
  expect((await world.stored())?.grant).toMatchObject({ scope: 'CONSENT' });
  expect((await world.stored()) as object).not.toHaveProperty('scope');
  expect(JSON.stringify(record) + Object.keys(record).join()).not.toMatch(/scope|CONSENT/);
});

test.each([5, null, 'x'.repeat(4_097), ['a']])(
  'a scope that is no text of at most 4,096 characters is rejected: %#',
  async (scope) => {
    await using world = new RotatingWorld();
    const tokens = await world.withTask();
    const refused = put(tokens, 'consented', { scope: scope as string });
    await expect(refused).rejects.toThrow(/^a grant's scope must be a string of at most 4096 characters, got /);
    expect((await world.stored())?.grant).toBeUndefined();
  },
);
