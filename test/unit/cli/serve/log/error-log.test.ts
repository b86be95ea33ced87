import { expect, test } from 'vitest';
import { logErrors } from '../../../../../src/cli/serve/log/error-log.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { FakeClock } from '../../../../../src/testing/fake-clock.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';

test('an error that occurs again and again is logged 60 times a minute, then counted, and hides no other', async () => {
  const clock = new FakeClock();
  const output = new CapturedOutput();
  const report = logErrors(new Log(output, clock), clock);
  const lines = (): Record<string, unknown>[] =>
    output.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  for (let push = 0; push < 1_000; push++) report(new Error('the store has not answered the push'));
  report(new Error('the keys file cannot be read'));
  const texts = lines().map(({ error }) => error);
  expect(texts).toEqual([...Array(60).fill('the store has not answered the push'), 'the keys file cannot be read']);
  expect(lines()[0]).toMatchObject({ level: 'error', message: 'serverError', stack: expect.any(String) });
  await clock.advance(60_000);
  expect(lines().slice(61)).toMatchObject([{ message: 'suppressed', serverError: 940 }]);
  report(new Error('the store has not answered the push'));
  expect(lines()).toHaveLength(63);
});
