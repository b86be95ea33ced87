import { expect, test } from 'vitest';
import { Deadline } from '../../../../src/core/model/deadline.js';
import { FakeClock } from '../../../../src/testing/index.js';

test('a deadline throws the reason of its signal once that is aborted', () => {
  const controller = new AbortController();
  const deadline = new Deadline(new FakeClock(), 1_000, controller.signal);
  expect(() => deadline.assertNotAborted()).not.toThrow();
  controller.abort(new Error('enough'));
  expect(() => deadline.assertNotAborted()).toThrow('enough');
  expect(() => new Deadline(new FakeClock(), 1_000, undefined).assertNotAborted()).not.toThrow();
});
