import { beforeEach, expect, test } from 'vitest';
import { unseal } from '../../../../src/core/store/document-codec.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { WriteTrial } from '../../../../src/core/store/write-trial.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

const TRIAL_ID = 'limit/~fleet/~trial';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let store: SupervisedStore;
let trial: WriteTrial;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  store = openStorage(faulty, clock).store;
  trial = new WriteTrial(store, clock);
});

function fail(...methods: string[]): void {
  faulty.before = (method) => {
    if (methods.includes(method)) throw new Error('gone');
  };
}

async function rejected(command: Promise<unknown>): Promise<void> {
  await expect(command).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
}

test('a store that works is not written to', async () => {
  await trial.make();
  expect(faulty.calls).toEqual([]);
});

test('a store that fails to read is left to the parts that read it', async () => {
  fail('get', 'set');
  await rejected(store.get([TRIAL_ID]));
  await rejected(store.set('x', {}, 0));
  faulty.calls.length = 0;
  await trial.make();
  expect(faulty.calls).toEqual([]);
});

test('a store that rejects writes works again after a trial that it accepts, each time', async () => {
  for (let round = 0; round < 2; round++) {
    fail('set');
    await rejected(store.set('x', {}, 0));
    await rejected(trial.make());
    expect(store.failsToWrite).toBe(true);
    fail();
    await clock.advance(1_000);
    await trial.make();
    expect(store.failsToWrite).toBe(false);
    const [stored] = await memory.get([TRIAL_ID]);
    expect(stored && unseal(stored)).toEqual({ until: clock.now() });
  }
});
