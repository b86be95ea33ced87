import { beforeEach, describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { Events } from '../../../../src/core/model/events.js';
import type { Lease } from '../../../../src/core/model/store.js';
import { CachedRecord } from '../../../../src/core/records/cached-record.js';
import type { Attempted } from '../../../../src/core/records/failed-attempts.js';
import { RecordCache } from '../../../../src/core/records/record-cache.js';
import { RetryStates } from '../../../../src/core/records/retry-states.js';
import { fingerprintOf } from '../../../../src/core/registry/attempt-input.js';
import type { Registry } from '../../../../src/core/registry/registry.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import type { FailureBudget } from '../../../../src/core/store/failure-budget.js';
import {
  type KeyDocument,
  NO_KEY_DOCUMENT,
  type RetryState,
  readKeyDocument,
  type StoredGrant,
} from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let registry: Registry;
let cache: RecordCache;
let retryStates: RetryStates;
let log: unknown[];

beforeEach(async () => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  log = [];
  const storage = openStorage(faulty, clock);
  registry = storage.registry;
  cache = new RecordCache(10, () => false);
  const events = new Events();
  events.on('refreshFailed', (event) => void log.push(event));
  events.on('reauthorizationRequired', ({ error }) => void log.push(`reauthorize ${error.retryAt}`));
  for (const id of ['app/wx1', 'task/wx1/access_token']) await memory.set(id, seal(id, {}), 0);
  retryStates = new RetryStates(storage, cache, events, (key) => fingerprintOf(key, registry, []));
});

async function stored(): Promise<KeyDocument> {
  return readKeyDocument((await memory.get([ID]))[0]);
}

async function record(
  error: TokenError,
  document: KeyDocument = NO_KEY_DOCUMENT,
  hadTask = true,
  more: Partial<Attempted> = {},
): Promise<TokenError> {
  const lease = (await memory.lease(ID, 20_000)) as Lease;
  const leftMs = (document.grant?.expiresAt ?? clock.now()) - clock.now();
  const attempted = { fingerprint: fingerprintOf(KEY, registry, []), enrolment: { hadTask }, leftMs, ...more };
  return (await retryStates.record(KEY, document, lease, error, attempted))?.failure as TokenError;
}

async function isLeased(): Promise<boolean> {
  const taken = await memory.lease(ID, 20_000);
  await taken?.release();
  return taken === undefined;
}

const busy = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { errcode: -1, retryable: true });
const refused = new TokenError('UPSTREAM_REJECTED', 'bad secret', { errcode: 40_125 });
const ended = new TokenError('REAUTHORIZATION_REQUIRED', 'ask again');

function trying(fields: Partial<RetryState> = {}): RetryState {
  const error = { code: 'UPSTREAM_UNAVAILABLE', message: 'busy', retryable: true };
  const now = clock.now();
  return { attempts: 5, failedAt: now, retryAt: now + 60_000, registration: '0:0', backingOff: true, error, ...fields };
}

