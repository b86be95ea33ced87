import { beforeEach, describe, expect, test } from 'vitest';
import { HeldRecords } from '../../../../src/core/engine/held-records.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { type Absence, NOTHING_IS_LOST } from '../../../../src/core/store/absence.js';
import { type KeyDocument, NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

const KEY: TokenKey = { appid: 'wx1', type: 'user', subject: 'a' };
const ID = 'key/wx1/user/a';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let restorer: HeldRecords;
let checkHistory: () => Promise<void>;
let absence: () => Promise<Absence>;
let changed: number;

beforeEach(async () => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
  checkHistory = async () => {};
  absence = async () => 'lost';
  changed = 0;
  world.store.judgeAbsencesBy({ ...NOTHING_IS_LOST, judgeAbsence: () => absence() });
  restorer = new HeldRecords({
    ...world,
    history: { check: () => checkHistory() } as never,
    changes: { changed: () => void (changed += 1) },
  });
  await putContent(memory, 'app/wx1', { secret: 'S', enrolment: 'app' });
  await putContent(memory, 'task/wx1/user/a', { enrolment: 'task' });
  await world.registry.loadAll();
});

interface Made {
  readonly value: string;
  readonly version?: number;
  readonly ageMs?: number;
  readonly lifeMs?: number;
  /** The refresh token, and those that it replaced. */
  readonly chain?: readonly string[];
}

function documentOf({ value, version = 1, ageMs = 0, lifeMs = 7_200_000, chain }: Made): KeyDocument {
  const obtainedAt = clock.now() - ageMs;
  const grant = { value, obtainedAt, expiresAt: obtainedAt + lifeMs, dueAt: obtainedAt + lifeMs / 2 };
  const [token, ...known] = chain ?? [];
  const rotation = token === undefined ? {} : { rotation: { token, known: known.map(secretHash) } as never };
  return { ...NO_KEY_DOCUMENT, version, recordVersion: version, grant, ...rotation };
}

function hold(made: Made, written = true): CachedRecord {
  const document = documentOf(made);
  const adoption = { source: 'store', announceFirst: false, written } as const;
  return world.records.adopt(KEY, document, document.grant as never, adoption);
}

async function store(made: Made): Promise<KeyDocument> {
  const { grant, rotation } = documentOf(made);
  await putContent(memory, ID, { grant, rotation, recordVersion: made.version ?? 1 } as never);
  return world.documents.read(KEY);
}

const held = () => world.records.cache.get(KEY);
const stored = () => world.documents.read(KEY);
const displace = (marks?: object): void => world.records.displace(marks && (() => marks as never));
const sets = (): number => faulty.calls.filter((call) => call === 'set').length;

describe('before a refresh', () => {
  test('nothing is put back where no record is in memory', async () => {
    expect([await restorer.restoreNewer(KEY, NO_KEY_DOCUMENT), sets()]).toEqual([false, 0]);
  });

  test('nothing is put back where the stored record is as new', async () => {
    const document = await store({ value: 'a', version: 1 });
    hold({ value: 'a', version: document.recordVersion });
    expect([await restorer.restoreNewer(KEY, document), sets()]).toEqual([false, 0]);
  });

  test('a record in memory of a higher version replaces the stored one', async () => {
    const document = await store({ value: 'old', version: 1, ageMs: 5_000 });
    hold({ value: 'new', version: 9 });
    expect(await restorer.restoreNewer(KEY, document)).toBe(true);
    expect([(await stored()).grant?.value, changed]).toEqual(['new', 1]);
  });

  test('a newer refresh token in memory is put back whatever the versions say', async () => {
    const document = await store({ value: 'old', version: 9, ageMs: 5_000, chain: ['R1'] });
    hold({ value: 'new', version: 1, chain: ['R2', 'R1'] });
    expect(await restorer.restoreNewer(KEY, document)).toBe(true);
    expect((await stored()).rotation?.token).toBe('R2');
  });

  test.each<[string, Absence, boolean]>([
    ['was deleted on purpose', 'deleted', false],
    ['was lost by the same store', 'lost', false],
    ['is back already', 'restored', true],
  ])('a record whose document %s changes the document: %#', async (_, because, expected) => {
    hold({ value: 'a', version: 3 });
    absence = async () => because;
    expect([await restorer.restoreNewer(KEY, NO_KEY_DOCUMENT), sets()]).toEqual([expected, 0]);
  });

  test('an unavailable store prevents a refresh only where a refresh token is at stake', async () => {
    const error = new TokenError('STORE_UNAVAILABLE', 'gone');
    absence = () => Promise.reject(error);
    hold({ value: 'a' });
    expect(await restorer.restoreNewer(KEY, NO_KEY_DOCUMENT)).toBe(false);
    hold({ value: 'b', version: 2, chain: ['R1'] });
    await expect(restorer.restoreNewer(KEY, NO_KEY_DOCUMENT)).rejects.toBe(error);
  });

  test('a record that was lost with its store is put back, and the document is read again', async () => {
    hold({ value: 'a', chain: ['R1'] });
    displace({ app: 'app', task: 'task' });
    expect(await restorer.restoreNewer(KEY, NO_KEY_DOCUMENT)).toBe(true);
    const { grant, rotation } = await stored();
    expect([grant?.value, rotation?.token]).toEqual(['a', 'R1']);
  });

  test('a refresh token waits for its app where the store lacks that', async () => {
    hold({ value: 'a', chain: ['R1'] });
    displace();
    world.registry.removeApp('wx1');
    await expect(restorer.restoreNewer(KEY, NO_KEY_DOCUMENT)).rejects.toMatchObject({
      error: { code: 'NOT_REGISTERED' },
    });
    expect(sets()).toBe(0);
  });

  test('the document is read again where another process was faster', async () => {
    hold({ value: 'a', chain: ['R1'] });
    displace();
    await store({ value: 'theirs', version: 5, chain: ['R1'] });
    expect(await restorer.restoreNewer(KEY, NO_KEY_DOCUMENT)).toBe(true);
    expect((await stored()).grant?.value).toBe('theirs');
  });

  test('a pending grant, which the store has never had, is left to its own retries', async () => {
    hold({ value: 'pending', version: 9 }, false);
    expect([await restorer.restoreNewer(KEY, await store({ value: 'old', ageMs: 9 })), sets()]).toEqual([false, 0]);
  });
});

