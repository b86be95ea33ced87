import { beforeEach, describe, expect, test } from 'vitest';
import { Events, type RefreshedEvent } from '../../../../src/core/model/events.js';
import type { Rotation } from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { RecordCache } from '../../../../src/core/records/record-cache.js';
import { type Adoption, Records, type Registered } from '../../../../src/core/records/records.js';
import type { KeyDocument, StoredGrant } from '../../../../src/core/store/key-document.js';
import { StoreClock } from '../../../../src/core/store/store-clock.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const KEY = { appid: 'wx1', type: 't', subject: 's' };
const LIFE = 7_200_000;
const STORE: Adoption = { source: 'store', announceFirst: true };

let wall: FakeClock;
let events: RefreshedEvent[];
let cache: RecordCache;
let records: Records;
let start: number;
let isRegistered: boolean;

beforeEach(() => {
  isRegistered = true;
  wall = new FakeClock();
  start = wall.now();
  events = [];
  const emitter = new Events();
  emitter.on('refreshed', (event) => void events.push(event));
  cache = new RecordCache(10, () => false);
  const clock = new StoreClock(wall, async () => wall.now());
  const times = { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined };
  const registered: Registered = { hasApp: () => isRegistered };
  records = new Records(cache, clock, emitter, times, async (_, version) => ({ version }), registered);
});

function grant(value: string, fields: Partial<StoredGrant> = {}): StoredGrant {
  return { value, obtainedAt: start, expiresAt: start + LIFE, dueAt: start + 6_000_000, ...fields };
}

function adopt(version: number, given: StoredGrant, adoption: Adoption = STORE) {
  const document: KeyDocument = { version: version + 5, recordVersion: version, grant: given, unknown: {} };
  return records.adopt(KEY, document, given, adoption);
}

