import { describe, expect, test } from 'vitest';
import { WAITING_FOR } from '../../../../src/core/model/waiting-texts.js';
import { SITUATION_OF_WAITING, situationOf } from '../../../../src/page/tasks/advice.js';
import { ADVICE, type Situation } from '../../../../src/page/words/advice-texts.js';
import { wordsIn } from '../../../../src/page/words/language.js';
import { ERROR_TABLE } from '../../../../src/wechat/error-table.js';

const rejected = (errcode: number): { code: string; errcode: number } => ({ code: 'UPSTREAM_REJECTED', errcode });

describe('situationOf', () => {
  test.each(ERROR_TABLE.map(({ errcode, meaning }) => [errcode, meaning]))('situationOf knows %i: %s', (errcode) => {
    const situation = situationOf(rejected(errcode as number), 'access_token');
    expect(situation).not.toBe('rejected');
    expect(situation).not.toBe('unknown');
  });

  test.each<[Situation, string, Parameters<typeof situationOf>[0]]>([
    ['address', 'access_token', rejected(40164)],
    ['secret', 'access_token', rejected(40001)],
    ['secret', 'component_access_token', rejected(40001)],
    ['stale', 'jsapi_ticket', rejected(40001)],
    ['secret', 'access_token', rejected(40125)],
    [
      'dayQuota',
      'access_token',
      { code: 'QUOTA_EXHAUSTED', errcode: 45009, message: 'reach max api daily quota limit' },
    ],
    ['clearing', 'access_token', { code: 'QUOTA_EXHAUSTED', errcode: 48006 }],
    ['rate', 'access_token', { code: 'QUOTA_EXHAUSTED', errcode: 45009, message: 'api minute-quota reach limit' }],
    ['quota', 'access_token', { code: 'QUOTA_EXHAUSTED' }],
    ['user', 'oauth2_access_token', { code: 'REAUTHORIZATION_REQUIRED' }],
    ['merchant', 'authorizer_access_token', { code: 'REAUTHORIZATION_REQUIRED' }],
    ['ticket', 'component_access_token', { code: 'INPUT_MISSING', message: 'component_verify_ticket is missing' }],
    ['input', 'oauth2_access_token', { code: 'INPUT_MISSING', message: 'refresh_token is missing' }],
    ['store', 'access_token', { code: 'STORE_UNAVAILABLE' }],
    ['busy', 'access_token', { code: 'UPSTREAM_UNAVAILABLE' }],
    ['rejected', 'access_token', rejected(99_999)],
    ['unknown', 'access_token', { code: 'SOMETHING_NEW' }],
  ])('the situation is %s for %s with %j', (expected, type, failure) => {
    expect(situationOf(failure, type)).toBe(expected);
  });
});

describe('the advice', () => {
  test('the advice has the address that WeChat saw, in both languages', () => {
    for (const language of ['en', 'zh'] as const) {
      expect(wordsIn(language).todo('address', { ip: '203.0.113.7' })).toContain('203.0.113.7');
    }
  });

  test.each(Object.entries(ADVICE))('the advice for %s has sentences in both languages', (_, { happened, todo }) => {
    expect(happened[0]).toMatch(/^[A-Z][\s\S]*[^.]$/);
    expect(todo[0]).toMatch(/^[A-Z][\s\S]*\.$/);
    expect(happened[1]).toMatch(/\p{Script=Han}[\s\S]*[^。]$/u);
    expect(todo[1]).toMatch(/\p{Script=Han}[\s\S]*。$/u);
  });
});

test.each(WAITING_FOR)('a task that waits for %s gets its advice in both languages', (waitingFor) => {
  const situation = SITUATION_OF_WAITING[waitingFor];
  const [english, chinese] = [wordsIn('en'), wordsIn('zh')];
  expect(english.happened(situation)).toMatch(/^Waiting for/);
  expect(chinese.happened(situation)).toMatch(/^(等待|尚未收到)/);
  expect(english.todo(situation)).toMatch(/^[A-Z].*\.$/);
  expect(chinese.todo(situation)).toMatch(/。$/);
});
