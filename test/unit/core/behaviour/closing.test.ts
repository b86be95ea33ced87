import { describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { CLOSES_WITHIN_MS, closable, closed, isQuiet } from '../../../support/stores/closable-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

describe('I7: after close there is no timer and no command', () => {
  test('I7: a read of a change that fails because the store is closed leaves no timer and no command', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
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

  test('I7: close cancels the retry of a change that could not be read', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
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

  test('I7: a change that the store notifies after close causes no timer and no command', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    const { notify } = store;
    await closed(world, tokens);
    for (const id of [undefined, `app/${APPID}`, `task/${APPID}/${TYPE}`, `key/${APPID}/${TYPE}`]) notify?.(id);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('I7: a watch that the store answers after the close has begun is ended', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    store.watching = wait(world.clock, 1_000);
    const started = tokens.start().catch((error: { code: string }) => error.code);
    await world.clock.advance(100);
    expect(await closed(world, tokens)).toBeLessThanOrEqual(CLOSES_WITHIN_MS);
    expect([await started, store.watchesEnded]).toEqual(['CLOSED', 1]);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });
});

describe('the bound of close', () => {
  test.each(['app', 'task', 'key'])(
    'close ends within its bound while a start reads many documents slowly (%s)',
    async (slow) => {
      await using world = new World({ fleet: false });
      const first = world.manager();
      for (let app = 0; app < 120; app++) {
        await first.register({ appid: `wx${app}`, secret: SECRET, tasks: [TYPE] });
      }
      const { store, tokens } = closable(world);
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
    },
  );
});