describe('adopt', () => {
  test('adopt makes a grant current with everything a hit needs', async () => {
    const cached = adopt(7, grant('a'));
    expect(cache.get(KEY)).toBe(cached);
    expect(cached).toMatchObject({
      key: KEY,
      value: 'a',
      checkAt: start + 60_000,
      promise: undefined,
      endsAtMonotonic: LIFE,
      confirmedAtMonotonic: 0,
      dueAt: start + 6_000_000,
    });
    expect(records.show(cached)).toMatchObject({ value: 'a', version: 7, obtainedAt: start, expiresAt: start + LIFE });
    expect(await records.show(cached).result()).toEqual({ version: 7 });
  });

  test('adopt never replaces a newer record by an older one', () => {
    const newer = adopt(7, grant('b'));
    expect(adopt(6, grant('a'))).toBe(newer);
    expect(cache.get(KEY)).toBe(newer);
    expect(events.map(({ record }) => record.value)).toEqual(['b']);
  });

  test('adopt replaces a record of the same version, and one that no store holds', () => {
    adopt(7, grant('a'));
    expect(adopt(7, grant('a', { dueAt: start + 5 })).dueAt).toBe(start + 5);
    adopt(9, grant('b'), { ...STORE, written: false });
    expect(cache.get(KEY)?.confirmedAtMonotonic).toBeUndefined();
    expect(adopt(8, grant('c')).value).toBe('c');
  });

  // The store may hold an older answer under a higher version: one whose write was taken for failed, for instance.
  test('adopt never replaces an unwritten record by an older one of the store', () => {
    const newer = adopt(2, grant('b', { obtainedAt: start + 1 }), { ...STORE, written: false });
    expect(adopt(1_000_000, grant('a'))).toBe(newer);
    expect(cache.get(KEY)?.value).toBe('b');
  });

  test('an unwritten record from before a step back of the clock does not block what is fetched after it', () => {
    adopt(2, grant('b'), { ...STORE, written: false });
    wall.jump(-3_600_000);
    const now = wall.now();
    const fetched = grant('c', { obtainedAt: now, expiresAt: now + LIFE });
    expect(adopt(1, fetched).value).toBe('c');
  });

  test.each([-600_000, -1])('I1: a token that is adopted again after a step of %i ms ends as before', async (step) => {
    const first = adopt(7, grant('a'));
    await wall.advance(600_000);
    wall.jump(step);
    const again = adopt(8, grant('a', { dueAt: start + 5 }));
    expect(again).not.toBe(first);
    expect(again.endsAtMonotonic).toBe(LIFE);
    const other = { obtainedAt: wall.now(), expiresAt: wall.now() + 2 * LIFE };
    expect(adopt(9, grant('b', other)).endsAtMonotonic).toBe(600_000 + 2 * LIFE);
  });

  test('I1: a token that was current before another one ends as before, however the clock was set', async () => {
    adopt(7, grant('a'));
    for (const hour of [1, 2, 3]) {
      await wall.advance(3_600_000);
      const later = { obtainedAt: wall.now(), expiresAt: wall.now() + LIFE };
      adopt(7 + hour, grant(`unwritten ${hour}`, later), { ...STORE, written: false });
    }
    await wall.advance(LIFE);
    wall.jump(-5 * 3_600_000 + 60_000);
    const again = adopt(7, grant('a'));
    expect([again.value, again.endsAtMonotonic, records.leftMs(again)]).toEqual(['a', LIFE, -3 * 3_600_000]);
    expect(records.isUsableGrant(KEY, grant('a'))).toBe(false);
  });

  test.each([-1, 0, 250, 251, 1_200_000])(
    'adopt stores a grant again with what is left of it, after the clock was set back by %i ms',
    async (backMs) => {
      const held = adopt(7, grant('a', { scope: 'snsapi_base' }));
      await wall.advance(3_600_000);
      wall.jump(-backMs);
      const late = backMs > 250 ? backMs : 0;
      expect(records.grantOf(held)).toEqual({
        ...grant('a', { scope: 'snsapi_base' }),
        obtainedAt: start - late,
        expiresAt: start + LIFE - late,
        dueAt: start + 6_000_000 - late,
      });
    },
  );

  test('adopt replaces a cached record that was found to be no newer, whatever the versions say', () => {
    const held = adopt(7, grant('a'));
    expect(adopt(3, grant('b'), { ...STORE, inPlaceOf: held }).value).toBe('b');
    expect(adopt(2, grant('c'), { ...STORE, inPlaceOf: held }).value).toBe('b');
  });

  const first: Rotation = { token: 'r1', known: [secretHash('r1')] };
  const second: Rotation = { token: 'r2', known: ['r1', 'r2'].map(secretHash) };
  const none = () => {};

  test.each<[string, Rotation, Rotation | undefined, Adoption, (held: CachedRecord) => void, string]>([
    ['a refresh token that came after the held one is held', first, second, STORE, none, 'r2'],
    ['a refresh token that came before the held one is not held', second, first, STORE, none, 'r2'],
    ['the held refresh token stays where none is stored', first, undefined, STORE, none, 'r1'],
    ['a record that no store has keeps its refresh token', first, second, { ...STORE, written: false }, none, 'r1'],
    [
      'a record of a replaced store gets the refresh token that was stored since',
      first,
      second,
      STORE,
      (held) => records.displaced.add(held),
      'r2',
    ],
  ])('beside a newer record that stays current, %s', (_, held, stored, adoption, change, expected) => {
    const newer = grant('b', { obtainedAt: start + 1 });
    const document: KeyDocument = { version: 7, recordVersion: 7, rotation: held, unknown: {} };
    const record = records.adopt(KEY, document, newer, adoption);
    change(record);
    const older: KeyDocument = { version: 3, recordVersion: 3, rotation: stored, unknown: {} };
    expect(records.adopt(KEY, older, grant('a'), STORE)).toBe(record);
    expect(record).toMatchObject({ value: 'b', rotation: { token: expected } });
  });

  test('adopt announces a new value once, with reason and source', () => {
    const adoption: Adoption = { source: 'upstream', reason: 'due', announceFirst: true };
    const record = records.show(adopt(1, grant('a'), adoption));
    adopt(2, grant('a'), adoption);
    const next = records.show(adopt(3, grant('b'), STORE));
    expect(events).toEqual([
      { ...KEY, record, reason: 'due', source: 'upstream' },
      { ...KEY, record: next, reason: undefined, source: 'store' },
    ]);
    expect(events.map(({ record: { version } }) => version)).toEqual([1, 3]);
  });

  test('adopt announces the first value if that is requested, a changed one always', () => {
    const quiet: Adoption = { source: 'store', announceFirst: false };
    adopt(1, grant('a'), quiet);
    expect(events).toEqual([]);
    adopt(2, grant('b'), quiet);
    expect(events).toHaveLength(1);
  });

  test.each([
    [5_000, 6_000_000],
    [5_001, 0],
  ])('a grant from %i ms ahead is due at %i', (ahead, dueAt) => {
    const cached = adopt(1, grant('a', { obtainedAt: start + ahead }));
    expect(cached.dueAt).toBe(start + dueAt);
  });
});

