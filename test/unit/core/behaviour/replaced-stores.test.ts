import { describe, expect, test } from 'vitest';
import type { StoredDocument, TokenManager, TokenStore } from '../../../../src/index.js';
import { RestorableStore } from '../../../support/stores/restorable-store.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { RotatingWorld, USER, ID as USER_ID, TYPE as USER_TYPE } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const KINDS = ['store', 'app', 'task', 'key', 'delivery', 'limit'];
const KEY_ID = `key/${APPID}/${TYPE}`;

async function documents({ store }: World, kinds: readonly string[] = KINDS): Promise<StoredDocument[]> {
  const found: StoredDocument[] = [];
  for (const kind of kinds) for await (const document of store.list(kind)) found.push(document);
  return found;
}

/** Empties the store. Without a word, as no store tells of that. */
async function wipe(world: World): Promise<void> {
  for (const { id, version } of await documents(world)) await world.store.delete(id, version);
}

/** A store that tells nothing of changes while it is deaf. */
function quiet(store: TokenStore): { store: TokenStore; tell: (id: string | undefined) => void } {
  const watchers = new Set<(id: string | undefined) => void>();
  const tell = (id: string | undefined): void => {
    for (const watcher of watchers) watcher(id);
  };
  const watch: TokenStore['watch'] = async (changed) => {
    watchers.add(changed);
    return async () => void watchers.delete(changed);
  };
  return { store: { ...shared(store), watch }, tell };
}

async function replaced(world: World): Promise<string[]> {
  await world.clock.advance(61_000);
  await world.clock.advance(0);
  return world.log.filter((line) => line.startsWith('storeReplaced'));
}

const registration = { appid: APPID, secret: SECRET, tasks: [TYPE] } as const;

