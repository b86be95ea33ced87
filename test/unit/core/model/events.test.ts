import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { Events, type TokenManagerEvents } from '../../../../src/core/model/events.js';

const AVAILABLE = {};
const UNAVAILABLE = { error: new TokenError('STORE_UNAVAILABLE', 'gone') };

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function failuresOf(events: Events): TokenManagerEvents['listenerFailed'][] {
  const failures: TokenManagerEvents['listenerFailed'][] = [];
  events.on('listenerFailed', (event) => void failures.push(event));
  return failures;
}

describe('Events', () => {
  test('a listener is called with each event of its name, in order, and with no other', () => {
    const events = new Events();
    const calls: unknown[] = [];
    events.on('storeUnavailable', (event) => void calls.push(['first', event]));
    events.on('storeUnavailable', (event) => void calls.push(['second', event]));
    events.on('storeAvailable', (event) => void calls.push(['other', event]));
    events.emit('storeUnavailable', UNAVAILABLE);
    expect(calls).toEqual([
      ['first', UNAVAILABLE],
      ['second', UNAVAILABLE],
    ]);
  });

  test('what a listener throws becomes listenerFailed, and the other listeners are called', () => {
    const events = new Events();
    const failures = failuresOf(events);
    const error = new Error('mine');
    let others = 0;
    events.on('storeAvailable', () => {
      throw error;
    });
    events.on('storeAvailable', () => {
      others++;
    });
    events.emit('storeAvailable', AVAILABLE);
    expect(failures).toEqual([{ event: 'storeAvailable', error }]);
    expect(others).toBe(1);
  });

  test('what a listener rejects with becomes listenerFailed, and no rejection is left unhandled', async () => {
    const events = new Events();
    const failures = failuresOf(events);
    events.on('storeAvailable', () => Promise.reject('mine'));
    events.on('storeAvailable', async () => {});
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
    const thenable = { then: (_: unknown, reject: (error: unknown) => void) => reject('a thenable') };
    events.on('storeAvailable', () => thenable as Promise<void>);
    events.emit('storeAvailable', AVAILABLE);
    await settle();
    expect(failures).toEqual([
      { event: 'storeAvailable', error: 'mine' },
      { event: 'storeAvailable', error: 'a thenable' },
    ]);
  });

  test('a failure of listenerFailed itself is dropped, thrown or rejected', async () => {
    const events = new Events();
    let calls = 0;
    events.on('listenerFailed', () => {
      calls++;
      throw new Error('again');
    });
    events.on('listenerFailed', () => {
      calls++;
      return Promise.reject(new Error('again'));
    });
    events.on('storeAvailable', () => {
      throw new Error('first');
    });
    events.emit('storeAvailable', AVAILABLE);
    await settle();
    expect(calls).toBe(2);
  });

  test('a failure without a listener of listenerFailed is dropped', async () => {
    const events = new Events();
    events.on('storeAvailable', () => Promise.reject(new Error('unheard')));
    expect(() => events.emit('storeAvailable', AVAILABLE)).not.toThrow();
    await settle();
  });

  test('once calls its listener once', () => {
    const events = new Events();
    let calls = 0;
    events.once('storeAvailable', () => {
      calls++;
      events.emit('storeAvailable', AVAILABLE);
    });
    events.emit('storeAvailable', AVAILABLE);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBe(1);
  });

  test('off removes listeners of on and of once, each by itself', () => {
    const events = new Events();
    let calls = 0;
    const listener = (): void => {
      calls++;
    };
    events.on('storeAvailable', listener);
    events.off('storeAvailable', listener);
    events.once('storeAvailable', listener);
    events.off('storeAvailable', listener);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBe(0);
  });

  test('a listener that is added twice is called twice, and off removes the last', () => {
    const events = new Events();
    let calls = 0;
    const listener = (): void => {
      calls++;
    };
    events.on('storeAvailable', listener);
    events.once('storeAvailable', listener);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBe(2);
    events.once('storeAvailable', listener);
    events.off('storeAvailable', listener);
    events.emit('storeAvailable', AVAILABLE);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBe(4);
    events.off('storeAvailable', listener);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBe(4);
  });

  test('off keeps the listeners of other names and other functions', () => {
    const events = new Events();
    const calls: string[] = [];
    const shared = (): void => void calls.push('shared');
    events.on('storeAvailable', shared);
    events.on('storeUnavailable', shared);
    events.on('storeAvailable', () => void calls.push('other'));
    events.off('storeAvailable', shared);
    events.off('storeAvailable', () => {});
    events.off('refreshed', shared);
    events.emit('storeAvailable', AVAILABLE);
    events.emit('storeUnavailable', UNAVAILABLE);
    expect(calls).toEqual(['other', 'shared']);
  });

  test('removeAll removes every listener', () => {
    const events = new Events();
    let calls = 0;
    const listener = (): void => {
      calls++;
    };
    events.on('storeAvailable', listener);
    events.removeAll();
    events.emit('storeAvailable', AVAILABLE);
    events.on('storeAvailable', listener);
    events.off('storeAvailable', listener);
    events.off('storeAvailable', listener);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBe(0);
  });

  test('a listener may remove all listeners, also those called after it', () => {
    const events = new Events();
    let calls = 0;
    const listener = (): void => {
      calls++;
    };
    events.on('storeAvailable', () => events.removeAll());
    events.once('storeAvailable', listener);
    events.emit('storeAvailable', AVAILABLE);
    events.emit('storeAvailable', AVAILABLE);
    expect(calls).toBeLessThanOrEqual(1);
  });

  test('a listener must be a function', () => {
    const events = new Events();
    expect(() => events.on('refreshed', 5 as never)).toThrow(
      new TypeError('a listener of refreshed must be a function'),
    );
    expect(() => events.once('refreshed', undefined as never)).toThrow(TypeError);
  });
});