describe('record', () => {
  test('record stores the retry state for the fleet, releases the lease in the same write, and notifies', async () => {
    const now = clock.now();
    const error = await record(refused);
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40_125, retryAt: now + 600_000, ...KEY });
    expect((await stored()).trying).toEqual({
      attempts: 1,
      failedAt: now,
      retryAt: now + 600_000,
      registration: '0:0',
      input: expect.stringMatching(/^[0-9a-f]{16}$/),
      backingOff: false,
      error: { code: 'UPSTREAM_REJECTED', message: 'bad secret', retryable: false, errcode: 40_125 },
    });
    expect((await memory.get([ID]))[0]?.due).toEqual({ lane: 'access_token', at: now + 600_000 });
    expect(log).toEqual([{ ...KEY, subject: undefined, error, attempt: 1, retryAt: now + 600_000 }]);
    expect([await isLeased(), faulty.calls.filter((call) => call !== 'get')]).toEqual([false, ['set']]);
  });

  test('a key without a task has no due', async () => {
    await record(busy, NO_KEY_DOCUMENT, false);
    expect([(await memory.get([ID]))[0]?.due, await isLeased()]).toEqual([undefined, false]);
  });

  test('record keeps the grant and the fields of another release', async () => {
    const now = clock.now();
    const grant = { value: 'v', obtainedAt: now - 1_000, expiresAt: now + 1_000, dueAt: now - 500 };
    await memory.set(ID, seal(ID, { grant, chain: ['x'], recordVersion: 5 }), 0);
    await record(busy, await stored());
    const [document] = await memory.get([ID]);
    expect(document === undefined ? undefined : unseal(document)).toMatchObject({
      grant,
      chain: ['x'],
      recordVersion: 5,
    });
  });

  test('record counts attempts, those of others and those of this process alone', async () => {
    await record(busy);
    await record(busy, await stored());
    expect((await stored()).trying?.attempts).toBe(2);
    await record(busy, { ...(await stored()), trying: trying({ attempts: 7 }) });
    expect((await stored()).trying?.attempts).toBe(8);
    await record(busy, { ...(await stored()), trying: trying({ attempts: 2 }) });
    expect((await stored()).trying?.attempts).toBe(9);
    await record(busy, { ...(await stored()), trying: trying({ attempts: 99, registration: 'other' }) });
    expect((await stored()).trying?.attempts).toBe(10);
    expect(log).toMatchObject([1, 2, 8, 9, 10].map((attempt) => ({ attempt })));
  });

  test('record backs off by the life of the current token, and by what is left of it', async () => {
    const now = clock.now();
    const grant = { value: 'v', obtainedAt: now - 7_199_000, expiresAt: now + 1_000, dueAt: now };
    await record(busy, { ...NO_KEY_DOCUMENT, grant, trying: trying({ attempts: 9 }) });
    expect((await stored()).trying?.retryAt).toBe(now + 500);
    await record(busy, { ...(await stored()), grant: { ...grant, expiresAt: now + 7_200_000 } });
    expect((await stored()).trying?.retryAt).toBe(now + 30_000);
  });

  test('the first attempt goes by the life of the current token', async () => {
    const now = clock.now();
    const grant = { value: 'v', obtainedAt: now - 7_200_000, expiresAt: now, dueAt: now };
    await record(busy, { ...NO_KEY_DOCUMENT, grant });
    expect((await stored()).trying?.retryAt).toBe(now + 500);
  });

  test('a failure of this host alone is not stored, and leaves the lease to its holder', async () => {
    const error = await record(new TokenError('UPSTREAM_REJECTED', 'ip', { hostOnly: true, errcode: 40_164 }));
    expect([await stored(), await isLeased(), error.hostOnly]).toEqual([NO_KEY_DOCUMENT, true, true]);
    expect(retryStates.active(KEY, false)?.local).toBe(true);
    expect(retryStates.active(KEY, false)?.error()).toMatchObject({ hostOnly: true, errcode: 40_164 });
  });

  test.each([
    ['fails', () => Promise.reject(new Error('full'))],
    ['comes too late', async () => void (await memory.set(ID, {}, 0))],
  ])('a write that %s leaves the lease to its holder, and the failure is remembered locally', async (_, before) => {
    faulty.before = (method) => (method === 'set' ? before() : undefined);
    const error = await record(busy);
    expect([error.code, await isLeased(), log.length]).toEqual(['UPSTREAM_UNAVAILABLE', true, 1]);
    expect(retryStates.active(KEY, false)).toMatchObject({ local: true });
  });

  test('reauthorizationRequired is emitted once until another failure or a success', async () => {
    const said = (): unknown[] => log.filter((entry) => typeof entry === 'string');
    await record(ended);
    await record(ended, await stored());
    expect(said()).toEqual([`reauthorize ${clock.now() + 600_000}`]);
    await record(busy, await stored());
    await record(ended, await stored());
    expect(said()).toHaveLength(2);
    cache.clearFailure(KEY);
    await record(ended, await stored());
    expect([said().length, log.length]).toEqual([3, 8]);
  });

  test.each([
    ['UPSTREAM_UNAVAILABLE', undefined, true],
    ['UPSTREAM_UNAVAILABLE', 30_000, false],
    ['UPSTREAM_REJECTED', undefined, true],
    ['UPSTREAM_REJECTED', 30_000, false],
  ])('the retry state of a passing %s with retryAt %s is backing off: %s', async (code, retryIn, expected) => {
    const retryAt = retryIn === undefined ? undefined : clock.now() + retryIn;
    await record(new TokenError(code, 'x', { retryAt, retryable: true }));
    expect((await stored()).trying?.backingOff).toBe(expected);
  });
});

test.each([
  // Callers may try again after 5 s, the background after 30 s.
  [0, 30_000, true],
  [5_000, 30_000, true],
  [5_001, 5_001, false],
  [200_000, 200_000, false],
])(
  'a failure budget that is used up for %i ms delays the next attempt by %i ms',
  async (notBeforeMs, ms, backingOff) => {
    const now = clock.now();
    const budget = { draw: async () => now + notBeforeMs } as unknown as FailureBudget;
    await record(busy, { ...NO_KEY_DOCUMENT, trying: trying({ attempts: 20 }) }, true, { budget });
    expect((await stored()).trying).toMatchObject({ retryAt: now + ms, backingOff });
  },
);

