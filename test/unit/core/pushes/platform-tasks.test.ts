import { expect, test } from 'vitest';
import { type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import { isOfPlatform } from '../../../../src/core/pushes/platform-tasks.js';

const key = (type: string, appid = 'wx'): TokenKey => tokenKey(appid, type, undefined);
const TICKET = 'component_verify_ticket';

function judged(dependenciesOf: (key: TokenKey) => readonly TokenKey[]): boolean {
  return isOfPlatform(key('first'), { dependenciesOf });
}

test.each([
  [{ first: [key(TICKET)] }, true],
  [{ first: [key('second')], second: [key('third'), key(TICKET)] }, true],
  [{ first: [key(TICKET), key('second')], second: [] }, true],
  [{ first: [] }, false],
  [{ first: [key('second')], second: [] }, false],
  [{ first: [key('second')], second: [key('first')] }, false],
  [{ first: [key(TICKET, 'wx-other')] }, false],
] as const)('a task with the dependencies %j is judged by the ticket of its own app', (dependencies, expected) => {
  const all: Readonly<Record<string, readonly TokenKey[]>> = dependencies;
  expect(judged(({ type }) => all[type] ?? [])).toBe(expected);
});

test('endless dependencies, each with two others, are followed to a limit', () => {
  let asked = 0;
  const isFound = judged(({ type }) => {
    asked += 1;
    return [key(`${type}a`), key(`${type}b`)];
  });
  expect(isFound).toBe(false);
  expect(asked).toBeLessThanOrEqual(257);
});