describe('a store that was emptied', () => {
  test('an emptied store gets back within a minute what a process has registered, and which token it holds', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const tokens = await world.registered({ store });
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    await wipe(world);
    expect(await replaced(world)).toHaveLength(1);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    expect((await documents(world, ['app', 'task', 'key'])).map(({ id }) => id)).toEqual([
      `app/${APPID}`,
      `task/${APPID}/${TYPE}`,
      KEY_ID,
    ]);
    const next = world.manager();
    expect(await next.get(APPID, TYPE)).toBe('token-1');
    expect(world.wechat.calls).toBe(1);
    expect(await replaced(world)).toHaveLength(1);
  });

  test('an emptied store is refilled also where its history could not be read when the process started', async () => {
    await using world = new World();
    const store = new FaultyStore(quiet(world.store).store);
    store.before = (method, id) => {
      if (method === 'get' && id === 'store/~history') throw new Error('away');
    };
    const tokens = await world.registered({ store });
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    store.before = () => {};
    await world.clock.advance(6_000);
    await wipe(world);
    expect(await replaced(world)).toHaveLength(1);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    expect((await world.store.get([`app/${APPID}`, KEY_ID])).every((found) => found !== undefined)).toBe(true);
  });

  test('an emptied store is refilled at once when it notifies that changes may have been missed', async () => {
    await using world = new World();
    const { store, tell } = quiet(world.store);
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    await wipe(world);
    tell(undefined);
    await world.clock.advance(0);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    expect((await world.store.get([`app/${APPID}`, KEY_ID])).every((found) => found !== undefined)).toBe(true);
    expect(world.wechat.calls).toBe(1);
  });

  test.each(['watched', 'without watch'])(
    'an emptied store does not interrupt two processes that have registered the same app, %s',
    async (how) => {
      await using world = new World();
      const stores = [1, 2].map(() => (how === 'watched' ? quiet(world.store).store : unwatched(shared(world.store))));
      const managers: TokenManager[] = [];
      for (const store of stores) managers.push(await world.registered({ store }));
      for (const tokens of managers) await tokens.get(APPID, TYPE);
      await wipe(world);
      for (let second = 0; second < 130; second += 1) {
        for (const tokens of managers) expect(await tokens.get(APPID, TYPE)).toBe('token-1');
        await world.clock.advance(1_000);
      }
      await managers[0]?.refresh(APPID, TYPE, { force: true });
      await world.clock.advance(61_000);
      await managers[1]?.get(APPID, TYPE);
      await world.clock.advance(0);
      expect(await managers[1]?.get(APPID, TYPE)).toBe('token-2');
      expect(world.log.filter((line) => line.startsWith('storeReplaced'))).toHaveLength(2);
    },
  );

  test('a task that was put back into an emptied store is due as before', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    await wipe(world);
    await replaced(world);
    await world.clock.advance(7_200_000);
    expect(await tokens.get(APPID, TYPE)).toBe('token-2');
    expect(world.wechat.calls).toBe(2);
  });

  test('an emptied store gets back the settings of pushes', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const tokens = await world.registered({ store });
    await tokens.register({ appid: APPID, push: { token: 'T1', encodingAesKey: 'k'.repeat(43) } });
    await wipe(world);
    await replaced(world);
    const [app] = await world.store.get([`app/${APPID}`]);
    expect(app?.data).toMatchObject({ push: { token: 'T1', keys: ['k'.repeat(43)], mode: 'encrypted' } });
  });

  test('an emptied store gets back a task that had no token yet, which is fetched', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    world.wechat.always = new Error('away');
    const tokens = await world.registered({ store });
    await world.clock.advance(100);
    await wipe(world);
    await replaced(world);
    world.wechat.always = undefined;
    await world.clock.advance(120_000);
    expect(await world.manager().get(APPID, TYPE)).toMatch(/^token-/);
    expect(tokens.hasTask(APPID, TYPE)).toBe(true);
  });

  test('an emptied store keeps the newer token and the registration that another process has put there meanwhile', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const asleep = await world.registered({ store });
    await asleep.get(APPID, TYPE);
    await wipe(world);
    const other = world.manager();
    await other.register({ ...registration, secret: 'CANARY-another-secret' });
    const fresh = await other.get(APPID, TYPE);
    expect(fresh).toBe('token-2');
    expect(await replaced(world)).toHaveLength(1);
    await world.clock.advance(61_000);
    expect([await asleep.get(APPID, TYPE), await other.get(APPID, TYPE)]).toEqual([fresh, fresh]);
    const [app] = await world.store.get([`app/${APPID}`]);
    expect(app?.data['secret']).toBe('CANARY-another-secret');
  });

  test('an emptied store does not get back what this process has unregistered, nor what another one unregistered there', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const asleep = world.manager({ store });
    for (const appid of ['wx1', 'wx2', 'wx3']) await asleep.register({ ...registration, appid });
    await asleep.unregister('wx1');
    await wipe(world);
    const other = world.manager();
    await other.register({ ...registration, appid: 'wx2' });
    await other.unregister('wx2');
    await replaced(world);
    expect((await documents(world, ['app'])).map(({ id }) => id)).toEqual(['app/wx3']);
    await expect(asleep.get('wx2', TYPE)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    expect(await asleep.get('wx3', TYPE)).toMatch(/^token-/);
  });

  test('a token that others have registered is answered after the store was emptied until it expires', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const registering = await world.registered();
    const reading = world.manager({ store });
    expect(await reading.get(APPID, TYPE)).toBe('token-1');
    await registering.close();
    await wipe(world);
    for (let minute = 0; minute < 115; minute += 1) {
      await world.clock.advance(60_000);
      expect(await reading.get(APPID, TYPE)).toBe('token-1');
    }
    await world.clock.advance(360_000);
    await expect(reading.get(APPID, TYPE)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    expect([world.wechat.calls, (await documents(world, ['app', 'task', 'key'])).length]).toEqual([1, 0]);
  });

  test("an emptied store gets the tokens of other processes' tasks when those have put them back", async () => {
    await using world = new World();
    const [one, other] = [quiet(world.store), quiet(world.store)];
    const registering = await world.registered({ store: one.store });
    const reading = world.manager({ store: other.store });
    await registering.get(APPID, TYPE);
    await world.clock.advance(3_000);
    expect(await reading.get(APPID, TYPE)).toBe('token-1');
    await wipe(world);
    other.tell(undefined);
    await world.clock.advance(0);
    expect(await world.store.get([`app/${APPID}`, KEY_ID])).toEqual([undefined, undefined]);
    one.tell(undefined);
    await world.clock.advance(0);
    other.tell(`app/${APPID}`);
    await world.clock.advance(0);
    const [app, key] = await world.store.get([`app/${APPID}`, KEY_ID]);
    expect([app === undefined, key?.data['grant']]).toEqual([false, expect.objectContaining({ value: 'token-1' })]);
    expect(await reading.get(APPID, TYPE)).toBe('token-1');
  });

  test('an emptied store gets back the secret under a registration that only adds a task', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    await wipe(world);
    await tokens.register({ appid: APPID, tasks: [{ type: TYPE, subject: 'other' }] });
    const [app] = await world.store.get([`app/${APPID}`]);
    expect(app?.data['secret']).toBe(SECRET);
    expect((await documents(world, ['task'])).length).toBe(2);
  });

  test('an unavailable store is not taken for an emptied one', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    let isAway = false;
    const get = world.store.get.bind(world.store);
    world.store.get = (ids) => (isAway ? Promise.reject(new Error('away')) : get(ids));
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    isAway = true;
    await world.clock.advance(600_000);
    isAway = false;
    await world.clock.advance(120_000);
    expect(world.log.filter((line) => line.startsWith('storeReplaced'))).toEqual([]);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  });

  test('an emptied store is refilled when it takes writes again, where it took none at first', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const set = world.store.set.bind(world.store);
    let isFull = false;
    world.store.set = (...args) => (isFull ? Promise.reject(new Error('disk full')) : set(...args));
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    await wipe(world);
    isFull = true;
    await world.clock.advance(180_000);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    isFull = false;
    expect(await replaced(world)).toHaveLength(1);
    await world.clock.advance(10_000);
    expect((await documents(world, ['app', 'task', 'key'])).length).toBe(3);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  });

  test('an emptied store is refilled by the next look where the process could not do it whole', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const set = world.store.set.bind(world.store);
    let refusesApps = false;
    world.store.set = (...args) =>
      refusesApps && args[0].startsWith('app/') ? Promise.reject(new Error('disk full')) : set(...args);
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    await wipe(world);
    refusesApps = true;
    await world.clock.advance(120_000);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    refusesApps = false;
    await world.clock.advance(10_000);
    expect((await documents(world, ['app', 'task', 'key'])).length).toBe(3);
    expect(world.log.filter((line) => line.startsWith('storeReplaced'))).toHaveLength(1);
  });

  test('an emptied store causes an event that holds no secret', async () => {
    await using world = new World();
    const tokens = await world.registered({ store: quiet(world.store).store });
    const events: unknown[] = [];
    tokens.on('storeReplaced', (event) => void events.push(event));
    await wipe(world);
    await replaced(world);
    expect(events).toEqual([{ replacement: 'another' }]);
  });
});

