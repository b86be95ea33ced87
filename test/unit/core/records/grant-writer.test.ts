import { beforeEach, describe, expect, test } from 'vitest';
import { Events } from '../../../../src/core/model/events.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import type { WriteOptions } from '../../../../src/core/records/grant-writer.js';
import { NOTHING_IS_LOST } from '../../../../src/core/store/absence.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { NO_KEY_DOCUMENT, type StoredGrant } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const UPSTREAM: WriteOptions = { source: 'upstream', reason: 'due', enrolment: { hadTask: true } };

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let events: string[];

beforeEach(async () => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  events = [];
  const emitter = new Events();
  emitter.on('refreshed', ({ record, source, reason }) => void events.push(`${record.value} ${source} ${reason}`));
  world = holdRecords(faulty, clock, emitter);
  await memory.set('app/wx1', seal('app/wx1', {}), 0);
  await memory.set('task/wx1/access_token', seal('task/wx1/access_token', {}), 0);
});

function grant(value: string, later = 0): StoredGrant {
  const obtainedAt = clock.now() + later;
  return { value, obtainedAt, expiresAt: obtainedAt + 7_200_000, dueAt: obtainedAt + 6_000_000 };
}

async function stored() {
  return (await memory.get([ID]))[0];
}

async function content(): Promise<JsonObject | undefined> {
  const document = await stored();
  return document === undefined ? undefined : unseal(document);
}

async function lease() {
  const taken = await memory.lease(ID, 20_000);
  return taken as NonNullable<typeof taken>;
}

async function isLeased(): Promise<boolean> {
  const taken = await memory.lease(ID, 20_000);
  await taken?.release();
  return taken === undefined;
}

/** Runs `work` just before each of our first `times` writes, as another process might. */
function meanwhile(work: () => Promise<unknown>, times = 1): void {
  let rounds = 0;
  faulty.before = async (method) => {
    if (method === 'set' && rounds++ < times) await work();
  };
}

async function remove(id: string): Promise<void> {
  const [document] = await memory.get([id]);
  await memory.delete(id, document?.version as number);
}

describe('a registration that a replaced store lacks so far', () => {
  beforeEach(async () => {
    await remove('app/wx1');
    world.store.judgeAbsencesBy({ ...NOTHING_IS_LOST, isAwaited: () => true });
  });

  test.each(['put', 'upstream'] as const)(
    'a write to a replaced store keeps what was stored for its registration, by %s',
    async (source) => {
      const received = { value: 'refresh-1', expiresAt: undefined };
      const writing = world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), { ...UPSTREAM, source, received });
      await expect(writing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
      expect(await content()).toMatchObject({ grant: { value: 'a' }, rotation: { token: 'refresh-1' } });
    },
  );

  test('a write to a replaced store refuses a refresh token without a grant, so that it is offered again', async () => {
    const received = { value: 'refresh-1', expiresAt: undefined };
    await expect(world.writer.writeToken(KEY, { ...UPSTREAM, received })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    world.store.judgeAbsencesBy(NOTHING_IS_LOST);
    await world.writer.writeToken(KEY, { ...UPSTREAM, received });
    expect(await stored()).toBeUndefined();
  });
});

describe('write', () => {
  test('write stores the grant with its due, releases the lease in the same write, and publishes it', async () => {
    const options = { ...UPSTREAM, lease: await lease() };
    const written = grant('a');
    world.records.cache.setFailure(KEY, { trying: {} as never, local: true, version: 0 });
    const cached = await world.writer.write(KEY, NO_KEY_DOCUMENT, written, options);
    const document = await stored();
    expect([cached.value, cached.version]).toEqual(['a', document?.version]);
    expect([await content(), document?.due]).toEqual([{ grant: written }, { lane: 'access_token', at: written.dueAt }]);
    expect([await isLeased(), events]).toEqual([false, ['a upstream due']]);
    expect(world.records.cache.failure(KEY)).toBeUndefined();
    expect(faulty.calls.filter((call) => call === 'set')).toHaveLength(1);
  });

  test('write keeps the fields of another release', async () => {
    await putContent(memory, ID, { chain: ['x'] });
    await world.writer.write(KEY, await world.documents.read(KEY), grant('a'), UPSTREAM);
    expect(await content()).toMatchObject({ chain: ['x'], grant: { value: 'a' } });
  });

  test('a key without a task has no due, and needs its app alone', async () => {
    await remove('task/wx1/access_token');
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), { source: 'put', enrolment: { hadTask: false } });
    expect([(await stored())?.due, events]).toEqual([undefined, ['a put undefined']]);
  });

  test('write fails with the store, and publishes nothing', async () => {
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await expect(world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect([world.records.cache.get(KEY), events]).toEqual([undefined, []]);
  });

  test('idle resolves however a write ends', async () => {
    await world.writer.idle(KEY);
    let answer = (): void => {};
    faulty.before = (method) =>
      method === 'set' ? new Promise((_, reject) => (answer = () => reject(new Error()))) : undefined;
    const writing = world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM).catch(() => 'failed');
    let idle = false;
    const waiting = world.writer.idle(KEY).then(() => {
      idle = true;
    });
    await clock.advance(0);
    expect(idle).toBe(false);
    answer();
    expect(await writing).toBe('failed');
    await waiting;
    await world.writer.idle(KEY);
  });
});

