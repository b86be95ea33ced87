import { beforeEach, describe, expect, test } from 'vitest';
import type { CallbackPort } from '../../../../src/core/model/callback-port.js';
import { Closing } from '../../../../src/core/model/closing.js';
import type { Lease } from '../../../../src/core/model/store.js';
import { CallbackRelay } from '../../../../src/core/refresh/callback-relay.js';
import { MemoryStore } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const { signal } = new AbortController();

let memory: MemoryStore;
let closing: Closing;
let relay: CallbackRelay;
let told: string[];

beforeEach(() => {
  const clock = new FakeClock();
  memory = new MemoryStore({ clock });
  closing = new Closing();
  relay = new CallbackRelay(openStorage(memory, clock).store, closing);
  told = [];
});

function port(): CallbackPort {
  return {
    typeNumbers: 'standard',
    assertUrl: () => {},
    askParams: async (url) => ({ url }),
    start: () => void told.push('start'),
    taskChanged: ({ type }) => void told.push(`changed ${type}`),
    taskRemoved: ({ type }) => void told.push(`removed ${type}`),
    deliver: async ({ type }) => void told.push(`deliver ${type}`),
    stop: async () => void told.push('stop'),
  };
}

describe('without callbacks', () => {
  test('without callbacks no URL is asked, and no delivery is notified', async () => {
    relay.start();
    relay.taskChanged(KEY);
    relay.taskRemoved(KEY);
    await relay.stop();
    await expect(relay.askParams('https://x.example', KEY, signal)).rejects.toMatchObject({
      code: 'INPUT_MISSING',
      message: expect.stringContaining('no callbacks are attached'),
      ...KEY,
    });
  });

  test('a delivery that is taken without callbacks is released', async () => {
    const lease = (await memory.lease('delivery/wx1/access_token', 20_000)) as Lease;
    await relay.deliver(KEY, lease);
    expect(await memory.lease('delivery/wx1/access_token', 20_000)).toBeDefined();
  });
});

describe('with callbacks', () => {
  test('attached callbacks receive everything', async () => {
    relay.attach(port());
    expect(relay.attached).toBeDefined();
    relay.start();
    relay.taskChanged(KEY);
    relay.taskRemoved(KEY);
    await relay.deliver(KEY, (await memory.lease('delivery/wx1/access_token', 20_000)) as Lease);
    await relay.stop();
    expect(told).toEqual(['start', 'changed access_token', 'removed access_token', 'deliver access_token', 'stop']);
    expect(await relay.askParams('https://x.example', KEY, signal)).toEqual({ url: 'https://x.example' });
  });

  test('callbacks that are attached after the start begin at once', () => {
    relay.start();
    relay.attach(port());
    expect(told).toEqual(['start']);
  });

  test('callbacks are attached once, and not after the closing has begun', () => {
    relay.attach(port());
    expect(() => relay.attach(port())).toThrow(TypeError);
    closing.begin();
    const other = new CallbackRelay(openStorage(memory, new FakeClock()).store, closing);
    expect(() => other.attach(port())).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