describe('refresh tokens and a store that was emptied', () => {
  async function authorized(): Promise<{ world: RotatingWorld; tokens: TokenManager<'user_token'> }> {
    const world = new RotatingWorld();
    const tokens = world.process({ store: quiet(world.store).store });
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await tokens.get(APPID, USER_TYPE, USER);
    return { world, tokens };
  }

  test('a refresh token is put back into an emptied store, and is sent next', async () => {
    const { world, tokens } = await authorized();
    await using _ = world;
    const [first, token] = [await tokens.get(APPID, USER_TYPE, USER), await world.storedToken()];
    await wipe(world);
    await replaced(world);
    expect([await tokens.get(APPID, USER_TYPE, USER), await world.storedToken()]).toEqual([first, token]);
    await world.clock.advance(7_200_000);
    await tokens.get(APPID, USER_TYPE, USER);
    expect([world.upstream.sent, world.reauthorizations()]).toEqual([['refresh-1', 'refresh-2'], 0]);
  });

  test('a refresh that finds the store emptied sends the newest refresh token, and not that of the first day', async () => {
    const { world, tokens } = await authorized();
    await using _ = world;
    await world.clock.advance(1_000);
    await wipe(world);
    await tokens.refresh(APPID, USER_TYPE, { ...USER, force: true });
    expect([world.upstream.sent, await world.storedToken()]).toEqual([['refresh-1', 'refresh-2'], 'refresh-3']);
  });

  test('a refresh token is not lost with the store while a refresh is under way', async () => {
    const { world, tokens } = await authorized();
    await using _ = world;
    world.upstream.answering = () => wipe(world);
    const fresh = await tokens.refresh(APPID, USER_TYPE, { ...USER, force: true });
    await world.clock.advance(0);
    expect([await world.storedToken(), await tokens.get(APPID, USER_TYPE, USER)]).toEqual(['refresh-3', fresh]);
  });

  test('a lasting refresh token is kept by a refresh under way, and by a put', async () => {
    const { world, tokens } = await authorized();
    await using _ = world;
    world.upstream.mode = 'kept';
    world.upstream.change = () => ({ refreshToken: undefined }) as never;
    world.upstream.answering = () => wipe(world);
    await tokens.refresh(APPID, USER_TYPE, { ...USER, force: true });
    await world.clock.advance(0);
    expect(await world.storedToken()).toBe('refresh-2');
    await wipe(world);
    await tokens.put(APPID, USER_TYPE, { value: 'put', expiresInSeconds: 7_200 }, USER);
    await world.clock.advance(0);
    expect([await world.storedToken(), (await world.store.get([USER_ID]))[0]?.data['grant']]).toEqual([
      'refresh-2',
      expect.objectContaining({ value: 'put' }),
    ]);
  });

  test('a refresh token that was put into the new store meanwhile stays', async () => {
    const { world, tokens } = await authorized();
    await using _ = world;
    await wipe(world);
    const other = world.process();
    await world.register(other);
    await world.clock.advance(10);
    const refreshToken = world.upstream.authorize();
    await other.put(APPID, USER_TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken }, USER);
    await replaced(world);
    await tokens.get(APPID, USER_TYPE, USER);
    await world.clock.advance(0);
    expect([await world.storedToken(), await tokens.get(APPID, USER_TYPE, USER)]).toEqual([refreshToken, 'put']);
  });
});

