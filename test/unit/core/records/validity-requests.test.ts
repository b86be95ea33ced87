import { beforeEach, expect, test } from 'vitest';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { ValidityRequests } from '../../../../src/core/records/validity-requests.js';

let now: number;
let requests: ValidityRequests;

beforeEach(() => {
  now = 5_000;
  requests = new ValidityRequests({ monotonic: () => now });
});

const record = (appid: string, lifeMs = 7_200_000) =>
  ({ key: { appid, type: 'access_token' }, obtainedAt: 0, expiresAt: lifeMs }) as CachedRecord;

test('validity requests start at most one refresh of a key in 30 s', () => {
  expect(requests.tryStart(record('wx1'))).toBe(true);
  expect([requests.tryStart(record('wx1')), requests.tryStart(record('wx2'))]).toEqual([false, true]);
  now += 29_999;
  expect(requests.tryStart(record('wx1'))).toBe(false);
  now += 1;
  expect(requests.tryStart(record('wx1'))).toBe(true);
});

test.each([
  [7_200_000, 360_000],
  [60_000, 30_000],
])('validity requests that no token of %i ms grants start a refresh in %i ms only', (lifeMs, waitMs) => {
  const held = record('wx1', lifeMs);
  requests.slowDown(held);
  now += waitMs - 1;
  expect(requests.tryStart(held)).toBe(false);
  now += 1;
  expect(requests.tryStart(held)).toBe(true);
});
