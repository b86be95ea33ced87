import { expect, test } from 'vitest';
import { OwnRegistrations } from '../../../../src/core/registry/own-registrations.js';

test('a registration is held as it was last known, and an older state changes nothing', () => {
  const own = new OwnRegistrations();
  own.note('app/wx1', { secret: 'a' }, 5);
  own.update('app/wx1', { secret: 'older' }, 4);
  own.update('app/wx1', { secret: 'same' }, 5);
  expect(own.get('app/wx1')).toEqual({ content: { secret: 'a' }, version: 5 });
  own.update('app/wx1', { secret: 'b' }, 6);
  own.update('app/wx2', { secret: 'of others' }, 1);
  expect([[...own.appids()], own.get('app/wx1')?.content]).toEqual([['wx1'], { secret: 'b' }]);
});

test('a task is forgotten alone, and an app with its tasks', () => {
  const own = new OwnRegistrations();
  for (const id of ['app/wx1', 'task/wx1/a', 'task/wx1/b', 'app/wx2']) own.note(id, {}, 1);
  own.forget('task/wx1/a');
  expect(['app/wx1', 'task/wx1/a', 'task/wx1/b'].map((id) => own.has(id))).toEqual([true, false, true]);
  own.forget('app/wx1');
  expect([[...own.appids()], own.has('task/wx1/b')]).toEqual([['wx2'], false]);
});

test('the ids of an app are those of its tasks and its own, as far as each was registered', () => {
  const own = new OwnRegistrations();
  for (const id of ['app/wx1', 'task/wx1/a', 'task/wx1/b', 'task/wx2/a', 'app/wx3']) own.note(id, {}, 1);
  expect(['wx1', 'wx2', 'wx3', 'wx4'].map((appid) => own.taskIds(appid))).toEqual([
    ['task/wx1/a', 'task/wx1/b'],
    ['task/wx2/a'],
    [],
    [],
  ]);
  expect(['wx1', 'wx2', 'wx3', 'wx4'].map((appid) => own.ids(appid))).toEqual([
    ['task/wx1/a', 'task/wx1/b', 'app/wx1'],
    ['task/wx2/a'],
    ['app/wx3'],
    [],
  ]);
  expect([...own.appids()]).toEqual(['wx1', 'wx3', 'wx2']);
});

test('an app is no longer known after its last task was forgotten, if it was not registered itself', () => {
  const own = new OwnRegistrations();
  for (const id of ['task/wx1/a', 'task/wx1/b', 'app/wx2', 'task/wx2/a']) own.note(id, {}, 1);
  own.forget('task/wx1/a');
  expect([...own.appids()]).toEqual(['wx2', 'wx1']);
  own.forget('task/wx1/b');
  own.forget('task/wx2/a');
  own.forget('task/wx3/a');
  expect([...own.appids()]).toEqual(['wx2']);
});

test('the marks of a task are its own and that of its app', () => {
  const own = new OwnRegistrations();
  own.note('app/wx1', { enrolment: 'A' }, 1);
  own.note('task/wx1/a', { enrolment: 'B' }, 1);
  own.note('task/wx2/a', { enrolment: 'C' }, 1);
  expect(own.marks('app/wx1')).toMatchObject({ app: 'A' });
  expect(own.marks('task/wx1/a')).toEqual({ app: 'A', task: 'B' });
  expect(own.marks('task/wx2/a')).toEqual({ app: undefined, task: 'C' });
  expect(own.marks('task/wx3/a')).toEqual({ app: undefined, task: undefined });
});

test('what was registered in a store that has been replaced is newer than in any other, until it is noted again', () => {
  const own = new OwnRegistrations();
  for (const id of ['app/wx1', 'task/wx1/a']) own.note(id, { secret: 'a' }, 5);
  own.displace();
  for (const id of ['app/wx1', 'task/wx1/a']) {
    own.update(id, { secret: 'of another history' }, 1_000);
    expect(own.get(id)).toEqual({ content: { secret: 'a' }, version: Number.POSITIVE_INFINITY });
    own.note(id, { secret: 'a' }, 2);
    own.update(id, { secret: 'b' }, 3);
    expect(own.get(id)).toEqual({ content: { secret: 'b' }, version: 3 });
  }
  expect(own.ids('wx1')).toEqual(['task/wx1/a', 'app/wx1']);
});