describe('an answer that repeats the current token', () => {
  test('a repeated token moves its due, ends the retry state, releases the lease; no version, no event', async () => {
    const first = await world.writer.write(KEY, NO_KEY_DOCUMENT, { ...grant('a'), result: { n: 1 } }, UPSTREAM);
    await clock.advance(6_900_000);
    await putContent(memory, ID, { ...(await content()), trying: { attempts: 1 }, recordVersion: first.version });
    const options = { ...UPSTREAM, lease: await lease() };
    const again = { ...grant('a'), expiresAt: first.expiresAt };
    const cached = await world.writer.write(KEY, await world.documents.read(KEY), again, options);
    expect(world.records.show(cached)).toMatchObject({
      version: first.version,
      obtainedAt: first.obtainedAt,
      expiresAt: first.expiresAt,
      dueAt: clock.now() + 100_000,
    });
    expect(await content()).toMatchObject({
      recordVersion: first.version,
      grant: { value: 'a', dueAt: clock.now() + 100_000, result: { n: 1 } },
    });
    expect(await content()).not.toHaveProperty('trying');
    expect([events, await isLeased(), (await stored())?.due?.at]).toEqual([
      ['a upstream due'],
      false,
      clock.now() + 100_000,
    ]);
  });

  test('a repeated token that is put changes nothing in the store', async () => {
    const first = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    const version = (await stored())?.version;
    const cached = await world.writer.write(KEY, await world.documents.read(KEY), grant('a'), {
      source: 'put',
      enrolment: { hadTask: true },
    });
    expect([cached.version, (await stored())?.version]).toEqual([first.version, version]);
  });

  test('a repeated token is a new record when the stored one comes from the future', async () => {
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a', 5_001), UPSTREAM);
    const before = await world.documents.read(KEY);
    const cached = await world.writer.write(KEY, before, grant('a'), UPSTREAM);
    expect(cached.version).toBeGreaterThan(before.version);
    expect(cached.obtainedAt).toBe(clock.now());
  });

  test('a repeated token adopts what another process has stored meanwhile', async () => {
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    await clock.advance(1_000);
    const before = await world.documents.read(KEY);
    meanwhile(() => putContent(memory, ID, { grant: { ...grant('b', 1) } }));
    const cached = await world.writer.write(KEY, before, grant('a'), UPSTREAM);
    expect(cached.value).toBe('b');
  });

  test('a repeated token releases the lease also when its write is lost', async () => {
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    await clock.advance(1_000);
    const before = await world.documents.read(KEY);
    meanwhile(() => putContent(memory, ID, { grant: { ...grant('b', 1) } }));
    await world.writer.write(KEY, before, grant('a'), { ...UPSTREAM, lease: await lease() });
    expect(await isLeased()).toBe(false);
  });
});

