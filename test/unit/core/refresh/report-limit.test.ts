import { beforeEach, expect, test } from 'vitest';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import type { Records } from '../../../../src/core/records/records.js';
import { ReportLimit } from '../../../../src/core/refresh/report-limit.js';
import type { Flight } from '../../../../src/core/refresh/single-flight.js';
import type { CountedLimits } from '../../../../src/core/store/counted-limits.js';
import type { KeyDocument } from '../../../../src/core/store/key-document.js';

const KEY = { appid: 'wx1', type: 'a' };
const GRANT = { value: 'v', obtainedAt: 1, expiresAt: 2, dueAt: 2 };
const ADOPTED = { version: 9 } as CachedRecord;

let drawn: unknown[];
let granted: boolean;
let isUsable: boolean;
let limit: ReportLimit;

beforeEach(() => {
  drawn = [];
  granted = true;
  isUsable = true;
  const countedLimits = {
    draw: async (...given: unknown[]) => {
      drawn.push(given);
      return granted ? { granted } : { granted, retryAt: 5_000 };
    },
  } as unknown as CountedLimits;
  const records = {
    isUsableGrant: () => isUsable,
    adopt: (_key: unknown, _document: unknown, _grant: unknown, adoption: object) => {
      expect(adoption).toEqual({ source: 'store', announceFirst: false });
      return ADOPTED;
    },
  } as unknown as Records;
  limit = new ReportLimit(countedLimits, records);
});

const flight = (reason: string) => ({ key: KEY, reason }) as Flight<CachedRecord>;
const document = (grant: object | undefined = GRANT) =>
  ({ version: 3, recordVersion: 3, grant, unknown: {} }) as KeyDocument;

test.each([
  ['stale', 1],
  ['forced', 1],
  ['due', 0],
  ['demand', 0],
])('a refresh because it is %s draws %i units of the limit of reports', async (reason, units) => {
  const progress = { isAllowed: false };
  expect(await limit.draw(flight(reason), document(), progress)).toBeUndefined();
  expect(drawn).toEqual(Array.from({ length: units }, () => [KEY, '~reports', { everyMs: 30_000, perDay: 20 }]));
  expect(progress.isAllowed).toBe(units === 1);
});

test('a refresh draws from the limit of reports once', async () => {
  const progress = { isAllowed: false };
  await limit.draw(flight('forced'), document(), progress);
  await limit.draw(flight('forced'), document(), progress);
  expect(drawn).toHaveLength(1);
});

test('a stale report of a key without a usable token needs no unit of the limit', async () => {
  expect(
    await limit.draw(flight('stale'), { ...document(), grant: undefined } as never, { isAllowed: false }),
  ).toBeUndefined();
  isUsable = false;
  expect(await limit.draw(flight('stale'), document(), { isAllowed: false })).toBeUndefined();
  expect(drawn).toEqual([]);
});

test('a stale report beyond the limit gets the current token, and force is refused until it may', async () => {
  granted = false;
  const progress = { isAllowed: false };
  expect(await limit.draw(flight('stale'), document(), progress)).toEqual({ kind: 'done', record: ADOPTED });
  expect(progress.isAllowed).toBe(false);
  await expect(limit.draw(flight('forced'), document(), progress)).rejects.toMatchObject({
    code: 'QUOTA_EXHAUSTED',
    message: expect.stringContaining('limited'),
    retryable: true,
    retryAt: 5_000,
    ...KEY,
  });
});
