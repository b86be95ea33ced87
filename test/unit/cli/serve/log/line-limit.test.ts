import { beforeEach, expect, test } from 'vitest';
import { LineLimit } from '../../../../../src/cli/serve/log/line-limit.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { FakeClock } from '../../../../../src/testing/fake-clock.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';

let clock: FakeClock;
let output: CapturedOutput;
let limit: LineLimit;

beforeEach(() => {
  clock = new FakeClock();
  output = new CapturedOutput();
  limit = new LineLimit(new Log(output, clock), clock);
});

const lines = (): Record<string, unknown>[] =>
  output.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

function write(count: number, message = 'refreshFailed'): void {
  for (let index = 0; index < count; index++) limit.write('warn', message, {});
}

test.each([
  [59, 59],
  [60, 60],
  [61, 60],
])('of %i lines in a minute the log writes %i', (count, written) => {
  write(count);
  expect(lines()).toHaveLength(written);
});

test('suppressed lines are counted by message when the minute is over, once', async () => {
  write(60);
  write(3);
  write(2, 'recovered');
  await clock.advance(59_999);
  expect(lines()).toHaveLength(60);
  await clock.advance(1);
  expect(lines().at(-1)).toMatchObject({ level: 'warn', message: 'suppressed', refreshFailed: 3, recovered: 2 });
  await clock.advance(600_000);
  expect(lines()).toHaveLength(61);
});

test('the next minute has as many lines again, and no timer is set while nothing is written', async () => {
  write(70);
  await clock.advance(60_000);
  write(60);
  expect(lines()).toHaveLength(121);
  await clock.advance(60_000);
  expect(lines()).toHaveLength(121);
});