describe('a key document that alone is missing', () => {
  async function lost(): Promise<{ world: RotatingWorld; tokens: TokenManager<'user_token'> }> {
    const world = new RotatingWorld();
    const tokens = world.process({ store: quiet(world.store).store });
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await tokens.get(APPID, USER_TYPE, USER);
    return { world, tokens };
  }

  async function remove(world: RotatingWorld, id: string): Promise<void> {
    const [document] = await world.store.get([id]);
    await world.store.delete(id, document?.version as number);
  }

  test.each(['refresh', 'put'])(
    'a missing key document is put back with its refresh token beside its task, by %s',
    async (call) => {
      const { world, tokens } = await lost();
      await using _ = world;
      await world.clock.advance(61_000);
      await remove(world, USER_ID);
      if (call === 'put') await tokens.put(APPID, USER_TYPE, { value: 'put', expiresInSeconds: 7_200 }, USER);
      if (call === 'refresh') await tokens.refresh(APPID, USER_TYPE, { ...USER, force: true });
      await world.clock.advance(0);
      expect(await world.storedToken()).toBe(call === 'refresh' ? 'refresh-3' : 'refresh-2');
      await world.clock.advance(7_200_000);
      await tokens.get(APPID, USER_TYPE, USER);
      expect([world.upstream.sent.slice(0, 2), world.reauthorizations()]).toEqual([['refresh-1', 'refresh-2'], 0]);
    },
  );

  test('a missing key document is put back within a minute without a caller and without a notification', async () => {
    const { world } = await lost();
    await using _ = world;
    await remove(world, USER_ID);
    await world.clock.advance(61_000);
    expect([await world.storedToken(), world.upstream.sent]).toEqual(['refresh-2', ['refresh-1']]);
  });

  test('a missing key document is used by a refresh where another process puts it back first', async () => {
    const world = new RotatingWorld();
    await using _ = world;
    const { store } = quiet(world.store);
    let isNextLost = false;
    let missing: StoredDocument | undefined;
    const lease: TokenStore['lease'] = async (id, ttlMs) => {
      if (isNextLost) {
        isNextLost = false;
        [missing] = await store.get([USER_ID]);
        await remove(world, USER_ID);
      }
      return store.lease(id, ttlMs);
    };
    const set: TokenStore['set'] = async (id, ...rest) => {
      if (missing !== undefined) await store.set(USER_ID, missing.data, 0);
      missing = undefined;
      return store.set(id, ...rest);
    };
    const tokens = world.process({ store: { ...store, lease, set } });
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await tokens.get(APPID, USER_TYPE, USER);
    isNextLost = true;
    const value = await tokens.refresh(APPID, USER_TYPE, { ...USER, force: true });
    expect([value, world.upstream.sent]).toEqual(['token of refresh-3 2', ['refresh-1', 'refresh-2']]);
    expect(world.reauthorizations()).toBe(0);
  });

  test.each([
    ['its task is missing', (world: RotatingWorld) => remove(world, `task/${APPID}/${USER_TYPE}/${USER.subject}`)],
    ['the app was registered anew', (world: RotatingWorld) => registerAnew(world)],
  ])('a missing key document counts as deleted on purpose where %s', async (_title, change) => {
    const { world, tokens } = await lost();
    await using _ = world;
    await world.clock.advance(61_000);
    await remove(world, USER_ID);
    await change(world);
    await tokens.get(APPID, USER_TYPE, USER).catch(() => {});
    await world.clock.advance(0);
    expect(await world.storedToken()).not.toBe('refresh-2');
  });

  async function registerAnew(world: RotatingWorld): Promise<void> {
    await remove(world, `app/${APPID}`);
    await world.register(world.process());
  }
});

