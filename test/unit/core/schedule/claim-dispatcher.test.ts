import { beforeEach, describe, expect, test } from 'vitest';
import type { Lease } from '../../../../src/core/model/store.js';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import type { Claim } from '../../../../src/core/refresh/claim.js';
import type { DueHandler } from '../../../../src/core/refresh/scheduler.js';
import { ClaimDispatcher, type ClaimDispatcherParts } from '../../../../src/core/schedule/claim-dispatcher.js';

const HANDLER = {} as DueHandler;
const claim = (id: string): Claim => ({ lease: { id } as Lease, askedAtMonotonic: 0, beginsAtMonotonic: 0 });

let log: string[];
let signals: AbortSignal[];
/** The keys of documents that cannot be read. */
let unreadable: Set<string>;
let finish: (() => void)[];
let holds: boolean;
let dispatcher: ClaimDispatcher;

beforeEach(() => {
  log = [];
  signals = [];
  unreadable = new Set();
  finish = [];
  holds = false;
  const parts = {
    store: { release: async ({ id }: Lease) => void log.push(`release ${id}`) },
    registrationLoader: {
      load: async (keys: readonly TokenKey[]) => {
        log.push(`load ${keys.map(keyId).join(' ')}`);
        if (keys.some((key) => unreadable.has(keyId(key)))) throw new Error('no');
      },
    },
    callbacks: { deliver: async (key: TokenKey, { id }: Lease) => void log.push(`deliver ${keyId(key)} ${id}`) },
    unreadable: { leave: ({ id }: Lease) => void log.push(`leave ${id}`) },
  };
  const claimedKeys = {
    handle: async (key: TokenKey, { lease }: Claim, handler: DueHandler, signal: AbortSignal) => {
      expect(handler).toBe(HANDLER);
      log.push(`refresh ${keyId(key)} ${lease.id}`);
      signals.push(signal);
      if (holds) await new Promise<void>((resolve) => finish.push(resolve));
    },
  };
  dispatcher = new ClaimDispatcher(parts as unknown as ClaimDispatcherParts, claimedKeys as never);
});

const dispatch = (...ids: string[]) => Promise.all(dispatcher.dispatch(ids.map(claim)));

describe('claims', () => {
  test('claims are loaded together, and passed on to what refreshes or delivers', async () => {
    dispatcher.start(HANDLER);
    await dispatch('key/wx1/a', 'delivery/wx1/b', 'key/wx2/a/s');
    expect(log).toEqual([
      'load wx1/a wx1/b wx2/a/s',
      'refresh wx1/a key/wx1/a',
      'deliver wx1/b delivery/wx1/b',
      'refresh wx2/a/s key/wx2/a/s',
    ]);
  });

  test('claims of documents that are neither are released without loading anything', async () => {
    dispatcher.start(HANDLER);
    await dispatch('app/wx1');
    expect(log).toEqual(['release app/wx1']);
  });

  test('claims of keys are released before there is a handler, and deliveries are made', async () => {
    await dispatch('key/wx1/a', 'delivery/wx1/b');
    expect(log.slice(1)).toEqual(['release key/wx1/a', 'deliver wx1/b delivery/wx1/b']);
  });

  test('claims are left to other processes if their own documents cannot be read, and not if those of others cannot', async () => {
    dispatcher.start(HANDLER);
    unreadable = new Set(['wx1/a', 'wx1/c']);
    await dispatch('key/wx1/a', 'key/wx1/b', 'delivery/wx1/c', 'delivery/wx1/d', 'app/wx1');
    expect(log[0]).toBe('load wx1/a wx1/b wx1/c wx1/d');
    expect(log.filter((line) => line.startsWith('load')).slice(1)).toEqual([
      'load wx1/a',
      'load wx1/b',
      'load wx1/c',
      'load wx1/d',
      'load ',
    ]);
    expect(log.filter((line) => !line.startsWith('load')).sort()).toEqual([
      'deliver wx1/d delivery/wx1/d',
      'leave delivery/wx1/c',
      'leave key/wx1/a',
      'refresh wx1/b key/wx1/b',
      'release app/wx1',
    ]);
  });
});

describe('the stop of a dispatcher', () => {
  test('a stop aborts each claim in progress, and those that come later', async () => {
    dispatcher.start(HANDLER);
    holds = true;
    const first = dispatch('key/wx1/a');
    await new Promise((resolve) => setImmediate(resolve));
    expect(signals[0]?.aborted).toBe(false);
    dispatcher.stop();
    const later = dispatch('key/wx1/b');
    await new Promise((resolve) => setImmediate(resolve));
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    for (const end of finish) end();
    await Promise.all([first, later]);
  });

  test('a stop does not abort a claim that has ended', async () => {
    dispatcher.start(HANDLER);
    await dispatch('key/wx1/a');
    dispatcher.stop();
    expect(signals[0]?.aborted).toBe(false);
  });
});
