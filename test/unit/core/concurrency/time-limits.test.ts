import { expect, test } from 'vitest';
import {
  ATTEMPT_TIMEOUT_MS,
  CLAIM_LASTS_MS,
  CLOSE_TIMEOUT_MS,
  COMMAND_TIMEOUT_MS,
  FARTHEST_DUE_MS,
  LEASE_MS,
} from '../../../../src/core/concurrency/time-limits.js';

test('a claim that has waited for as long as it may leaves time for an attempt between two commands', () => {
  expect(CLAIM_LASTS_MS).toBeGreaterThanOrEqual(1_000);
  expect(CLAIM_LASTS_MS + COMMAND_TIMEOUT_MS + ATTEMPT_TIMEOUT_MS + COMMAND_TIMEOUT_MS).toBeLessThanOrEqual(LEASE_MS);
});

test('closing waits for an attempt and for the command that stores its answer', () => {
  expect(CLOSE_TIMEOUT_MS).toBeGreaterThanOrEqual(ATTEMPT_TIMEOUT_MS + COMMAND_TIMEOUT_MS);
});

test('the due of a token that lives for a year is not too far away', () => {
  const yearMs = 365 * 24 * 60 * 60 * 1_000;
  expect(FARTHEST_DUE_MS).toBeGreaterThan(yearMs);
});