describe('a refresh token that is put into a store that is then emptied', () => {
  test.each([1, 2])(
    'a put refresh token is written again where the store is emptied right after its write; %i processes',
    async (count) => {
      await using world = new RotatingWorld();
      const ways = [1, 2].slice(0, count).map(() => new FaultyStore(quiet(world.store).store));
      const managers = ways.map((store) => world.process({ store }));
      const tokens = managers[0] as TokenManager<'user_token'>;
      await world.register(tokens, { refresh_token: world.upstream.authorize() });
      for (const each of managers) await each.get(APPID, USER_TYPE, USER);
      await world.clock.advance(1_000);
      (ways[0] as FaultyStore).afterSet = async (id) => {
        if (id !== USER_ID) return;
        (ways[0] as FaultyStore).afterSet = () => {};
        await wipe(world);
      };
      const refreshToken = world.upstream.authorize();
      await tokens.put(APPID, USER_TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken }, USER);
      expect(await world.storedToken()).toBe(refreshToken);
      await world.clock.advance(180_000);
      expect([await world.storedToken(), await tokens.get(APPID, USER_TYPE, USER)]).toEqual([refreshToken, 'put']);
      await world.clock.advance(7_200_000);
      await tokens.get(APPID, USER_TYPE, USER);
      expect([world.upstream.sent, world.reauthorizations()]).toEqual([['refresh-1', refreshToken], 0]);
    },
  );

  test('a put refresh token stays where the app is missing from a new store and all its tokens have expired', async () => {
    await using world = new RotatingWorld();
    const registering = world.process();
    await world.register(registering, { refresh_token: world.upstream.authorize() });
    const reading = world.process({ store: quiet(world.store).store });
    await reading.get(APPID, USER_TYPE, USER);
    await registering.close();
    world.upstream.answering = () => Promise.reject(new Error('away'));
    await world.clock.advance(7_201_000);
    await wipe(world);
    const refreshToken = world.upstream.authorize();
    const grant = { value: 'put', expiresInSeconds: 7_200, refreshToken };
    const putting = reading.put(APPID, USER_TYPE, grant, USER);
    await expect(putting).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(await world.storedToken()).toBe(refreshToken);
  });
});

