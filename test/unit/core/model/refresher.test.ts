import { expect, test } from 'vitest';
import { defineRefresher } from '../../../../src/core/model/refresher.js';

test('defineRefresher returns the refresher as it is', () => {
  const refresher = { type: 'corp_token' as const, refresh: async () => ({ value: 'v', expiresInSeconds: 60 }) };
  expect(defineRefresher(refresher)).toBe(refresher);
});
