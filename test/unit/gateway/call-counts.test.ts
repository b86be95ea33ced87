import { expect, test } from 'vitest';
import { CallCounts } from '../../../src/gateway/call-counts.js';
import type { CallReport } from '../../../src/gateway/call-report.js';

const REPORT: CallReport = {
  appid: 'wx1',
  method: 'GET',
  path: '/cgi-bin/user/get',
  status: 200,
  durationMs: 1,
  bytes: 1,
};

test.each([
  [{}, 'ok'],
  [{ errcode: 0 }, 'ok'],
  [{ errcode: 40001 }, 'stale'],
  [{ errcode: 42001 }, 'stale'],
  [{ errcode: 45009 }, 'quota'],
  [{ errcode: 45011 }, 'quota'],
  [{ errcode: -1 }, 'busy'],
  [{ errcode: 48001 }, 'permission'],
  [{ errcode: 40164 }, 'permission'],
  [{ errcode: 43101 }, 'refused'],
  [{ errcode: 123_456 }, 'refused'],
  [{ failure: 'WeChat did not answer in time' }, 'failed'],
])('a call with the outcome %j counts as %s', (facts, outcome) => {
  const counts = new CallCounts();
  counts.note({ ...REPORT, ...facts });
  const counted = [...counts.outcomes.counts()].filter(({ value }) => value > 0);
  expect(counted).toEqual([{ labels: { outcome }, value: 1 }]);
});

test('the twenty apps with the most calls are named, and only those that the caller may see', () => {
  const counts = new CallCounts();
  for (let app = 1; app <= 30; app++) {
    for (let call = 0; call < app; call++) counts.note({ ...REPORT, appid: `wx${app}` });
  }
  const busiest = counts.apps.counts(undefined);
  expect(busiest).toHaveLength(20);
  expect(busiest[0]).toEqual(['wx30', 30]);
  expect(busiest.at(-1)).toEqual(['wx11', 11]);
  expect(counts.apps.counts(new Set(['wx2', 'wx5']))).toEqual([
    ['wx5', 5],
    ['wx2', 2],
  ]);
});