describe('a lost write', () => {
  test('a lost write yields to a newer answer, which is due soon because the valid one is unknown', async () => {
    const winner = grant('b', 1);
    meanwhile(() => putContent(memory, ID, { grant: { ...winner } }));
    const options = { ...UPSTREAM, lease: await lease() };
    const cached = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), options);
    expect([cached.value, cached.dueAt]).toEqual(['b', clock.now() + 240_000]);
    expect([(await stored())?.due?.at, events, await isLeased()]).toEqual([
      clock.now() + 240_000,
      ['b store undefined'],
      false,
    ]);
  });

  test.each<[string, Partial<WriteOptions>, string, number]>([
    ['of a put', { source: 'put' }, 'b', 6_000_000],
    ['by the same value', {}, 'a', 6_000_000],
    ['by one that is due sooner anyway', {}, 'b', 240_000],
    ['by one that is due a ms later', {}, 'b', 240_001],
  ])(
    'a lost write yields to the stored answer and moves its due only where needed: %s',
    async (_, more, value, dueIn) => {
      const winner = { ...grant(value), dueAt: clock.now() + dueIn };
      meanwhile(() => putContent(memory, ID, { grant: winner }));
      const cached = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), { ...UPSTREAM, ...more });
      expect([cached.value, cached.dueAt - clock.now()]).toEqual([value, dueIn === 240_001 ? 240_000 : dueIn]);
    },
  );

  test('a write of a newer answer that loses to an older one is retried', async () => {
    meanwhile(() => putContent(memory, ID, { grant: { ...grant('b', -1) }, chain: ['x'] }));
    const cached = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), { ...UPSTREAM, lease: await lease() });
    expect([cached.value, await content()]).toMatchObject(['a', { grant: { value: 'a' }, chain: ['x'] }]);
    expect(await isLeased()).toBe(false);
  });

  test('a write that loses to a retry state is retried', async () => {
    meanwhile(() => putContent(memory, ID, { trying: { attempts: 1 } }));
    const cached = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    expect([cached.value, await content()]).toEqual(['a', { grant: grant('a') }]);
  });

  test('a write that loses twenty times in a row fails', async () => {
    let serial = 0;
    meanwhile(() => putContent(memory, ID, { grant: { ...grant(`b${++serial}`, -1) } }), 30);
    await expect(world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      ...KEY,
    });
    expect(serial).toBe(20);
  });

  test('a lost write adopts the token of another process that writes before the due time is moved', async () => {
    const winner = grant('b', 1);
    let sets = 0;
    faulty.before = async (method) => {
      if (method !== 'set') return;
      if (sets++ === 0) await putContent(memory, ID, { grant: { ...winner } });
      else await putContent(memory, ID, { grant: { ...winner, value: 'c' } });
    };
    const cached = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    expect(cached.value).toBe('c');
  });
});

describe('a registration that was removed meanwhile', () => {
  test.each(['app/wx1', 'task/wx1/access_token'])(
    'a write whose registration document %s was removed deletes the key document and publishes nothing',
    async (id) => {
      meanwhile(() => remove(id));
      await expect(world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM)).rejects.toMatchObject({
        code: 'NOT_REGISTERED',
        ...KEY,
      });
      expect([await stored(), world.records.cache.get(KEY), events]).toEqual([undefined, undefined, []]);
    },
  );

  test('a key whose registration and record were removed meanwhile is not written again', async () => {
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    const before = await world.documents.read(KEY);
    meanwhile(async () => {
      await remove('app/wx1');
      await remove(ID);
    });
    await expect(world.writer.write(KEY, before, grant('b'), UPSTREAM)).rejects.toMatchObject({
      code: 'NOT_REGISTERED',
    });
    expect(await stored()).toBeUndefined();
  });

  // The move of the due is lost, nothing is stored any more, and what was read before is put in force with version 0.
  test('a repeated token whose registration was removed meanwhile is not published', async () => {
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    await clock.advance(1_000);
    const before = await world.documents.read(KEY);
    meanwhile(async () => {
      await remove('task/wx1/access_token');
      await remove(ID);
      world.records.cache.delete(KEY);
      events.length = 0;
    });
    const writing = world.writer.write(KEY, before, grant('a'), UPSTREAM);
    await expect(writing).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    expect([world.records.cache.get(KEY), events]).toEqual([undefined, []]);
  });

  test('a record that was removed without its registration is written anew', async () => {
    await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    const before = await world.documents.read(KEY);
    meanwhile(() => remove(ID));
    expect((await world.writer.write(KEY, before, grant('b'), UPSTREAM)).value).toBe('b');
  });

  test('a registration is not assumed to be removed when the store does not answer', async () => {
    let written = false;
    faulty.before = (method) => {
      if (method === 'set') written = true;
      if (method === 'get' && written) throw new Error('gone');
    };
    expect((await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM)).value).toBe('a');
  });
});