test.each([
  [0, false],
  [600_000, false],
  [600_001, true],
])(
  'with %i ms left of the token, the failure of a token alive at the next attempt draws on the reserve: %s',
  async (...row) => {
    const [leftMs, lives] = row;
    const drawn: unknown[] = [];
    const budget = { draw: async (...args: unknown[]) => drawn.push(args) } as unknown as FailureBudget;
    await record(
      new TokenError('UPSTREAM_UNAVAILABLE', 'later', { retryAt: clock.now() + 600_000 }),
      NO_KEY_DOCUMENT,
      true,
      {
        budget,
        leftMs,
      },
    );
    expect(drawn).toEqual([['wx1', lives, expect.objectContaining({ attempts: 1, failedAt: clock.now() })]]);
  },
);

describe('active', () => {
  test.each([
    ['the background waits until retryAt', false, true, 60_000],
    ['a caller waits 5 s at most while it backs off', true, true, 5_000],
    ['a caller waits until retryAt when it does not', true, false, 60_000],
  ])('active: %s', async (_, callerWaits, backingOff, ms) => {
    const now = clock.now();
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying({ backingOff }) });
    await clock.advance(ms - 1);
    expect(retryStates.active(KEY, callerWaits)).toMatchObject({ retryAt: now + ms, local: false });
    await clock.advance(1);
    expect(retryStates.active(KEY, callerWaits)).toBeUndefined();
  });

  test('the background sees retryAt, not the time that callers wait', () => {
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying() });
    expect(retryStates.retryAt(KEY)).toBe(clock.now() + 60_000);
  });

  test('a caller does not wait longer than the background', () => {
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying({ retryAt: clock.now() + 300 }) });
    expect(retryStates.active(KEY, true)?.retryAt).toBe(clock.now() + 300);
    expect(retryStates.retryAt(KEY)).toBe(clock.now() + 300);
  });

  test('an active failure says what went wrong, and names its key', () => {
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying() });
    expect(retryStates.active(KEY, false)?.error()).toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: 'busy',
      retryAt: clock.now() + 60_000,
      hostOnly: false,
      ...KEY,
    });
  });

  test('an active failure creates its error where a caller asks for it, which the stack shows', () => {
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying() });
    const failure = retryStates.active(KEY, true);
    const placeOfCaller = () => failure?.error().stack;
    expect(placeOfCaller()).toContain('placeOfCaller');
  });

  test('another registration clears an active failure', async () => {
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying() });
    expect(retryStates.remembered(KEY)).toBeDefined();
    registry.setApp({ appid: 'wx1', secret: 'S', accessToken: undefined, version: 3 });
    expect(retryStates.remembered(KEY)).toBeUndefined();
    expect(cache.failure(KEY)).toBeDefined();
    expect([retryStates.active(KEY, false), cache.failure(KEY)]).toEqual([undefined, undefined]);
  });

  test('a key without a failure has no active one', () => {
    expect([retryStates.active(KEY, true), retryStates.retryAt(KEY), retryStates.remembered(KEY)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('learn', () => {
  test('a document without a retry state clears the failure of the fleet, not that of this host', () => {
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying() });
    retryStates.update(KEY, NO_KEY_DOCUMENT);
    expect(retryStates.active(KEY, false)).toBeUndefined();
    cache.setFailure(KEY, { trying: trying(), local: true, version: 0 });
    retryStates.update(KEY, NO_KEY_DOCUMENT);
    expect(retryStates.active(KEY, false)?.local).toBe(true);
  });

  /** A document of this version that says, by the number of attempts, which failure it shows; or none. */
  function at(version: number, attempts?: number): KeyDocument {
    const document = { ...NO_KEY_DOCUMENT, version, recordVersion: version };
    return attempts === undefined ? document : { ...document, trying: trying({ attempts }) };
  }

  test.each([
    [9, 1, 2],
    [10, 1, 1],
    [11, 1, 1],
    [9, undefined, 2],
    [10, undefined, undefined],
    [11, undefined, undefined],
    // An absent document has no version.
    [0, undefined, undefined],
  ])('a document of version %i that shows %s, read after one of version 10 that shows 2, leaves %s', (...row) => {
    const [version, attempts, left] = row;
    retryStates.update(KEY, at(10, 2));
    retryStates.update(KEY, at(version, attempts));
    expect(retryStates.remembered(KEY)?.trying.attempts).toBe(left);
  });

  test('a document that is older than the current record brings no failure back', () => {
    const now = clock.now();
    const grant = { value: 'v', obtainedAt: now, expiresAt: now + 7_200_000, dueAt: now + 6_000_000 };
    cache.set(
      new CachedRecord({
        key: KEY,
        grant,
        version: 10,
        rotation: undefined,
        revokedAt: undefined,
        endsAtMonotonic: Number.POSITIVE_INFINITY,
        dueAtMonotonic: Number.POSITIVE_INFINITY,
        confirmedAtMonotonic: clock.monotonic(),
        dueAt: grant.dueAt,
        isFromTheFuture: false,
      }),
    );
    retryStates.update(KEY, at(9, 1));
    expect(retryStates.remembered(KEY)).toBeUndefined();
    retryStates.update(KEY, at(11, 1));
    expect(retryStates.remembered(KEY)?.trying.attempts).toBe(1);
  });

  test('an older read does not clear a failure that has been recorded here', async () => {
    await record(busy);
    const { version } = await stored();
    retryStates.update(KEY, at(version - 1));
    retryStates.update(KEY, at(version - 1, 7));
    expect(retryStates.remembered(KEY)).toMatchObject({ version, local: false, trying: { attempts: 1 } });
  });

  test.each([
    ['the document that it was made with', true, 5, 60_000],
    ['a later one that forbids attempts for less long', true, 6, 599_999],
    ['a later one that forbids attempts for as long', false, 6, 600_000],
    ['a later one that forbids attempts for longer', false, 6, 600_001],
  ])(
    'a failure of this host alone, followed by %s, stays of this host alone: %s',
    async (_, local, version, retryMs) => {
      const host = new TokenError('UPSTREAM_REJECTED', 'ip', { hostOnly: true, errcode: 40_164 });
      await record(host, at(5, 1));
      retryStates.update(KEY, { ...at(version), trying: trying({ retryAt: clock.now() + retryMs }) });
      expect(retryStates.active(KEY, false)?.local).toBe(local);
    },
  );

  test('a failure of this host alone with another input yields to what the fleet knows', async () => {
    await record(new TokenError('UPSTREAM_REJECTED', 'ip', { hostOnly: true, errcode: 40_164 }), at(5));
    registry.setApp({ appid: 'wx1', secret: 'another', accessToken: undefined, version: 0 });
    retryStates.update(KEY, at(6, 3));
    expect(retryStates.remembered(KEY)).toMatchObject({ local: false, trying: { attempts: 3 } });
  });
});

describe('a failure that is not stored yet, or was not accepted by the store', () => {
  const grant = (): StoredGrant => {
    const now = clock.now();
    return { value: 'v', obtainedAt: now, expiresAt: now + 7_200_000, dueAt: now + 6_000_000 };
  };
  const rotation = (token: string): KeyDocument['rotation'] => ({ token, known: [] }) as never;

  test('a failure that is being stored is not cleared by a read of the document from before that write', async () => {
    await memory.set(ID, seal(ID, { chain: ['x'] }), 0);
    const before = await stored();
    const seen: unknown[] = [];
    faulty.before = (method) => {
      if (method !== 'set') return;
      retryStates.update(KEY, before);
      retryStates.update(KEY, NO_KEY_DOCUMENT);
      seen.push(retryStates.active(KEY, false)?.isBeingStored);
    };
    await record(busy, before);
    expect([seen, retryStates.active(KEY, false)?.isBeingStored]).toEqual([[true], false]);
  });

  test('a failure that is being stored yields to a document that was written after the attempt', async () => {
    let seen: unknown = 'unset';
    faulty.before = (method) => {
      if (method !== 'set') return;
      retryStates.update(KEY, { ...NO_KEY_DOCUMENT, version: 4, recordVersion: 4 });
      seen = retryStates.active(KEY, false);
    };
    await record(busy, { ...NO_KEY_DOCUMENT, version: 3, recordVersion: 3 });
    expect(seen).toBeUndefined();
  });

  test.each<[string, boolean, () => Partial<KeyDocument>]>([
    ['the version that the attempt was based on', true, () => ({ version: 5, rotation: rotation('newer') })],
    ['a later version with the same refresh token and record', true, () => ({ version: 6, grant: grant() })],
    ['a later version with the same refresh token and no grant', true, () => ({ version: 6, recordVersion: 6 })],
    ['a later version with a newer record', false, () => ({ version: 6, recordVersion: 6, grant: grant() })],
    ['a later version with another refresh token', false, () => ({ version: 6, rotation: rotation('newer') })],
    ['a later version without a refresh token', false, () => ({ version: 6, rotation: undefined })],
  ])('a failure that the store has not accepted, followed by %s, is remembered: %s', async (_, isKept, change) => {
    const basis = { ...NO_KEY_DOCUMENT, version: 5, recordVersion: 5, rotation: rotation('sent') };
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await record(busy, basis);
    retryStates.update(KEY, { ...basis, ...change() });
    expect(retryStates.active(KEY, false) !== undefined).toBe(isKept);
  });

  test.each<[string, boolean, string]>([
    ['the same refresh token', true, 'sent'],
    ['another refresh token', false, 'newer'],
  ])('a failure that the store has not accepted outlasts a shorter one with %s: %s', async (_, isKept, token) => {
    const basis = { ...NO_KEY_DOCUMENT, version: 5, recordVersion: 5, rotation: rotation('sent') };
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await record(refused, basis);
    const shorter = trying({ retryAt: clock.now() + 1_000 });
    retryStates.update(KEY, { ...basis, version: 6, rotation: rotation(token), trying: shorter });
    expect(retryStates.active(KEY, false)?.local).toBe(isKept);
  });
});

describe('a failure that no longer forbids attempts', () => {
  const OTHER = { appid: 'wx1', type: 'user_token', subject: 'a/b' };

  test('the keys whose failures come from the future are those that failed before the clock was set back', () => {
    const now = clock.now();
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying({ failedAt: now - 3_600_000 }) });
    retryStates.update(OTHER, { ...NO_KEY_DOCUMENT, trying: trying() });
    expect(retryStates.fromTheFuture()).toEqual([]);
    clock.jump(-1_800_000);
    expect(retryStates.fromTheFuture()).toEqual([OTHER]);
    expect(retryStates.active(OTHER, false)).toBeUndefined();
  });

  test('a failure is outdated if it was made with another input than the present one', () => {
    expect(retryStates.isOutdated(KEY)).toBe(false);
    retryStates.update(KEY, { ...NO_KEY_DOCUMENT, trying: trying() });
    expect(retryStates.isOutdated(KEY)).toBe(false);
    registry.setApp({ appid: 'wx1', secret: 'S', accessToken: undefined, version: 3 });
    expect(retryStates.isOutdated(KEY)).toBe(true);
  });
});