describe('a hit', () => {
  const hit = (): unknown => records.hit(KEY.appid, KEY.type, KEY.subject);

  test.each([
    [-1, true],
    [0, false],
    [1, false],
  ])('a hit is answered until the next check is due: %i ms after it %s', async (offset, answers) => {
    const cached = adopt(1, grant('a'));
    await wall.advance(60_000 + offset);
    expect(hit()).toBe(answers ? cached : undefined);
  });

  test('a hit is answered for exactly its key', () => {
    adopt(1, grant('a'));
    for (const [appid, type, subject] of [
      ['wx1', 't'],
      ['wx1', 's', 't'],
      ['wx1', 't', 't'],
      ['wx2', 't', 's'],
    ]) {
      expect(records.hit(appid as string, type as string, subject)).toBeUndefined();
    }
  });

  test.each([
    [0, true],
    [1, false],
  ])('a hit returns no token whose life a clock set back by %i ms could extend', (back, answers) => {
    const cached = adopt(1, grant('a'));
    expect(hit()).toBe(cached);
    wall.jump(-back);
    expect(hit()).toBe(answers ? cached : undefined);
    records.checkForClockStep();
    expect(hit()).toBe(cached);
  });

  test('a hit returns nothing for an app that is not registered, until a caller has found that it is', () => {
    isRegistered = false;
    const cached = adopt(1, grant('a'));
    records.confirm(cached);
    expect([hit(), cache.get(KEY)]).toEqual([undefined, cached]);
    isRegistered = true;
    expect(hit()).toBeUndefined();
    records.trust(cached);
    expect(hit()).toBe(cached);
  });
});

describe('Records: the time left', () => {
  test('the time left of a record is counted by the clock that is ahead', async () => {
    const cached = adopt(1, grant('a'));
    await wall.advance(1_000);
    expect(records.leftMs(cached)).toBe(LIFE - 1_000);
    wall.jump(-3_600_000);
    expect(records.leftMs(cached)).toBe(LIFE - 1_000);
    wall.jump(7_200_000);
    expect(records.leftMs(cached)).toBe(LIFE - 1_000 - 3_600_000);
  });

  test('the time left of a record never exceeds its lifetime, wherever its times come from', () => {
    const cached = adopt(1, grant('a', { obtainedAt: start + LIFE, expiresAt: start + 2 * LIFE }));
    expect(cached.endsAtMonotonic).toBe(LIFE);
    expect(records.leftMs(cached)).toBe(LIFE);
  });

  test('the time left of a grant from the past is the rest of its life', () => {
    const cached = adopt(1, grant('a', { obtainedAt: start - LIFE + 5, expiresAt: start + 5 }));
    expect([cached.endsAtMonotonic, records.leftMs(cached)]).toEqual([5, 5]);
  });
});

