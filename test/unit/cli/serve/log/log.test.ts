import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { TextOutput } from '../../../../../src/cli/io/command-io.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { FakeClock } from '../../../../../src/testing/index.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';

const clock = new FakeClock({ now: Date.UTC(2026, 0, 2, 3, 4, 5, 6) });

function logged(write: (log: Log) => void, columns = 0, env: NodeJS.ProcessEnv = { NO_COLOR: '1' }): string {
  const output = new CapturedOutput(columns);
  write(new Log(output, clock, env));
  return output.text;
}

describe('a log that a program reads', () => {
  it('a log that a program reads has a JSON object on each line, without unknown fields', () => {
    const text = logged((log) => {
      log.info('started', { url: 'http://127.0.0.1:9001', contracts: ['native'], pid: 7, subject: undefined });
      log.warn('refreshFailed', { error: 'two\nlines' });
      log.error('storeUnavailable');
    });
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        time: '2026-01-02T03:04:05.006Z',
        level: 'info',
        message: 'started',
        url: 'http://127.0.0.1:9001',
        contracts: ['native'],
        pid: 7,
      },
      { time: '2026-01-02T03:04:05.006Z', level: 'warn', message: 'refreshFailed', error: 'two\nlines' },
      { time: '2026-01-02T03:04:05.006Z', level: 'error', message: 'storeUnavailable' },
    ]);
  });
});

describe('a log on a terminal', () => {
  it('a log on a terminal has a short line for each message', () => {
    const text = logged(
      (log) => log.info('refreshed', { appid: 'wx1', error: 'two\nlines', contracts: ['a', 'b'] }),
      80,
    );
    expect(text).toMatch(/^\d\d:04:05 refreshed appid=wx1 error="two lines" contracts=a,b\n$/);
  });

  it('a log on a terminal has no control characters', () => {
    expect(logged((log) => log.info('x', { error: '\x1b[2Jgone\x07' }), 80)).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  it('a log on a terminal has colours unless NO_COLOR is set', () => {
    expect(logged((log) => log.error('x'), 80, {})).toContain('\x1b[31mx\x1b[39m');
    expect(logged((log) => log.error('x'), 80, { NO_COLOR: '1' })).not.toContain('\x1b');
  });
});

/** An output that takes lines only when a test says so. */
class ScriptedOutput extends EventEmitter {
  readonly lines: string[] = [];
  writableLength = 0;
  failure: 'event' | 'throw' | undefined;

  write(text: string): boolean {
    if (this.failure === 'throw') throw new Error('a host has replaced this function');
    if (this.failure === 'event') this.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }));
    else this.lines.push(text);
    return true;
  }
}

describe('a log that cannot be written', () => {
  const messagesIn = ({ lines }: ScriptedOutput): unknown[] =>
    lines
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { message, lines: lost } = JSON.parse(line);
        return lost === undefined ? message : [message, lost];
      });

  it.each(['event', 'throw'] as const)(
    'a log that fails (%s) loses lines, and reports how many once it can be written again',
    (failure) => {
      const output = new ScriptedOutput();
      const log = new Log(output as unknown as TextOutput, clock);
      log.info('before');
      output.failure = failure;
      log.info('lost');
      output.failure = undefined;
      log.info('after');
      log.info('then');
      expect(messagesIn(output)).toEqual(['before', ['linesLost', 1], 'after', 'then']);
      // A line that was written in part ends before the next one.
      expect(output.lines[1]).toMatch(/^\n/);
    },
  );

  it.each([
    [1_048_575, []],
    [1_048_576, []],
    [1_048_577, [['linesLost', 2]]],
  ])('a log with %i bytes that wait for its reader loses further lines only above 1 MiB', (bytes, told) => {
    const output = new ScriptedOutput();
    const log = new Log(output as unknown as TextOutput, clock);
    output.writableLength = bytes;
    log.info('one');
    log.pass('{"message":"two"}');
    output.writableLength = 0;
    log.info('three');
    expect(messagesIn(output)).toEqual([...(told.length === 0 ? ['one', 'two'] : told), 'three']);
  });
});

describe('the log of a process that writes to another one', () => {
  it.each([
    ['1', 'text', /^\d\d:04:05 started\n$/],
    ['1', 'json', /^\{"time".*\}\n$/],
    [undefined, 'text', /^\{"time".*\}\n$/],
  ])('a log with the parent %s and the form %s is %s', (parent, form, expected) => {
    const env = { NO_COLOR: '1', WECHAT_TOKEN_SERVER_LOG: form, WECHAT_TOKEN_SERVER_PARENT: parent };
    expect(logged((log) => log.info('started'), 0, env)).toMatch(expected);
  });
});

describe('any log', () => {
  it('a log goes on when it is no longer read', () => {
    const output = new CapturedOutput();
    const log = new Log(output, clock);
    output.emit('error', Object.assign(new Error('closed'), { code: 'EPIPE' }));
    log.info('still here');
    expect(output.text).toContain('still here');
  });
});