describe('a store that was restored from an older backup', () => {
  test('a store that was restored from a backup gets back what was registered and fetched since', async () => {
    await using world = new World();
    const { store } = quiet(world.store);
    const tokens = await world.registered({ store });
    await tokens.get(APPID, TYPE);
    await world.clock.advance(1_000);
    const backup = await documents(world);
    await tokens.register({ ...registration, secret: 'CANARY-newer-secret' });
    await tokens.register({ ...registration, appid: 'wx2' });
    await tokens.get('wx2', TYPE);
    await tokens.refresh(APPID, TYPE, { force: true });
    await world.clock.advance(1_000);
    const calls = world.wechat.calls;
    await restore(world, backup);
    const lines = await replaced(world);
    expect(lines).toHaveLength(1);
    await world.clock.advance(61_000);
    const [app] = await world.store.get([`app/${APPID}`]);
    expect(app?.data['secret']).toBe('CANARY-newer-secret');
    const next = world.manager();
    expect(await next.get(APPID, TYPE)).toBe(await tokens.get(APPID, TYPE));
    expect(await next.get('wx2', TYPE)).toBe(await tokens.get('wx2', TYPE));
    expect(world.wechat.calls).toBe(calls);
  });
});

/** Puts back an earlier state, versions included. */
async function restore(world: World, backup: readonly StoredDocument[]): Promise<void> {
  await wipe(world);
  const versions = new Map<string, number>();
  for (const { id, data, due } of backup) {
    versions.set(id, (await world.store.set(id, data, 0, due === undefined ? {} : { due })) as number);
  }
  // The store gives versions of its own, so those of the backup are shown instead until the document is replaced.
  const older = new Map(backup.map((document) => [document.id, document]));
  const { get, set, list, lease } = world.store;
  const shown = (document: StoredDocument | undefined): StoredDocument | undefined => {
    const old = document && older.get(document.id);
    return old !== undefined && document?.version === versions.get(old.id) ? old : document;
  };
  const real = (id: string, version: number): number =>
    older.get(id)?.version === version ? (versions.get(id) as number) : version;
  world.store.get = async (ids) => (await get.call(world.store, ids)).map(shown);
  world.store.set = (id, data, expected, options) => set.call(world.store, id, data, real(id, expected), options);
  world.store.list = async function* (...args) {
    for await (const document of list.apply(world.store, args)) yield shown(document) as StoredDocument;
  };
  world.store.lease = async (...args) => {
    const taken = await lease.apply(world.store, args);
    return taken && { id: taken.id, document: shown(taken.document), release: () => taken.release() };
  };
}

describe('documents that are missing in the same history', () => {
  test('a document missing in the same history was deleted on purpose, and the error names eviction as well', async () => {
    await using world = new World();
    const tokens = await world.registered();
    await tokens.get(APPID, TYPE);
    await world.manager().unregister(APPID);
    await world.clock.advance(0);
    await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({
      code: 'NOT_REGISTERED',
      message: expect.stringContaining('evicted'),
    });
    await world.clock.advance(180_000);
    expect((await documents(world, ['app', 'task', 'key'])).length).toBe(0);
    expect(world.log.filter((line) => line.startsWith('storeReplaced'))).toEqual([]);
  });

  test('a missing document is believed too where the release that filled the store wrote no history', async () => {
    await using world = new World();
    const tokens = await world.registered({ store: quiet(world.store).store });
    await tokens.get(APPID, TYPE);
    await tokens.close();
    const [history] = await documents(world, ['store']);
    await world.store.delete(history?.id as string, history?.version as number);
    const next = world.manager();
    expect(await next.get(APPID, TYPE)).toBe('token-1');
    expect(await replaced(world)).toEqual([]);
    expect((await documents(world, ['store'])).length).toBe(1);
    await world.manager().unregister(APPID);
    await world.clock.advance(0);
    await expect(next.get(APPID, TYPE)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  });
});

test('a store that was set back gets the last refresh by force back', async () => {
  await using world = new World();
  const store = new RestorableStore(world.clock);
  const tokens = await world.registered({ store: shared(store) });
  await tokens.get(APPID, TYPE);
  await world.clock.advance(60_000);
  await tokens.refresh(APPID, TYPE, { force: true });
  const before = store.state();
  await world.clock.advance(120_000);
  await tokens.refresh(APPID, TYPE, { force: true });
  const revokedAt = store.data(KEY_ID)?.['revokedAt'];
  store.restore(before);
  expect(store.data(KEY_ID)?.['revokedAt']).not.toBe(revokedAt);
  await world.clock.advance(120_000);
  await tokens.get(APPID, TYPE);
  await world.clock.advance(1_000);
  expect(store.data(KEY_ID)?.['revokedAt']).toBe(revokedAt);
});
