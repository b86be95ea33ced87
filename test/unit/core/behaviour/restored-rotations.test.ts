import { describe, expect, test } from 'vitest';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { RestoredWorld, type Tokens } from '../../../support/worlds/restored-world.js';
import { ID, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

/** Process a holds the second of three refresh tokens and b the third, and the store shows the first again. */
async function restored(world: RestoredWorld): Promise<{ a: Tokens; b: Tokens; newest: string }> {
  const a = await world.process();
  await world.register(a);
  const b = await world.process();
  await world.login(a);
  const backup = world.store.state();
  await world.login(a);
  const newest = await world.login(b, { tells: false });
  world.store.restore(backup);
  return { a, b, newest };
}

const LATE_MS = 600_000;

/** Has a user log in again and, earlier by the clock, a third time, each beside an emptied store. The last token is `good`. */
async function withLateLogin(world: RestoredWorld): Promise<{ a: Tokens; good: string }> {
  const [a, b] = [await world.process(), await world.process()];
  await world.register(a);
  await world.login(a);
  await b.get(APPID, TYPE, USER);
  world.store.wipe();
  await world.login(a, { tells: false });
  world.store.wipe();
  return { a, good: await world.login(b, { tells: false, lateMs: LATE_MS }) };
}

describe('I3: the newest refresh token after a backup was restored without a registration since', () => {
  test.each(['counted', 'of the clock'] as const)(
    'I3: the newest refresh token is put back whichever process looks first; versions: %s',
    async (versions) => {
      for (const first of ['a', 'b'] as const) {
        await using world = new RestoredWorld({ versions });
        const { newest, ...processes } = await restored(world);
        await processes[first].refresh(APPID, TYPE, { ...USER, stale: 'unknown' }).catch(() => {});
        await world.clock.advance(200_000);
        expect(world.storedToken()).toBe(newest);
        for (const tokens of [processes.a, processes.b]) {
          expect(tokens.peek(APPID, TYPE, USER)?.value).toBe(`login with ${newest}`);
        }
      }
    },
  );

  /** The same, and process a has put the second one back under a version that is higher than that of the third. */
  async function overtaken(world: RestoredWorld): Promise<{ b: Tokens; newest: string }> {
    const { b, newest } = await restored(world);
    const older = world.store.state();
    const document = older.documents.get(ID);
    if (document === undefined) throw new Error('the backup has the document');
    const version = 10 * document.version + 100;
    world.store.restore({ ...older, documents: new Map(older.documents).set(ID, { ...document, version }) });
    return { b, newest };
  }

  test('I3: the newest refresh token stays beside a token that is put alone', async () => {
    await using world = new RestoredWorld({});
    const { b, newest } = await overtaken(world);
    await world.clock.advance(1_000);
    const record = await b.put(APPID, TYPE, { value: 'put alone', expiresInSeconds: 7_200 }, USER);
    expect([record.value, world.storedToken()]).toEqual(['put alone', newest]);
  });

  test('I3: the newest refresh token is sent where its process refreshes before it has looked', async () => {
    await using world = new RestoredWorld({});
    const { b, newest } = await overtaken(world);
    const refreshed = b.refresh(APPID, TYPE, { ...USER, force: true });
    await world.clock.advance(1_000);
    expect([await refreshed, world.upstream.sent]).toEqual(['token of refresh-4 1', [newest]]);
    expect(world.storedToken()).toBe('refresh-4');
  });

  test('I3: the newest refresh token is not delayed by the refusal of an older one that was sent meanwhile', async () => {
    await using world = new RestoredWorld({});
    const { newest } = await restored(world);
    const fresh = await world.process();
    const refreshing = fresh.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => 'refused');
    await world.clock.advance(1_000);
    await refreshing;
    await world.clock.advance(7_200_000);
    expect(world.upstream.sent).toContain(newest);
    expect(world.upstream.isGood(world.storedToken() as string)).toBe(true);
    expect(fresh.peek(APPID, TYPE, USER)).toBeDefined();
  });
});

test('I3: a refresh token that another process stored beside the same record is put back by those notified of it', async () => {
  await using world = new RestoredWorld({});
  const a = await world.process();
  await world.register(a);
  const b = await world.process();
  await world.login(a);
  const backup = world.store.state();
  const newest = await world.login(a, { lateMs: 5_000 });
  await a.close();
  world.store.restore(backup);
  await world.clock.advance(200_000);
  expect([world.storedToken(), b.peek(APPID, TYPE, USER)?.value]).toEqual([newest, 'login with refresh-1']);
});

