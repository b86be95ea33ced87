import { expect, test } from 'vitest';
import { FailureReports } from '../../../../src/platform/authorizations/failure-reports.js';
import { FakeClock } from '../../../../src/testing/index.js';

test('the first failure of a platform is reported, and then one each ten minutes with the number of the others', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const reports = new FailureReports(clock, ({ message }) => void told.push(message));
  const fail = (component: string, authorizer: string): void =>
    reports.note({ component, authorizer }, new Error('WeChat is away'));
  const what = 'is not complete yet, and is retried: WeChat is away';
  for (let authorizer = 0; authorizer < 1_000; authorizer++) fail('wxplatform', `wx${authorizer}`);
  fail('wxother', 'wx1');
  expect(told).toEqual([
    `the authorization of wx0 for wxplatform ${what}`,
    `the authorization of wx1 for wxother ${what}`,
  ]);
  await clock.advance(599_999);
  fail('wxplatform', 'wx7');
  expect(told).toHaveLength(2);
  await clock.advance(1);
  fail('wxplatform', 'wx8');
  expect(told.at(-1)).toBe(`the authorization of wx8 for wxplatform ${what}; 1000 attempts failed before`);
});
