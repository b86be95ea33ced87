import { describe, expect, it } from 'vitest';
import { fromWorker, toWorker } from '../../../../../src/cli/serve/processes/messages.js';

/** What process managers, `node --watch`, tracers and programs of a host send. */
const FOREIGN = [
  null,
  undefined,
  'ready',
  'shutdown',
  7,
  [],
  {},
  { node_version: '20.20.2' },
  { 'watch:import': ['file:///app/main.js'] },
  { type: 'log:out', data: 'started' },
  { kind: 'axm:monitor' },
  { kind: null },
];

describe('a message from the process that answers', () => {
  it.each(FOREIGN)('fromWorker ignores the message %o', (message) => {
    expect(fromWorker(message)).toBeUndefined();
  });

  it('fromWorker accepts that the process is ready, or has failed', () => {
    expect(fromWorker({ kind: 'ready' })).toEqual({ kind: 'ready' });
    const failed = { kind: 'failed', message: '--keys: it is broken', isUsage: true };
    expect(fromWorker(failed)).toEqual(failed);
  });

  it('fromWorker accepts a heartbeat, with or without a debugger', () => {
    for (const isDebugged of [true, false]) {
      expect(fromWorker({ kind: 'beat', isDebugged })).toEqual({ kind: 'beat', isDebugged });
    }
  });

  it.each([{ kind: 'failed' }, { kind: 'failed', message: '' }, { kind: 'failed', message: 7 }])(
    'fromWorker ignores %o, a failure without a reason',
    (message) => {
      expect(fromWorker(message)).toBeUndefined();
    },
  );
});

describe('a message to the process that answers', () => {
  it.each([...FOREIGN, { kind: 'stop' }, { kind: 'stop', idle: 'never' }])(
    'toWorker ignores the message %o',
    (message) => {
      expect(toWorker(message)).toBeUndefined();
    },
  );

  it.each([
    { kind: 'connection' },
    { kind: 'stop', idle: 'wait' },
    { kind: 'stop', idle: 'close' },
    { kind: 'stop', idle: 'wait', isReplaced: true },
  ])('toWorker accepts %o', (message) => {
    expect(toWorker(message)).toEqual(message);
  });
});