test.each([
  ['UPSTREAM_UNAVAILABLE', false, true],
  // A request that never left this host has used no quota.
  ['UPSTREAM_UNAVAILABLE', true, false],
  ['UPSTREAM_REJECTED', false, true],
  ['QUOTA_EXHAUSTED', false, true],
  ['INPUT_MISSING', false, false],
] as const)('a failure %s, of this host alone: %s, draws on the failure budget: %s', async (code, hostOnly, draws) => {
  const drawn: string[] = [];
  const budget = { draw: async (appid: string) => drawn.push(appid) } as unknown as FailureBudget;
  await record(new TokenError(code, 'x', { hostOnly, retryable: true }), NO_KEY_DOCUMENT, true, { budget });
  expect(drawn).toEqual(draws ? ['wx1'] : []);
});

describe('a failure from before this process began', () => {
  const earlier = (): RetryState => trying({ retryAt: clock.now() + 60_000, backingOff: false });

  test.each([
    [59_999, true],
    [60_000, false],
    [60_001, false],
  ])('a failure from before this process began blocks attempts: after %i ms %s', async (afterMs, isHeldUp) => {
    retryStates.defer(KEY, earlier());
    await clock.advance(afterMs);
    expect(retryStates.active(KEY, true) !== undefined).toBe(isHeldUp);
  });

  test.each([
    [59_999, 60_000],
    [60_000, 60_000],
    [60_001, 60_001],
  ])(
    'a failure that is known and blocks for %i ms is replaced by an earlier one only if that blocks longer',
    (knownMs, expectedMs) => {
      const known = trying({ retryAt: clock.now() + knownMs });
      retryStates.update(KEY, { ...NO_KEY_DOCUMENT, version: 3, trying: known });
      retryStates.defer(KEY, earlier());
      expect(retryStates.retryAt(KEY)).toBe(clock.now() + expectedMs);
      expect(retryStates.remembered(KEY)?.version).toBe(3);
    },
  );

  test('a failure from before this process began blocks nothing with another input', () => {
    retryStates.defer(KEY, { ...earlier(), input: 'another' });
    expect(retryStates.hasRemembered(KEY)).toBe(false);
  });
});
