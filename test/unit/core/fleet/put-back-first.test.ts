import { expect, test } from 'vitest';
import type { TokenManager, TokenStore } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { ID, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

type Tokens = TokenManager<'user_token'>;

const KINDS = ['app', 'task', 'key', 'delivery', 'limit', 'store'];

/** A way to the store on which changes are told by the test alone. */
function quiet(store: TokenStore): { store: TokenStore; tell: () => void } {
  const watchers = new Set<(id: string | undefined) => void>();
  const watch: TokenStore['watch'] = async (changed) => {
    watchers.add(changed);
    return async () => void watchers.delete(changed);
  };
  const tell = (): void => {
    for (const watcher of watchers) watcher(undefined);
  };
  return { store: { ...shared(store), watch }, tell };
}

/**
 * A store that was emptied, and that a process has noticed which has registered the task and does not hold its record. Another
 * one holds it, or none.
 */
async function emptied({ isHeld = true }: { isHeld?: boolean } = {}): Promise<{
  world: RotatingWorld;
  registrar: Tokens;
}> {
  const world = new RotatingWorld({ fleet: true });
  const holder = world.process({ store: quiet(world.store).store });
  const params = { refresh_token: world.upstream.authorize() };
  await world.within(100, world.register(holder, params));
  await world.within(5_000, holder.get(APPID, TYPE, USER));
  await world.within(5_000, holder.refresh(APPID, TYPE, { ...USER, force: true }));
  const way = quiet(world.store);
  const registrar = world.process({ store: way.store });
  await world.within(5_000, registrar.start());
  await world.within(100, world.register(registrar, params));
  if (!isHeld) await world.within(20_000, holder.close());
  for (const kind of KINDS) {
    for await (const { id, version } of world.store.list(kind)) await world.store.delete(id, version);
  }
  way.tell();
  await world.clock.advance(100);
  expect(world.log.filter((line) => line.startsWith('storeReplaced'))).toHaveLength(1);
  expect(await world.stored()).toBeDefined();
  return { world, registrar };
}

test('a task put back by a process without its record is not refreshed before each process has looked', async () => {
  const { world } = await emptied();
  await using _ = world;
  await world.clock.advance(180_000);
  expect(await world.storedToken()).toBe('refresh-3');
  expect([world.upstream.sent, world.reauthorizations()]).toEqual([['refresh-1', 'refresh-2'], 0]);
});

test('a get for a task that was put back fails with a retryAt, and no reauthorization is requested', async () => {
  const { world, registrar } = await emptied();
  await using _ = world;
  const lostAt = world.clock.now() - 100;
  const got = world.within(5_000, registrar.get(APPID, TYPE, USER));
  await expect(got).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
  const { retryAt } = (await got.catch((error: unknown) => error)) as { retryAt: number };
  expect(retryAt).toBeGreaterThan(lostAt + 60_000);
  expect(retryAt).toBeLessThanOrEqual(lostAt + 71_000);
  await world.clock.advance(60_000);
  expect(await world.within(5_000, registrar.get(APPID, TYPE, USER))).toMatch(/^token of/);
  await world.clock.advance(7_200_000);
  await world.within(5_000, registrar.get(APPID, TYPE, USER));
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  expect(world.reauthorizations()).toBe(0);
});

test('a process that starts after a task was put back waits for its holder, too', async () => {
  const { world, registrar } = await emptied();
  await using _ = world;
  const other = world.process({ store: quiet(world.store).store });
  const got = world.within(5_000, other.get(APPID, TYPE, USER));
  await expect(got).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
  await world.clock.advance(60_000);
  expect(await world.within(5_000, registrar.get(APPID, TYPE, USER))).toMatch(/^token of/);
  expect(world.reauthorizations()).toBe(0);
});

test('the end of a refresh token is reported once after the wait where no process holds the record', async () => {
  const { world, registrar } = await emptied({ isHeld: false });
  await using _ = world;
  await expect(world.within(5_000, registrar.get(APPID, TYPE, USER))).rejects.toMatchObject({ retryable: true });
  expect(world.reauthorizations()).toBe(0);
  await world.clock.advance(180_000);
  expect(world.reauthorizations()).toBe(1);
  const got = world.within(5_000, registrar.get(APPID, TYPE, USER));
  await expect(got).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
});

test('a refresh token that is put during the wait ends the wait, and is reported as any other', async () => {
  const { world, registrar } = await emptied({ isHeld: false });
  await using _ = world;
  const grant = { value: 'put', expiresInSeconds: 1, refreshToken: 'never good' };
  await world.within(500, registrar.put(APPID, TYPE, grant, USER));
  expect((await world.store.get([ID]))[0]?.data['lostAt']).toBeUndefined();
  await world.clock.advance(5_000);
  expect(world.reauthorizations()).toBe(1);
});

test('a key that lost only its document is not refreshed with an older refresh token before its holder has looked', async () => {
  await using world = new RotatingWorld({ fleet: true });
  const params = { refresh_token: world.upstream.authorize() };
  const holder = world.process({ store: quiet(world.store).store });
  await world.within(100, world.register(holder, params));
  await world.within(5_000, holder.get(APPID, TYPE, USER));
  const first = world.process({ store: quiet(world.store).store });
  await world.within(5_000, first.start());
  await world.within(100, world.register(first, params));
  // The holder has looked less than a minute ago when the document is lost, and the round of the other comes before its next look.
  await world.clock.advance(20_000);
  const [document] = await world.store.get([ID]);
  await world.store.delete(ID, document?.version ?? 0);
  await world.clock.advance(900_000);
  expect([await world.storedToken(), world.upstream.sent]).toEqual(['refresh-2', ['refresh-1']]);
});
