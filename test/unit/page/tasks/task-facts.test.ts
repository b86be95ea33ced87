import { expect, test } from 'vitest';
import type { Task } from '../../../../src/page/tasks/task.js';
import { detailOf, nextIn, stateOf } from '../../../../src/page/tasks/task-facts.js';
import { wordsIn } from '../../../../src/page/words/language.js';

const chinese = wordsIn('zh');
const FAILURE = {
  code: 'UPSTREAM_REJECTED',
  errcode: 40013,
  message: 'WeChat answered 40013',
  attempts: 1,
  retryAt: 0,
};

function task(facts: Partial<Task>): Task {
  return { id: 'wx/access_token', appid: 'wx', type: 'access_token', functionMissing: false, ...facts };
}

test("the details of a failure have the id by which WeChat's support finds the request", () => {
  expect(detailOf(FAILURE)).toBe('WeChat answered 40013');
  expect(detailOf({ ...FAILURE, rid: '1a2b3c4d-5e6f7a8b-9c0d1e2f' })).toBe(
    'WeChat answered 40013 (rid: 1a2b3c4d-5e6f7a8b-9c0d1e2f)',
  );
});

test('a task that waits for a push says so in its state and in its next refresh', () => {
  const waiting = task({ waitingFor: 'push' });
  expect(chinese.say(stateOf(waiting, 0))).toBe('等待推送');
  expect(nextIn(waiting, 0, chinese)).toBe('收到推送后');
  expect(nextIn(task({ waitingFor: 'params' }), 0, chinese)).toBe('条件满足后');
});