describe('Records: the time of the next check', () => {
  test.each<[string, Partial<StoredGrant>, number]>([
    ['after 60 s', {}, 60_000],
    ['when it is due', { dueAt: 30_000 }, 30_000],
    ['after 60 s: due just later', { dueAt: 60_001 }, 60_000],
    ['when it is not usable any more', { expiresAt: 40_000, dueAt: 39_999 }, 38_000],
    ['a second later while it is due', { dueAt: -1 }, 1_000],
    ['a second later when it is due now', { dueAt: 0 }, 1_000],
    ['a twentieth of a short life while it is due', { expiresAt: 10_000, dueAt: 0 }, 500],
    ['never, when it has ended', { obtainedAt: -LIFE, expiresAt: 0, dueAt: -5 }, -10_000],
  ])('the next check of a record comes %s', (_, fields, expected) => {
    const shifted = Object.fromEntries(Object.entries(fields).map(([name, at]) => [name, start + (at as number)]));
    expect(adopt(1, grant('a', shifted)).checkAt - start).toBe(expected);
  });

  test('a trusted record is checked at a time that counts from now', async () => {
    const cached = adopt(1, grant('a', { dueAt: start + 90_000 }));
    await wall.advance(50_000);
    records.confirm(cached);
    records.trust(cached);
    expect(cached.checkAt).toBe(start + 90_000);
    await wall.advance(40_000);
    records.trust(cached);
    expect(cached.checkAt).toBe(start + 91_000);
  });

  // A look between two confirmations lets hits go on for 60 s more: up to 120 s after the store confirmed it.
  test('a trusted record is checked at the latest 60 s after the store last confirmed it', async () => {
    const cached = adopt(1, grant('a'));
    await wall.advance(59_000);
    records.trust(cached);
    expect(cached.checkAt).toBe(start + 60_000);
  });

  test('a record is confirmed with the store after 60 s', async () => {
    const cached = adopt(1, grant('a'));
    await wall.advance(59_999);
    expect(records.needsConfirmation(cached)).toBe(false);
    await wall.advance(1);
    expect(records.needsConfirmation(cached)).toBe(true);
    records.confirm(cached);
    expect([records.needsConfirmation(cached), cached.checkAt]).toEqual([false, start + 60_000]);
    records.trust(cached);
    expect(cached.checkAt).toBe(start + 120_000);
    await wall.advance(60_000);
    expect(records.needsConfirmation(cached)).toBe(true);
  });

  test('a record that no store holds needs no confirmation', async () => {
    const cached = adopt(1, grant('a'), { ...STORE, written: false });
    await wall.advance(600_000);
    expect(records.needsConfirmation(cached)).toBe(false);
  });
});

test('isDue is true for a record that is due now', async () => {
  const cached = adopt(1, grant('a', { dueAt: start + 1_000 }));
  await wall.advance(999);
  expect(records.isDue(cached)).toBe(false);
  await wall.advance(1);
  expect(records.isDue(cached)).toBe(true);
});

test.each([
  [10_001, true],
  [10_000, false],
  [9_999, false],
])('a grant with %i ms left is usable: %s', (left, expected) => {
  const given = grant('a', { obtainedAt: start + left - LIFE, expiresAt: start + left });
  expect(records.isUsableGrant(KEY, given)).toBe(expected);
  expect(records.minValidityMs(adopt(1, given))).toBe(10_000);
});

describe('distrust', () => {
  test('distrust causes every record to be checked, and those from the future to be due, once', () => {
    const sound = adopt(1, grant('a'));
    wall.jump(-3_600_000);
    expect(records.invalidateAll()).toEqual([sound]);
    expect([sound.checkAt, sound.dueAt]).toEqual([Number.NEGATIVE_INFINITY, wall.now()]);
    expect(records.invalidateAll()).toEqual([]);
  });

  test.each([
    [5_000, 0],
    [5_001, 1],
  ])('a record obtained %i ms ahead counts as from the future: %i', (back, count) => {
    const cached = adopt(1, grant('a'));
    wall.jump(-back);
    expect(records.invalidateAll()).toHaveLength(count);
    expect(cached.checkAt).toBe(Number.NEGATIVE_INFINITY);
  });

  test.each([
    [5_000, 0],
    [5_001, 1],
  ])('distrust leaves a record that is due in %i ms anyway: %i', (dueIn, count) => {
    wall.jump(3_600_000);
    adopt(1, grant('a', { obtainedAt: wall.now(), expiresAt: wall.now() + LIFE, dueAt: start + dueIn }));
    wall.jump(-3_600_000);
    expect(records.invalidateAll()).toHaveLength(count);
  });
});

