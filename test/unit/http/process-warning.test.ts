import { once } from 'node:events';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { warnProcess } from '../../../src/http/process-warning.js';

test.each([
  ['an error', new RangeError('the file is broken')],
  ['an error of another realm', runInNewContext("new RangeError('the file is broken')") as Error],
])('%s becomes a warning of its name and message', async (_, error) => {
  const warned = once(process, 'warning');
  warnProcess(error);
  const [warning] = await warned;
  expect([warning.name, warning.message]).toEqual(['RangeError', 'the file is broken']);
});
