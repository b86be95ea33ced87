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
