import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { listenToSignals } from '../../../../../src/cli/serve/processes/stop-signals.js';
import { FakeClock } from '../../../../../src/testing/index.js';

let source: EventEmitter;
let clock: FakeClock;
let done: string[];
let isTerminalLost: boolean;

beforeEach(() => {
  source = new EventEmitter();
  clock = new FakeClock();
  done = [];
  isTerminalLost = false;
  listenToSignals(source as NodeJS.Process, clock, {
    stop: (signal) => done.push(`stop ${signal}`),
    kill: (signal) => done.push(`kill ${signal}`),
    reload: () => done.push('reload'),
    isTerminalLost: () => isTerminalLost,
  });
});

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'])('%s stops the server, and kills it when it comes again', async (signal) => {
    source.emit(signal, signal);
    await clock.advance(500);
    source.emit(signal, signal);
    expect(done).toEqual([`stop ${signal}`, `kill ${signal}`]);
  });

  it('a second signal of another kind kills the server as well', async () => {
    source.emit('SIGTERM', 'SIGTERM');
    await clock.advance(600);
    source.emit('SIGINT', 'SIGINT');
    expect(done).toEqual(['stop SIGTERM', 'kill SIGINT']);
  });

  it('a signal that comes twice within 500 ms counts once', async () => {
    source.emit('SIGINT', 'SIGINT');
    await clock.advance(499);
    source.emit('SIGINT', 'SIGINT');
    expect(done).toEqual(['stop SIGINT']);
  });

  it.each(['SIGUSR1', 'SIGUSR2'])('%s does nothing, and neither opens the debugger nor ends the process', (signal) => {
    expect(source.emit(signal, signal)).toBe(true);
    expect(done).toEqual([]);
  });

  it('SIGHUP reloads, as often as it comes', () => {
    source.emit('SIGHUP', 'SIGHUP');
    source.emit('SIGHUP', 'SIGHUP');
    expect(done).toEqual(['reload', 'reload']);
  });

  it('SIGHUP stops the server once the terminal is closed, and does nothing when it comes again', async () => {
    isTerminalLost = true;
    source.emit('SIGHUP', 'SIGHUP');
    await clock.advance(600);
    source.emit('SIGHUP', 'SIGHUP');
    expect(done).toEqual(['stop SIGHUP']);
    source.emit('SIGTERM', 'SIGTERM');
    expect(done).toEqual(['stop SIGHUP', 'kill SIGTERM']);
  });
});
