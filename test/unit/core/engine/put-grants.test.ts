import { beforeEach, describe, expect, test } from 'vitest';
import { PutGrants } from '../../../../src/core/engine/put-grants.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { Deadline } from '../../../../src/core/model/deadline.js';
import type { Grant } from '../../../../src/core/model/refresher.js';
import { keyId, type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { paramsHashOf } from '../../../../src/core/registry/attempt-input.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

const KEY = tokenKey('wx1', 'user', 'a');
const ID = 'key/wx1/user/a';
const TASK = 'task/wx1/user/a';
const GRANT: Grant = { value: 'put', expiresInSeconds: 7_200 };

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let closing: Closing;
let isPushed: boolean;
let calls: string[];
let puts: PutGrants;

beforeEach(async () => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
  closing = new Closing();
  isPushed = false;
  calls = [];
  const note =
    (name: string) =>
    (key: TokenKey): void =>
      void calls.push(`${name} ${keyId(key)}`);
  puts = new PutGrants({
    ...world,
    closing,
    source: { assertRegistered: async () => {} } as never,
    pushed: {
      isPushed: () => isPushed,
      keysThatNeed: ({ appid }: TokenKey) => [{ appid, type: 'platform' }],
    } as never,
    times: { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined },
    flights: { retrySoon: note('retry'), wakeWaiting: note('wake') } as never,
    scheduler: { makeDueNow: note('due') } as never,
  });
  await memory.set('app/wx1', seal('app/wx1', { enrolment: 'app' }), 0);
  await setTask({ params: { code: 'c' }, enrolment: 'task' });
});

async function setTask(content: object): Promise<void> {
  await putContent(memory, TASK, content as never);
  await world.registry.loadAll();
}

const put = (grant: Grant = GRANT): Promise<CachedRecord> =>
  puts.put(KEY, grant, new Deadline(clock, 10_000, undefined));

describe('a grant that was put', () => {
  test('a grant is stored and becomes current, and what waits for it goes on', async () => {
    const cached = await put();
    expect([cached.value, cached.obtainedAt, cached.expiresAt]).toEqual(['put', clock.now(), clock.now() + 7_200_000]);
    expect((await memory.get([ID]))[0]?.due).toEqual({ lane: 'user', at: cached.storedDueAt });
    expect(cached.storedDueAt).toBeLessThan(cached.expiresAt);
    expect(calls).toEqual(['retry wx1/user/a', 'wake wx1/user/a', 'due wx1/platform']);
  });

  test('a grant of a type that WeChat pushes is not due before it expires', async () => {
    isPushed = true;
    const cached = await put();
    expect(cached.storedDueAt).toBe(cached.expiresAt);
  });

  test('a refresh token is stored with the hash of the params of its task, if those are given', async () => {
    await put({ ...GRANT, refreshToken: 'refresh' } as Grant);
    const { rotation } = await world.documents.read(KEY);
    expect(rotation?.token).toBe('refresh');
    expect(JSON.stringify(rotation)).toContain(paramsHashOf({ code: 'c' }));
  });

  test('an invalid grant is refused before anything is read', async () => {
    faulty.calls.length = 0;
    await expect(put({ value: '' } as Grant)).rejects.toThrow(TypeError);
    expect(faulty.calls).toEqual([]);
  });

  test('nothing is written once the closing has begun, and nothing goes on', async () => {
    closing.begin();
    await expect(put()).rejects.toMatchObject({ code: 'CLOSED' });
    expect([await memory.get([ID]), calls]).toEqual([[undefined], []]);
  });

  test('a write that loses is not repeated once the closing has begun', async () => {
    faulty.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      await memory.set(ID, seal(ID, { chain: ['theirs'] }), 0);
      closing.begin();
    };
    await expect(put()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('a key that is registered anew while a grant is put', () => {
  test('a grant is stored for the registration that exists', async () => {
    let changes = 1;
    faulty.before = async (method, id) => {
      if (method !== 'set' || id !== ID || changes-- <= 0) return;
      await memory.set(TASK, seal(TASK, { enrolment: 'another' }), (await memory.get([TASK]))[0]?.version as number);
    };
    expect((await put()).value).toBe('put');
    expect((await world.documents.read(KEY)).grant?.value).toBe('put');
  });

  test('a grant is not stored after three registrations in a row', async () => {
    let changes = 0;
    faulty.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      const content = { enrolment: `another ${++changes}` };
      await memory.set(TASK, seal(TASK, content), (await memory.get([TASK]))[0]?.version as number);
    };
    await expect(put()).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    expect([changes, calls]).toEqual([3, []]);
  });

  test('a grant is not stored for a key that was unregistered', async () => {
    faulty.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      for (const gone of ['app/wx1', TASK]) {
        const [document] = await memory.get([gone]);
        if (document !== undefined) await memory.delete(gone, document.version);
      }
    };
    await expect(put()).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    expect(await memory.get([ID])).toEqual([undefined]);
  });

  test('a store that fails is not written to again', async () => {
    faulty.calls.length = 0;
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await expect(put()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(faulty.calls.filter((call) => call === 'set')).toHaveLength(1);
  });
});