test('I3: the later of two unrelated refresh tokens stays when a second backup is restored', async () => {
  await using world = new RestoredWorld({});
  const before = await world.process();
  await world.register(before);
  await world.login(before);
  const monday = world.store.state();
  for (let login = 0; login < 6; login++) await world.login(before);
  const tuesday = world.store.state();
  await before.close();
  world.store.restore(monday);
  const tokens = await world.process();
  const newest = await world.login(tokens);
  world.store.restore(tuesday);
  await world.clock.advance(200_000);
  expect(world.storedToken()).toBe(newest);
  expect(tokens.peek(APPID, TYPE, USER)?.value).toBe(`login with ${newest}`);
});

test('I3: a later authorization is not undone by a process that missed the last twenty', async () => {
  await using world = new RestoredWorld({});
  const asleep = await world.process();
  await world.register(asleep);
  await world.login(asleep);
  const awake = await world.process();
  let newest = '';
  for (let login = 0; login < 20; login++) newest = await world.login(awake, { tells: false });
  await world.clock.advance(200_000);
  expect(world.storedToken()).toBe(newest);
  expect(asleep.peek(APPID, TYPE, USER)?.value).toBe(`login with ${newest}`);
});

describe('I3: a refresh token that is put with an older grant into an emptied store', () => {
  test('I3: a late refresh token is held beside the newer record, and put back when the store is emptied once more', async () => {
    await using world = new RestoredWorld({});
    const a = await world.process();
    await world.register(a);
    await world.login(a);
    world.store.wipe();
    const refreshToken = world.upstream.authorize();
    const grant = { value: 'late', expiresInSeconds: 7_200, refreshToken, obtainedAt: world.clock.now() - LATE_MS };
    await a.put(APPID, TYPE, grant, USER);
    world.store.wipe();
    await world.clock.advance(130_000);
    expect(world.storedToken()).toBe(refreshToken);
  });

  test('I3: a late refresh token is not forgotten where the earlier record is put back at the same time', async () => {
    await using world = new RestoredWorld({});
    const way = new FaultyStore(shared(world.store));
    const a = await world.process(way);
    await world.register(a);
    await world.login(a);
    let refreshToken: string | undefined;
    way.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      way.before = () => {};
      refreshToken = world.upstream.authorize();
      const grant = { value: 'late', expiresInSeconds: 7_200, refreshToken, obtainedAt: world.clock.now() - LATE_MS };
      await a.put(APPID, TYPE, grant, USER);
      world.store.wipe();
    };
    world.store.wipe();
    await world.clock.advance(200_000);
    expect([refreshToken, world.storedToken()]).toEqual(['refresh-2', 'refresh-2']);
  });

  test('I3: a late refresh token is sent in spite of the refusal of another one, beside which it is put back', async () => {
    await using world = new RestoredWorld({});
    const { a, good } = await withLateLogin(world);
    world.store.wipe();
    const refused = a.refresh(APPID, TYPE, { ...USER, force: true }).catch((error: Error) => error);
    await world.clock.advance(5_000);
    expect(await refused).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', errcode: 40030 });
    await world.clock.advance(57_000);
    const refreshed = a.refresh(APPID, TYPE, { ...USER, force: true });
    await world.clock.advance(5_000);
    expect([await refreshed, world.upstream.sent.at(-1)]).toEqual(['token of refresh-4 2', good]);
  });

  test('I3: a refresh token in reserve is put back beside one that another process put back alone', async () => {
    await using world = new RestoredWorld({});
    const { a, good } = await withLateLogin(world);
    for (let time = 0; time < 3; time++) {
      world.store.wipe();
      await world.clock.advance(130_000);
    }
    expect(JSON.stringify(world.store.data(ID))).toContain(good);
    await a.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => {});
    await world.clock.advance(60_000);
    expect(world.upstream.isGood(world.storedToken() as string)).toBe(true);
  });
});

test('I3: a put for an enrolment that a backup has brought back is not acknowledged and then removed with it', async () => {
  await using world = new RestoredWorld({ versions: 'of the clock' });
  const [a, b] = [await world.process(), await world.process()];
  await world.register(a);
  await world.login(a);
  await world.clock.advance(2_000);
  const backup = world.store.state();
  await a.unregister(APPID);
  await world.register(b);
  world.store.tell();
  await world.clock.advance(70_000);
  world.store.restore(backup);
  const refreshToken = world.upstream.authorize();
  const put = (): Promise<unknown> =>
    a.put(APPID, TYPE, { value: 'login', expiresInSeconds: 7_200, refreshToken }, USER).then(
      () => 'acknowledged',
      ({ code }: { code: string }) => code,
    );
  expect(await put()).toBe('STORE_UNAVAILABLE');
  await world.clock.advance(130_000);
  expect(await put()).toBe('acknowledged');
  await world.clock.advance(130_000);
  expect(world.storedToken()).toBe(refreshToken);
});
