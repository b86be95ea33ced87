import { describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/clock.js';
import type { TokenManager, TokenStore } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/world.js';

/** What `close` promises, and two commands to a store. */
const CLOSES_WITHIN_MS = 21_000;

/** A store that a manager closes, after which every command fails and is counted. */
class ClosableStore extends FaultyStore {
  isClosed = false;
  commandsAfterClose = 0;
  watchesEnded = 0;
  watching: Promise<void> | undefined;
  notify: ((id: string | undefined) => void) | undefined;

  constructor(store: TokenStore) {
    super(store);
    this.before = (method) => this.fail(method);
  }

  fail(method: string): void {
    if (method === 'close') {
      this.isClosed = true;
    } else if (this.isClosed) {
      this.commandsAfterClose += 1;
      throw new Error('the store is closed');
    }
  }

  override async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.fail('watch');
    await this.watching;
    this.notify = changed;
    return async () => {
      this.watchesEnded += 1;
      this.notify = undefined;
    };
  }
}

function scene(world: World): { store: ClosableStore; tokens: TokenManager } {
  const store = new ClosableStore(shared(world.store));
  return { store, tokens: world.manager({ store }) };
}

async function closed(world: World, tokens: TokenManager): Promise<number> {
  const begun = world.clock.monotonic();
  let took = Number.POSITIVE_INFINITY;
  const closing = tokens.close().then(() => {
    took = world.clock.monotonic() - begun;
  });
  for (let passed = 0; passed < 2 * CLOSES_WITHIN_MS && took === Number.POSITIVE_INFINITY; passed += 500) {
    await world.clock.advance(500);
  }
  if (took !== Number.POSITIVE_INFINITY) await closing;
  return took;
}

async function isQuiet(world: World, store: ClosableStore): Promise<[timers: number, commands: number]> {
  store.commandsAfterClose = 0;
  const timers = world.clock.pendingTimers;
  await world.clock.advance(600_000);
  return [timers + world.clock.pendingTimers, store.commandsAfterClose];
}

describe('I7: after close there is no timer and no command', () => {
  test('when a change was being read and the read fails because the store is closed', async () => {
    await using world = new World();
    const { store, tokens } = scene(world);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await tokens.get(APPID, TYPE);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    store.before = async (method) => {
      if (method === 'get') await held;
      store.fail(method);
    };
    store.notify?.(`key/${APPID}/${TYPE}`);
    await world.clock.advance(0);
    const closing = tokens.close();
    await world.clock.advance(0);
    release();
    await world.clock.advance(CLOSES_WITHIN_MS);
    await closing;
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('when a change that could not be read was to be read again', async () => {
    await using world = new World();
    const { store, tokens } = scene(world);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await tokens.get(APPID, TYPE);
    store.before = (method) => {
      if (method === 'get') throw new Error('gone');
      store.fail(method);
    };
    store.notify?.(`key/${APPID}/${TYPE}`);
    await world.clock.advance(100);
    expect(await closed(world, tokens)).toBeLessThanOrEqual(CLOSES_WITHIN_MS);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('when the store tells of a change afterwards', async () => {
    await using world = new World();
    const { store, tokens } = scene(world);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    const { notify } = store;
    await closed(world, tokens);
    for (const id of [undefined, `app/${APPID}`, `task/${APPID}/${TYPE}`, `key/${APPID}/${TYPE}`]) notify?.(id);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('when the store answers a watch after the close has begun, and the watch is ended', async () => {
    await using world = new World();
    const { store, tokens } = scene(world);
    store.watching = wait(world.clock, 1_000);
    const started = tokens.start().catch((error: { code: string }) => error.code);
    await world.clock.advance(100);
    expect(await closed(world, tokens)).toBeLessThanOrEqual(CLOSES_WITHIN_MS);
    expect([await started, store.watchesEnded]).toEqual(['CLOSED', 1]);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });
});

describe('close ends within its bound', () => {
  test.each(['app', 'task', 'key'])('while a start reads many documents slowly (%s)', async (slow) => {
    await using world = new World({ fleet: false });
    const first = world.manager();
    for (let app = 0; app < 120; app++) {
      await first.register({ appid: `wx${app}`, secret: SECRET, tasks: [TYPE] });
    }
    const { store, tokens } = scene(world);
    const listed = store.list.bind(store);
    store.list = async function* (prefix, options) {
      for await (const document of listed(prefix, options)) {
        if (prefix === slow) await wait(world.clock, 500);
        yield document;
      }
    };
    store.afterGet = () => (slow === 'key' ? wait(world.clock, 1_500) : undefined);
    const started = tokens.start().then(
      () => 'started',
      (error: { code: string }) => error.code,
    );
    await world.clock.advance(1_000);
    expect(await closed(world, tokens)).toBeLessThanOrEqual(CLOSES_WITHIN_MS);
    expect(await started).toBe('CLOSED');
    expect(await isQuiet(world, store)).toEqual([expect.any(Number), 0]);
  });
});