describe('a record that is adopted again after the clock was set back', () => {
  const STEP = 600_000;

  test.each<[string, (cached: StoredGrant) => void]>([
    ['under the same version', (given) => void adopt(7, given)],
    ['under another version', (given) => void adopt(8, given)],
    ['with its due moved', (given) => void adopt(7, { ...given, dueAt: given.dueAt + 1 })],
    [
      'after it was dropped',
      (given) => {
        cache.delete(KEY);
        adopt(7, given);
      },
    ],
  ])('a record that is adopted again %s ends no later than before', async (_, again) => {
    adopt(7, grant('a'));
    await wall.advance(3_600_000);
    wall.jump(-STEP);
    again(grant('a'));
    const held = cache.get(KEY) as CachedRecord;
    expect(held.endsAtMonotonic).toBe(LIFE);
    expect(records.leftMs(held)).toBe(LIFE - 3_600_000);
    expect(records.isUsableGrant(KEY, grant('a'))).toBe(true);
    await wall.advance(LIFE - 3_600_000);
    expect(records.leftMs(held)).toBe(0);
    expect(records.isUsableGrant(KEY, grant('a'))).toBe(false);
  });

  test('another answer with the same value may live longer, such as a renewed user token', async () => {
    adopt(7, grant('a'));
    await wall.advance(1_000);
    const renewed = adopt(8, grant('a', { obtainedAt: start + 1_000, expiresAt: start + 1_000 + LIFE }));
    expect(renewed.endsAtMonotonic).toBe(1_000 + LIFE);
  });

  test.each([
    [4_799_999, false],
    [4_800_000, true],
  ])(
    'a record that is adopted again is due as long before its end as planned: after %i ms',
    async (afterMs, expected) => {
      const given = grant('a', { dueAt: start + 4_800_000 });
      adopt(7, given);
      wall.jump(-STEP);
      await wall.advance(afterMs);
      const held = adopt(8, given);
      expect([records.isDue(held), records.isGrantDue(KEY, given)]).toEqual([expected, expected]);
      expect(records.dueAt(held)).toBe(wall.now() + 4_800_000 - afterMs);
      expect(held.checkAt).toBeLessThanOrEqual(wall.now() + 60_000);
    },
  );

  test('a due that was moved by a clock that was set back counts as moved', async () => {
    adopt(7, grant('a'));
    await wall.advance(3_600_000);
    wall.jump(-STEP);
    const moved = adopt(7, grant('a', { dueAt: wall.now() + 100_000 }));
    expect(records.dueAt(moved)).toBe(wall.now() + 100_000);
  });

  test.each([
    [600_000, []],
    [600_001, ['a']],
  ])('a record is due too late where the clock step of %i ms took more than half of its margin', (stepMs, late) => {
    adopt(
      7,
      grant('a', { obtainedAt: start - 3_600_000, expiresAt: start - 3_600_000 + LIFE, dueAt: start + 2_400_000 }),
    );
    wall.jump(-stepMs);
    expect(records.invalidateAll().map(({ value }) => value)).toEqual(late);
  });
});

describe('an unwritten record', () => {
  const pendingGrants = (given: StoredGrant, replaces = 1) =>
    adopt(replaces + 1, given, { ...STORE, written: false, replaces });

  test('an unwritten record is not replaced by the record that it was to replace', () => {
    const held = pendingGrants(grant('b'));
    expect(adopt(1, grant('a', { obtainedAt: start + 9 }))).toBe(held);
  });

  test.each([
    ['before the clock was set back by an hour', -3_600_000, 1, 'b'],
    ['before the clock was set back by a second', -1_000, 1, 'b'],
    ['at the same clock, and after it', 0, 1, 'b'],
    ['at the same clock, and before it', 0, -1, 'a'],
  ])(
    'with an unwritten record obtained %s, the one that is obtained %i ms later by the new clock wins',
    async (_, stepMs, laterMs, value) => {
      pendingGrants(grant('a'));
      wall.jump(stepMs);
      await wall.advance(1_000);
      const obtainedAt = start + stepMs + (laterMs < 0 ? laterMs : 1_000);
      adopt(900, grant('b', { obtainedAt, expiresAt: obtainedAt + LIFE }));
      expect(cache.get(KEY)?.value).toBe(value);
    },
  );

  test('an unwritten record that has expired blocks nothing, whatever the clock says', async () => {
    pendingGrants(grant('a'));
    await wall.advance(LIFE);
    wall.jump(-2 * LIFE);
    expect(adopt(1, grant('b', { obtainedAt: start - LIFE, expiresAt: start })).value).toBe('b');
  });
});

describe('listeners for records', () => {
  test('a listener gets the records that are cached, and then each one that becomes current', () => {
    const first = adopt(7, grant('a'));
    const heard: CachedRecord[] = [];
    records.listen((cached) => void heard.push(cached));
    const next = adopt(8, grant('b'));
    adopt(6, grant('older'));
    expect(heard).toEqual([first, next]);
  });

  test('a listener for extensions gets those of a token that lives longer, until it ends the calls', () => {
    const heard: string[] = [];
    const end = records.onExtension((key, source) => void heard.push(`${key.subject} ${source}`));
    const LONGER: Adoption = { source: 'upstream', announceFirst: true };
    adopt(7, grant('a'));
    adopt(8, grant('a', { expiresAt: start + 2 * LIFE }), LONGER);
    expect([heard, events.length]).toEqual([['s upstream'], 1]);
    // Neither another token nor the same grant is an extension.
    adopt(9, grant('b', { expiresAt: start + 3 * LIFE }));
    adopt(9, grant('b', { expiresAt: start + 3 * LIFE }));
    expect(heard).toHaveLength(1);
    end();
    adopt(10, grant('b', { expiresAt: start + 4 * LIFE }));
    expect([heard.length, events.length]).toEqual([1, 2]);
  });
});