describe('putting a record back', () => {
  test('a record that the store has never had is not put back', async () => {
    await restorer.restore(hold({ value: 'pending' }, false), NO_KEY_DOCUMENT);
    expect([sets(), changed]).toEqual([0, 0]);
  });

  test('a pending one of a store that was replaced is put back', async () => {
    const record = hold({ value: 'pending' }, false);
    displace();
    await restorer.restore(record, NO_KEY_DOCUMENT);
    expect([(await stored()).grant?.value, held()?.value, changed]).toEqual(['pending', 'pending', 1]);
  });

  test.each<[string, (record: CachedRecord) => unknown]>([
    ['is not in memory any more', () => hold({ value: 'newer', version: 99 })],
    ['belongs to a store that has just been replaced', () => displace()],
  ])('nothing is written if the record %s after the history was checked', async (_, change) => {
    const record = hold({ value: 'a' });
    checkHistory = async () => void change(record);
    await restorer.restore(record, NO_KEY_DOCUMENT);
    expect(sets()).toBe(0);
  });

  test('an app that the new store lacks is looked for once more', async () => {
    const record = hold({ value: 'a' });
    displace();
    world.registry.leaveOver();
    await restorer.restore(record, NO_KEY_DOCUMENT);
    expect((await stored()).grant?.value).toBe('a');
  });

  test('a record without its app in the new store is not put back', async () => {
    const record = hold({ value: 'a' });
    displace();
    world.registry.leaveOver();
    await memory.delete('app/wx1', (await memory.get(['app/wx1']))[0]?.version as number);
    await restorer.restore(record, NO_KEY_DOCUMENT);
    expect(sets()).toBe(0);
  });

  test('the marks are those with which the record was lost, or else those of the present registration', async () => {
    const record = hold({ value: 'a' });
    displace({ app: 'earlier', task: 'earlier too' });
    await restorer.restore(record, NO_KEY_DOCUMENT);
    expect((await stored()).enrolment).toEqual({ app: 'earlier', task: 'earlier too' });
    const other = await store({ value: 'b', version: 1, ageMs: 9 });
    await restorer.restore(hold({ value: 'c', version: 99 }), other);
    expect((await stored()).enrolment).toEqual({ app: 'app', task: 'task' });
  });

  test.each<[string, Made, Made, string]>([
    ['newer, in memory', { value: 'ours', version: 99 }, { value: 'theirs', ageMs: 1 }, 'ours'],
    ['newer, in the store', { value: 'ours', version: 99, ageMs: 1 }, { value: 'theirs' }, 'theirs'],
    ['in memory, at the same instant', { value: 'ours', version: 99 }, { value: 'theirs' }, 'ours'],
  ])('of two grants that counts which is %s', async (_, ours, theirs, winner) => {
    const document = await store(theirs);
    await restorer.restore(hold(ours), document);
    expect([(await stored()).grant?.value, held()?.value]).toEqual([winner, winner]);
  });

  test('at the same instant a displaced record yields, since its version means nothing any more', async () => {
    const record = hold({ value: 'ours', version: 99 });
    displace();
    await restorer.restore(record, await store({ value: 'theirs' }));
    expect([(await stored()).grant?.value, held()?.value, sets()]).toEqual(['theirs', 'theirs', 0]);
  });

  test('at the same instant the record in memory yields to a stored one with a newer refresh token', async () => {
    const document = await store({ value: 'theirs', chain: ['R2', 'R1'] });
    await restorer.restore(hold({ value: 'ours', version: 99, chain: ['R1'] }), document);
    expect([held()?.value, (await stored()).rotation?.token]).toEqual(['theirs', 'R2']);
  });

  test('a newer refresh token is stored beside a newer grant that has an older one', async () => {
    const document = await store({ value: 'theirs', version: 4, chain: ['R1'] });
    const record = hold({ value: 'ours', version: 3, ageMs: 5_000, chain: ['R2', 'R1'] });
    await restorer.restore(record, document);
    const { grant, rotation, recordVersion } = await stored();
    expect([grant?.value, rotation?.token, recordVersion]).toEqual(['theirs', 'R2', document.recordVersion]);
    expect([held()?.value, held()?.rotation?.token, changed]).toEqual(['theirs', 'R2', 1]);
  });

  test.each<[string, Made, string | undefined]>([
    ['has ended without a refresh token', { value: 'a', ageMs: 10, lifeMs: 10 }, undefined],
    ['has ended and has a refresh token', { value: 'a', ageMs: 10, lifeMs: 10, chain: ['R1'] }, 'a'],
    ['lives', { value: 'a', ageMs: 9, lifeMs: 10 }, 'a'],
  ])('a record that %s, and is not stored, is put back if it is of use: %#', async (_, made, expected) => {
    const record = hold(made);
    displace();
    await restorer.restore(record, NO_KEY_DOCUMENT);
    expect((await stored()).grant?.value).toBe(expected);
  });

  test('a grant that has ended does not take the place of a stored one', async () => {
    const document = await store({ value: 'theirs', ageMs: 20, lifeMs: 5 });
    const record = hold({ value: 'ours', version: 99, ageMs: 10, lifeMs: 10 });
    await restorer.restore(record, document);
    expect([(await stored()).grant?.value, held()?.value, sets()]).toEqual(['theirs', 'theirs', 0]);
  });

  test.each([
    [5_000, 'ours'],
    [-5_000, undefined],
  ])('a record %i ms younger than one that is hidden takes its place: %s', async (ageMs, expected) => {
    const record = hold({ value: 'ours' });
    displace();
    const { grant } = documentOf({ value: 'hidden', ageMs });
    await putContent(memory, ID, { grant, enrolment: { app: 'another' }, recordVersion: 1 } as never);
    const document = await world.documents.read(KEY);
    await restorer.restore(record, { ...document, grant: undefined, hidden: grant as never } as never);
    expect((await stored()).grant?.value === 'ours').toBe(expected === 'ours');
  });

  test('a failure of the stored refresh token ends with the one that replaces it', async () => {
    const trying = {
      attempts: 1,
      failedAt: 1,
      retryAt: 2,
      registration: '0:0',
      error: { code: 'UPSTREAM_REJECTED', message: 'no', retryable: false },
    };
    const { grant, rotation } = documentOf({ value: 'theirs', version: 4, chain: ['R1'] });
    await putContent(memory, ID, { grant, rotation, trying, recordVersion: 4 } as never);
    await restorer.restore(hold({ value: 'ours', version: 3, ageMs: 5_000, chain: ['R2', 'R1'] }), await stored());
    expect((await stored()).trying).toBeUndefined();
  });

  test('what another process has written meanwhile is left alone', async () => {
    const document = await store({ value: 'old', ageMs: 5_000 });
    const record = hold({ value: 'ours', version: 99 });
    faulty.before = async (method) => {
      faulty.before = () => {};
      if (method === 'set')
        await putContent(memory, ID, { grant: documentOf({ value: 'theirs' }).grant, recordVersion: 7 } as never);
    };
    await restorer.restore(record, document);
    expect([(await stored()).grant?.value, held(), changed]).toEqual(['theirs', record, 0]);
  });

  test('a refresh token that is put meanwhile stays in memory until it is stored itself', async () => {
    const document = await store({ value: 'old', ageMs: 5_000, chain: ['R1'] });
    const record = hold({ value: 'ours', version: 99, chain: ['R2', 'R1'] });
    faulty.afterSet = () => void (record.rotation = { token: 'R3', known: [] } as never);
    await restorer.restore(record, document);
    expect([held(), held()?.rotation?.token, changed]).toEqual([record, 'R3', 0]);
  });

  test('a refresh by force that either of them knows still closes the tokens before it', async () => {
    const document = { ...(await store({ value: 'old', ageMs: 5_000 })), revokedAt: 7 };
    const record = hold({ value: 'ours', version: 99 });
    Object.assign(record, { revokedAt: 9 });
    await restorer.restore(record, document);
    expect((await stored()).revokedAt).toBe(9);
  });
});
