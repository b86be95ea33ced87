import { beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import { CountedLimits } from '../../../../src/core/store/counted-limits.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader } from '../../../../src/core/store/document-reader.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const LIMIT = { everyMs: 30_000, perDay: 20 };
const DAY = 86_400_000;
const ID = 'limit/wx1/report';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
});

function countedLimits(): CountedLimits {
  const store = new SupervisedStore(faulty, clock, { unavailable() {}, available() {} });
  return new CountedLimits(store, new DocumentReader(store, () => {}), () => clock.now());
}

describe('CountedLimits', () => {
  test('a limit grants one in 30 s for a key, to the millisecond', async () => {
    const taker = countedLimits();
    const first = clock.now();
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: true });
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: false, retryAt: first + 30_000 });
    await clock.advance(29_999);
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: false, retryAt: first + 30_000 });
    await clock.advance(1);
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: true });
    expect(await taker.draw(KEY, 'report', LIMIT)).toMatchObject({ granted: false, retryAt: first + 60_000 });
  });

  test('the interval between two counts for each key, each name and each app by itself', async () => {
    const taker = countedLimits();
    const others = [
      { ...KEY, type: 'b' },
      { ...KEY, subject: 's' },
      { ...KEY, appid: 'wx2' },
    ];
    for (const key of [KEY, ...others]) expect((await taker.draw(key, 'report', LIMIT)).granted).toBe(true);
    expect((await taker.draw(KEY, 'other', LIMIT)).granted).toBe(true);
  });

  test('a limit grants 20 in a rolling day for an app, whatever the key, to the millisecond', async () => {
    const taker = countedLimits();
    const first = clock.now();
    for (let count = 0; count < 20; count++) {
      expect((await taker.draw({ ...KEY, subject: `s${count}` }, 'report', LIMIT)).granted).toBe(true);
      await clock.advance(60_000);
    }
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: false, retryAt: first + DAY });
    await clock.advance(DAY - 20 * 60_000 - 1);
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: false, retryAt: first + DAY });
    await clock.advance(1);
    expect(await taker.draw(KEY, 'report', LIMIT)).toEqual({ granted: true });
    expect(await taker.draw({ ...KEY, subject: 'x' }, 'report', LIMIT)).toEqual({
      granted: false,
      retryAt: first + 60_000 + DAY,
    });
    expect((await taker.draw({ ...KEY, appid: 'wx2' }, 'report', LIMIT)).granted).toBe(true);
  });

  test('the later of both bounds counts', async () => {
    const taker = countedLimits();
    const limit = { everyMs: 30_000, perDay: 1 };
    const first = clock.now();
    await taker.draw(KEY, 'report', limit);
    expect(await taker.draw(KEY, 'report', limit)).toEqual({ granted: false, retryAt: first + DAY });
    const wide = { everyMs: 30_000, perDay: 2 };
    expect(await taker.draw(KEY, 'report', wide)).toEqual({ granted: false, retryAt: first + 30_000 });
  });

  test('a bound that is not set does not limit', async () => {
    const taker = countedLimits();
    for (let count = 0; count < 25; count++) expect((await taker.draw(KEY, 'a', { everyMs: 0 })).granted).toBe(true);
    for (let count = 0; count < 3; count++) expect((await taker.draw(KEY, 'b', { perDay: 3 })).granted).toBe(true);
    expect((await taker.draw(KEY, 'b', { perDay: 3 })).granted).toBe(false);
  });

  test('a granted draw is durable, and other processes see it', async () => {
    await countedLimits().draw(KEY, 'report', LIMIT);
    expect((await countedLimits().draw(KEY, 'report', LIMIT)).granted).toBe(false);
    const [document] = await memory.get([ID]);
    expect(document?.data).toMatchObject({ taken: [[clock.now(), 'wx1/access_token']] });
  });

  test('a draw that cannot be written is not granted', async () => {
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await expect(countedLimits().draw(KEY, 'report', LIMIT)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    faulty.before = () => {};
    expect((await countedLimits().draw(KEY, 'report', LIMIT)).granted).toBe(true);
  });

  test('twenty concurrent draws are never granted more than the limit', async () => {
    const takers = Array.from(
      { length: 20 },
      (_, index) => [countedLimits(), { ...KEY, subject: `s${index}` }] as const,
    );
    const answers = await Promise.all(takers.map(([taker, key]) => taker.draw(key, 'report', { perDay: 5 })));
    expect(answers.filter(({ granted }) => granted)).toHaveLength(5);
    const same = await Promise.all(takers.map(([taker]) => taker.draw(KEY, 'same', LIMIT)));
    expect(same.filter(({ granted }) => granted)).toHaveLength(1);
  });

  test('draw fails when it loses every round', async () => {
    const write = async (): Promise<void> => {
      const [document] = await memory.get([ID]);
      await memory.set(ID, seal(ID, { taken: [] }), document?.version ?? 0);
    };
    faulty.before = (method) => (method === 'set' ? write() : undefined);
    await expect(countedLimits().draw(KEY, 'report', LIMIT)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      message: 'other processes kept changing the limit report of wx1: try again later',
    });
    expect(faulty.calls.filter((call) => call === 'set')).toHaveLength(20);
  });

  test('draws older than a day are forgotten, and so are those from the future', async () => {
    const now = clock.now();
    const taken = [
      [now - DAY - 1, 'old'],
      [now - DAY, 'old'],
      [now - DAY + 1, 'recent'],
      [now + 5_000, 'ahead'],
      [now + 5_001, 'far ahead'],
    ];
    await memory.set(ID, seal(ID, { taken }), 0);
    expect((await countedLimits().draw(KEY, 'report', LIMIT)).granted).toBe(true);
    const [document] = await memory.get([ID]);
    expect(document?.data['taken']).toEqual([
      [now - DAY + 1, 'recent'],
      [now + 5_000, 'ahead'],
      [now, 'wx1/access_token'],
    ]);
  });

  test('at most a thousand draws are remembered, the last ones', async () => {
    const now = clock.now();
    const taken = Array.from({ length: 1_200 }, (_, index) => [now - 1_200 + index, 'x']);
    await memory.set(ID, seal(ID, { taken }), 0);
    expect((await countedLimits().draw(KEY, 'report', { everyMs: 0 })).granted).toBe(true);
    const [document] = await memory.get([ID]);
    const left = document?.data['taken'] as [number, string][];
    expect([left.length, left[0]]).toEqual([1_001, [now - 1_000, 'x']]);
  });

  test.each<[object, string]>([
    [{ perDay: 0 }, 'perDay must be'],
    [{ perDay: 1_001 }, 'perDay must be'],
    [{ perDay: 1.5 }, 'perDay must be'],
    [{ everyMs: -1 }, 'everyMs must be'],
    [{ everyMs: 86_400_001 }, 'everyMs must be'],
    [{ everyMS: 1 }, 'a rate limit: unknown name "everyMS"'],
  ])('the limit %j is rejected', async (limit, message) => {
    await expect(countedLimits().draw(KEY, 'report', limit)).rejects.toThrow(message);
    expect(faulty.calls).toEqual([]);
  });

  test('a damaged limit document counts as absent, and one with odd content as empty', async () => {
    await memory.set(ID, { taken: 5 }, 0);
    expect((await countedLimits().draw(KEY, 'report', LIMIT)).granted).toBe(true);
    const [document] = await memory.get([ID]);
    await memory.set(ID, seal(ID, { taken: 'odd' }), document?.version as number);
    expect((await countedLimits().draw(KEY, 'report', LIMIT)).granted).toBe(true);
  });

  test('a limit document of a newer release is an error and stays', async () => {
    const content = { taken: [], format: 2 };
    const data = { ...content, checksum: checksum(`${ID}\n${canonicalJson(content)}`) };
    const version = await memory.set(ID, data, 0);
    await expect(countedLimits().draw(KEY, 'report', LIMIT)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await memory.get([ID])).toEqual([{ id: ID, version, data }]);
  });
});