describe('doubts about the clock of the store', () => {
  let samples: number;

  beforeEach(async () => {
    samples = 0;
    const clock = new StoreClock(wall, async () => {
      samples += 1;
      return wall.now();
    });
    clock.start();
    const times = { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined };
    records = new Records(cache, clock, new Events(), times, async () => undefined, { hasApp: () => true });
  });

  test.each<[string, Partial<StoredGrant>, Adoption, number]>([
    ['that is not due', {}, STORE, 0],
    ['that was due when it was read', { dueAt: 0 }, STORE, 1],
    ['from the future', { obtainedAt: 3_600_000, dueAt: 9_000_000, expiresAt: 9_500_000 }, STORE, 1],
    ['that this process has requested and that is due', { dueAt: 0 }, { ...STORE, source: 'upstream' }, 0],
  ])('a record %s has the clock sampled: %#', async (_, inMs, adoption, expected) => {
    const fields = Object.fromEntries(Object.entries(inMs).map(([name, ms]) => [name, start + (ms as number)]));
    adopt(7, grant('a', fields), adoption);
    await wall.advance(0);
    expect(samples).toBe(expected);
  });
});

describe('records of documents', () => {
  const document = (given?: StoredGrant): KeyDocument => {
    const fields = { version: 12, recordVersion: 7, unknown: {} };
    return given === undefined ? fields : { ...fields, grant: given };
  };

  test('a document with a grant has a record of its version, which is not made current', async () => {
    const record = records.recordOf(KEY, document(grant('a')));
    expect(record).toMatchObject({ value: 'a', version: 7, obtainedAt: start, expiresAt: start + LIFE });
    expect(await record?.result()).toEqual({ version: 7 });
    expect([cache.get(KEY), records.recordOf(KEY, document())]).toEqual([undefined, undefined]);
  });

  test('the end of a token is earlier on a clock that was set back', () => {
    const given = grant('a');
    expect(records.presentEndOf(KEY, given)).toBe(start + LIFE);
    adopt(7, given);
    expect(records.presentEndOf(KEY, given)).toBe(start + LIFE);
    wall.jump(-3_600_000);
    expect(records.presentEndOf(KEY, given)).toBe(start + LIFE - 3_600_000);
  });

  test('a document overtakes a cached refresh token unless the cached one is newer', () => {
    const rotation = (token: string, known: string[] = []): Rotation => ({ token, known }) as unknown as Rotation;
    const held = records.adopt(KEY, { ...document(grant('a')), rotation: rotation('held') }, grant('a'), STORE);
    const follows = { ...document(grant('b')), rotation: rotation('newer', [secretHash('held')]) };
    expect([records.overtakes(held, follows), records.goingOn(held, follows)?.token]).toEqual([false, 'newer']);
    const next = { ...document(grant('c')), rotation: rotation('second', [secretHash('first')]) };
    const heldNext = records.adopt(KEY, { ...next, recordVersion: 20 }, grant('c'), STORE);
    const before = { ...document(grant('b')), rotation: rotation('first') };
    expect([records.overtakes(heldNext, before), records.goingOn(heldNext, before)?.token]).toEqual([true, 'second']);
    expect(records.overtakes(heldNext, document(grant('b')))).toBe(false);
  });
});

test('no record is served by a hit after the clock has gone back, until it was checked', () => {
  const cached = adopt(7, grant('a'));
  expect(records.hit(KEY.appid, KEY.type, KEY.subject)).toBe(cached);
  wall.jump(-1);
  expect(records.hit(KEY.appid, KEY.type, KEY.subject)).toBeUndefined();
  records.checkForClockStep();
  expect(records.hit(KEY.appid, KEY.type, KEY.subject)).toBe(cached);
  expect(records.hit(KEY.appid, KEY.type)).toBeUndefined();
});
