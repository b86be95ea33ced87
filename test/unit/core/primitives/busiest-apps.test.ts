import { expect, test } from 'vitest';
import { BusiestApps } from '../../../../src/core/primitives/busiest-apps.js';

function counted(events: readonly string[]): BusiestApps {
  const apps = new BusiestApps();
  for (const appid of events) apps.add(appid);
  return apps;
}

test('the busiest apps are listed with their numbers of events, the busiest first', () => {
  const apps = counted(['wx2', 'wx3', 'wx3', 'wx3', 'wx2', 'wx1']);
  expect(apps.counts(undefined)).toEqual([
    ['wx3', 3],
    ['wx2', 2],
    ['wx1', 1],
  ]);
});

test('of the busiest apps only those that are asked about are listed', () => {
  const apps = counted(['wx1', 'wx2', 'wx3', 'wx2', 'wx2', 'wx3']);
  expect(apps.counts(new Set(['wx1', 'wx3', 'wx4']))).toEqual([
    ['wx3', 2],
    ['wx1', 1],
  ]);
  expect(apps.counts(new Set())).toEqual([]);
});

test('20 apps are listed as the busiest, even if the busiest was counted first', () => {
  const apps = counted(['wx29', 'wx29', ...Array.from({ length: 29 }, (_, index) => `wx${index}`)]);
  const counts = apps.counts(undefined);
  expect(counts).toHaveLength(20);
  expect(counts[0]).toEqual(['wx29', 2]);
});
