import { describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { HISTORY_ID } from '../../../../src/core/store/history-document.js';
import type { TokenError, TokenStore } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { RestoredWorld, type Tokens } from '../../../support/worlds/restored-world.js';
import { ID, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

/** The time within which every process has checked the store and put back what it holds. */
const ALL_HAVE_CHECKED_MS = 70_000;
const UNSETTLED = { code: 'UPSTREAM_UNAVAILABLE', errcode: 40030, retryable: true };
const REFUSED = { code: 'REAUTHORIZATION_REQUIRED', errcode: 40030 };

interface Options {
  /** Whether an app was registered after the backup and before it was restored, which every process has seen. */
  readonly isRegisteredSince?: boolean;
  /** Whether the only process that holds the newest refresh token ends before the backup is restored. */
  readonly isHolderGone?: boolean;
  /** The way in which the other process reaches the store. */
  readonly way?: TokenStore;
}

interface Restored {
  /** A process that does not hold the newest refresh token. */
  readonly other: Tokens;
  /** How long after the restoration a process asked for a new authorization. */
  readonly asked: number[];
  /** How long after the restoration the other process reported a recovery. */
  readonly recovered: number[];
}

/** Restores a backup that has the refresh token of a user from before the last refresh, which used it up. */
async function restored(world: RestoredWorld, options: Options = {}): Promise<Restored> {
  const { isRegisteredSince = true, isHolderGone = false, way } = options;
  const holder = await world.process();
  await world.register(holder);
  const other = await world.process(way);
  await world.login(holder, { tells: false });
  const backup = world.store.state();
  expect(await refresh(world, holder)).toBeUndefined();
  if (isRegisteredSince) {
    await holder.register({ appid: 'wx-other', secret: SECRET });
    await world.clock.advance(2_000);
    world.store.tell(HISTORY_ID);
    await world.clock.advance(1_000);
  }
  if (isHolderGone) {
    const closed = holder.close();
    await world.clock.advance(20_000);
    await closed;
  }
  world.store.restore(backup);
  const restoredAt = world.clock.now();
  const asked: number[] = [];
  const recovered: number[] = [];
  for (const tokens of [holder, other])
    tokens.on('reauthorizationRequired', () => void asked.push(world.clock.now() - restoredAt));
  other.on('recovered', () => void recovered.push(world.clock.now() - restoredAt));
  return { other, asked, recovered };
}

/** Refreshes the token of the user; returns the error if that fails. */
async function refresh({ clock }: RestoredWorld, tokens: Tokens): Promise<TokenError | undefined> {
  const refreshing = tokens.refresh(APPID, TYPE, { ...USER, force: true }).then(
    () => undefined,
    (error: TokenError) => error,
  );
  await clock.advance(1_000);
  return refreshing;
}

describe('I3: a refresh token that was used up, and that a restored backup shows again', () => {
  test('I3: no user is asked to authorize again whose newest refresh token another process puts back', async () => {
    await using world = new RestoredWorld({});
    const { other, asked, recovered } = await restored(world);
    expect(await refresh(world, other)).toMatchObject(UNSETTLED);
    await world.clock.advance(ALL_HAVE_CHECKED_MS);
    expect([recovered.length > 0, other.peek(APPID, TYPE, USER)?.value]).toEqual([true, 'token of refresh-2 1']);
    await world.clock.advance(7_200_000);
    expect([asked, world.upstream.isGood(world.storedToken() as string)]).toEqual([[], true]);
    expect(other.peek(APPID, TYPE, USER)).toBeDefined();
  });

  test('I3: a user is asked once to authorize again when every process has checked and none has a newer one', async () => {
    await using world = new RestoredWorld({});
    const { other, asked } = await restored(world, { isHolderGone: true });
    expect(await refresh(world, other)).toMatchObject(UNSETTLED);
    await world.clock.advance(ALL_HAVE_CHECKED_MS);
    expect(asked).toEqual([]);
    expect(await refresh(world, other)).toMatchObject(REFUSED);
    await world.clock.advance(7_200_000);
    expect(asked).toHaveLength(1);
  });

  test('I3: a process that started after another one had found the backup waits for the others as well', async () => {
    await using world = new RestoredWorld({});
    await restored(world, { isHolderGone: true });
    await world.clock.advance(60_000);
    const late = await world.process();
    const sent = world.upstream.sent.length;
    expect(await refresh(world, late)).toMatchObject(UNSETTLED);
    expect(world.upstream.sent.slice(sent)).toEqual(['refresh-1']);
  });

  test('I3: a refusal waits for the others although the clock was set back since the backup was found', async () => {
    await using world = new RestoredWorld({});
    const { other } = await restored(world, { isHolderGone: true });
    await world.clock.advance(60_000);
    world.clock.jump(-30_000);
    expect(await refresh(world, other)).toMatchObject(UNSETTLED);
  });

  test('I3: a user who has authorized again since is asked at once when that authorization is refused', async () => {
    await using world = new RestoredWorld({});
    const { other, asked } = await restored(world, { isHolderGone: true });
    expect(await refresh(world, other)).toMatchObject(UNSETTLED);
    await world.login(other);
    world.upstream.withdraw();
    await world.clock.advance(60_000);
    expect(await refresh(world, other)).toMatchObject(REFUSED);
    expect(asked).toHaveLength(1);
  });

  test('I3: a refusal waits for the others while the store does not say which history it has', async () => {
    await using world = new RestoredWorld({});
    const way = new FaultyStore(shared(world.store));
    const { other, asked } = await restored(world, { isRegisteredSince: false, isHolderGone: true, way });
    way.before = (method, id) => {
      if (method === 'get' && id === HISTORY_ID) throw new Error('the connection was lost');
    };
    expect(await refresh(world, other)).toMatchObject(UNSETTLED);
    way.before = () => {};
    await world.clock.advance(7_200_000);
    expect(asked).toHaveLength(1);
  });
});

describe('I3: a refresh token that was used up, and a backup that nothing in the history of the store gives away', () => {
  test('I3: no user is asked whose newest refresh token is put back before WeChat refuses the older one', async () => {
    await using world = new RestoredWorld({});
    const { other, asked } = await restored(world, { isRegisteredSince: false });
    world.upstream.arriving = async () => {
      world.upstream.arriving = () => {};
      world.store.tell(ID);
      await wait(world.clock, 100);
    };
    expect(await refresh(world, other)).toBeUndefined();
    expect([asked, world.upstream.sent.slice(-2)]).toEqual([[], ['refresh-1', 'refresh-2']]);
  });

  test('I3: the refusal of the older refresh token ends when the newest one is put back', async () => {
    await using world = new RestoredWorld({});
    const { other, asked, recovered } = await restored(world, { isRegisteredSince: false });
    expect(await refresh(world, other)).toMatchObject(REFUSED);
    await world.clock.advance(ALL_HAVE_CHECKED_MS);
    expect([asked.length, recovered.length > 0]).toEqual([1, true]);
    expect(other.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-2 1');
    expect(await refresh(world, other)).toBeUndefined();
    expect([asked.length, world.upstream.isGood(world.storedToken() as string)]).toEqual([1, true]);
  });
});
