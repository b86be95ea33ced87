import { describe, expect, it } from 'vitest';
import { Log } from '../../../../src/cli/serve/log.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { CapturedOutput } from '../../../support/command-line.js';

const clock = new FakeClock({ now: Date.UTC(2026, 0, 2, 3, 4, 5, 6) });

function logged(write: (log: Log) => void, columns = 0, env: NodeJS.ProcessEnv = { NO_COLOR: '1' }): string {
  const output = new CapturedOutput(columns);
  write(new Log(output, clock, env));
  return output.text;
}

describe('a log that a program reads', () => {
  it('has a JSON object on each line, without what is not known', () => {
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
  it('is short, and a line for each message', () => {
    const text = logged(
      (log) => log.info('refreshed', { appid: 'wx1', error: 'two\nlines', contracts: ['a', 'b'] }),
      80,
    );
    expect(text).toMatch(/^\d\d:04:05 refreshed appid=wx1 error="two lines" contracts=a,b\n$/);
  });

  it('cannot be told to do things by what others say', () => {
    expect(logged((log) => log.info('x', { error: '\x1b[2Jgone\x07' }), 80)).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });

  it('has colours unless they are not wanted', () => {
    expect(logged((log) => log.error('x'), 80, {})).toContain('\x1b[31mx\x1b[39m');
    expect(logged((log) => log.error('x'), 80, { NO_COLOR: '1' })).not.toContain('\x1b');
  });
});

describe('any log', () => {
  it('goes on when nobody reads it any more', () => {
    const output = new CapturedOutput();
    const log = new Log(output, clock);
    output.emit('error', Object.assign(new Error('closed'), { code: 'EPIPE' }));
    log.info('still here');
    expect(output.text).toContain('still here');
  });
});
