import { describe, expect, expectTypeOf, test } from 'vitest';
import type { TaskStatus } from '../../../../src/core/engine/task-status.js';
import { inOrder, shareLeft, standingOf } from '../../../../src/page/tasks/standing.js';
import type { Task } from '../../../../src/page/tasks/task.js';
import { stateOf } from '../../../../src/page/tasks/task-facts.js';
import { filtered } from '../../../../src/page/tasks/task-filter.js';

const NOW = 1_000_000;
const ERROR = { code: 'UPSTREAM_REJECTED', message: 'refused', errcode: 40164, attempts: 1, retryAt: NOW + 60_000 };
const FAILED = { state: 'failed', attempts: 1 } as const;

function task(id: string, facts: Partial<Task> = {}): Task {
  return { id, appid: id, type: 'access_token', functionMissing: false, ...facts };
}

const life = (leftMs: number, dueInMs = 1): Partial<Task> => ({
  obtainedAt: NOW - 10_000,
  expiresAt: NOW + leftMs,
  dueAt: NOW + dueInMs,
});

test('the task of the page fits the status that the server sends', () => {
  expectTypeOf<TaskStatus>().toExtend<Task>();
});

describe('a task', () => {
  test.each<[string, string, Partial<Task>]>([
    ['working', 'stateComing', {}],
    ['broken', 'stateMissing', { lastError: ERROR }],
    ['broken', 'stateExpired', life(0)],
    ['broken', 'stateWaitingForPush', { waitingFor: 'push' }],
    ['broken', 'stateWaiting', { ...life(0), waitingFor: 'dependency', lastError: ERROR }],
    ['good', 'stateFresh', life(1)],
    ['working', 'stateDue', life(1, 0)],
    ['troubled', 'stateFailing', { ...life(1), lastError: ERROR }],
    ['troubled', 'stateUndelivered', { ...life(1), delivery: FAILED }],
    ['troubled', 'stateFailing', { ...life(1), lastError: ERROR, delivery: FAILED }],
    ['good', 'stateFresh', { ...life(1), delivery: { state: 'owed', attempts: 0 } }],
  ])('a task is %s, and called %s: %j', (standing, state, facts) => {
    expect(standingOf(task('wx'), NOW)).toBe('working');
    expect(standingOf(task('wx', facts), NOW)).toBe(standing);
    expect(stateOf(task('wx', facts), NOW)).toBe(state);
  });

  test.each([
    [1, NOW - 10_000],
    [1, NOW - 20_000],
    [0.5, NOW],
    [0, NOW + 10_000],
    [0, NOW + 20_000],
  ])('a task has %d of its life left at %d', (share, now) => {
    expect(shareLeft(task('wx', life(10_000)), now)).toBe(share);
  });

  test('a task without a token has nothing left', () => {
    expect(shareLeft(task('wx'), NOW)).toBe(0);
  });
});

test('tasks in trouble come first, then those that expire first', () => {
  const tasks = [
    task('fresh-late', life(9_000)),
    task('fresh-soon', life(5_000)),
    task('due', life(9_000, 0)),
    task('failing', { ...life(9_000), lastError: ERROR }),
    task('expired', life(-1)),
    task('missing', { lastError: ERROR }),
    task('a-fresh-soon', life(5_000)),
  ];
  const ids = inOrder(tasks, NOW).map(({ id }) => id);
  expect(ids).toEqual(['missing', 'expired', 'failing', 'due', 'a-fresh-soon', 'fresh-soon', 'fresh-late']);
});

describe('the filter', () => {
  const tasks = [
    task('wx-one', { ...life(9_000), subject: 'oOpenid' }),
    task('wx-two', { type: 'jsapi_ticket', lastError: ERROR }),
  ];

  test.each([
    ['', undefined, ['wx-one', 'wx-two']],
    ['WX', undefined, ['wx-one', 'wx-two']],
    ['one', undefined, ['wx-one']],
    ['  jsapi  two ', undefined, ['wx-two']],
    ['one jsapi', undefined, []],
    ['oopenid', undefined, ['wx-one']],
    ['40164', undefined, ['wx-two']],
    ['upstream_rejected', undefined, ['wx-two']],
    ['named-broken', undefined, ['wx-two']],
    ['', 'good', ['wx-one']],
    ['two', 'good', []],
  ] as const)('the filter applies the words %j and the standing %s', (words, standing, expected) => {
    const found = filtered(tasks, { words, standing }, NOW, (name) => `named-${name}`);
    expect(found.map(({ id }) => id)).toEqual(expected);
  });
});