describe('what is remembered of a write', () => {
  test('the version that was last written is known until it is forgotten', async () => {
    expect(world.writer.lastVersion(KEY)).toBeUndefined();
    const first = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    expect(world.writer.lastVersion(KEY)).toBe(first.version);
    const next = await world.writer.write(KEY, await world.documents.read(KEY), grant('b', 1), UPSTREAM);
    expect([world.writer.lastVersion(KEY), next.version > first.version]).toEqual([next.version, true]);
    world.writer.forgetVersions();
    expect(world.writer.lastVersion(KEY)).toBeUndefined();
  });

  test('idle waits for the last of several writes', async () => {
    const answers: (() => void)[] = [];
    faulty.before = (method) => (method === 'set' ? new Promise<void>((resolve) => answers.push(resolve)) : undefined);
    const first = world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    const other = world.writer.write({ ...KEY, subject: 'b' }, NO_KEY_DOCUMENT, grant('b'), UPSTREAM).catch(() => {});
    const last = world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a', 1), UPSTREAM);
    await clock.advance(0);
    faulty.before = () => {};
    answers[0]?.();
    await first;
    let isIdle = false;
    const waiting = world.writer.idle(KEY).then(() => {
      isIdle = true;
    });
    await clock.advance(0);
    expect(isIdle).toBe(false);
    for (const answer of answers) answer();
    await Promise.all([last, other, waiting]);
    expect(isIdle).toBe(true);
  });
});

describe('a forced refresh', () => {
  test('a forced refresh revokes the tokens before its own, and no other one does', async () => {
    const first = await world.writer.write(KEY, NO_KEY_DOCUMENT, grant('a'), UPSTREAM);
    expect([first.revokedAt, await content()]).toMatchObject([undefined, { grant: { value: 'a' } }]);
    expect(await content()).not.toHaveProperty('revokedAt');
    const forced = { ...UPSTREAM, reason: 'forced' } as const;
    const next = await world.writer.write(KEY, await world.documents.read(KEY), grant('b', 1_000), forced);
    expect([next.revokedAt, (await content())?.['revokedAt']]).toEqual([clock.now() + 1_000, clock.now() + 1_000]);
  });
});

describe('a refresh token that was replaced while it was sent', () => {
  const SPENT: Partial<WriteOptions> = {
    spent: { hash: 'spent', base: 'base', known: [] },
    received: { value: 'refresh-of-ours', expiresAt: undefined },
  };
  const theirs = { rotation: { token: 'refresh-of-another', known: [] } };

  test('an answer to a replaced refresh token yields to the stored grant, and releases the lease', async () => {
    await putContent(memory, ID, { ...theirs, grant: { ...grant('b') } });
    const options = { ...UPSTREAM, ...SPENT, lease: await lease() };
    const cached = await world.writer.write(KEY, await world.documents.read(KEY), grant('a', 1), options);
    expect([cached.value, events, await isLeased()]).toEqual(['b', ['b store undefined'], false]);
    expect((await world.documents.read(KEY)).rotation?.token).toBe('refresh-of-another');
  });

  test('an answer to a replaced refresh token fails for now where no grant is stored', async () => {
    await putContent(memory, ID, theirs);
    const options = { ...UPSTREAM, ...SPENT, lease: await lease() };
    const writing = world.writer.write(KEY, await world.documents.read(KEY), grant('a'), options);
    await expect(writing).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: true, ...KEY });
    await expect(writing).rejects.toThrow('another refresh token of access_token was stored meanwhile');
    expect([world.records.cache.get(KEY), await isLeased()]).toEqual([undefined, false]);
  });
});

describe('a refresh token without a grant', () => {
  const received = { value: 'refresh-1', expiresAt: undefined };

  test('a refresh token without a grant is not stored for a registration that is gone', async () => {
    await remove('app/wx1');
    await world.writer.writeToken(KEY, { ...UPSTREAM, received });
    expect(await stored()).toBeUndefined();
    await putContent(memory, ID, { chain: ['x'] });
    await world.writer.writeToken(KEY, { ...UPSTREAM, received });
    expect(await content()).toEqual({ chain: ['x'] });
  });

  test('a refresh token without a grant ends the failure of the one that it replaces', async () => {
    await putContent(memory, ID, { trying: { attempts: 3 } });
    await world.writer.writeToken(KEY, { ...UPSTREAM, received });
    expect(await content()).not.toHaveProperty('trying');
    await putContent(memory, ID, { ...(await content()), trying: { attempts: 3 } });
    await world.writer.writeToken(KEY, { ...UPSTREAM, received });
    expect(await content()).toHaveProperty('trying');
  });

  test('a refresh token without a grant that loses twenty times in a row is not stored', async () => {
    let changes = 0;
    meanwhile(() => putContent(memory, ID, { chain: [`${++changes}`] }), 30);
    const writing = world.writer.writeToken(KEY, { ...UPSTREAM, received });
    await expect(writing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(changes).toBe(20);
  });
});
