import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { COMMAND_TIMEOUT_MS, LEASE_MS } from '../../../../src/core/concurrency/time-limits.js';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { appidOf } from '../../../../src/core/model/token-key.js';
import type { TokenManager } from '../../../../src/index.js';
import { RestorableStore, type State } from '../../../support/stores/restorable-store.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { driven } from '../../../support/worlds/registrar-process.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const APP_ID = `app/${APPID}`;
const DAY_MS = 24 * 3_600_000;
const KEY_ID = `key/${APPID}/${TYPE}`;
const OTHER_SECRET = 'CANARY-another-secret';

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(['a store', 'a store that shares the schedule'])(
  '%s that is replaced while work is under way',
  (kind) => {
    let world: World;
    let store: RestorableStore;

    beforeEach(() => {
      world = new World({ fleet: false });
      store = new RestorableStore(world.clock, { isShared: kind !== 'a store' });
      return () => world[Symbol.asyncDispose]();
    });

    interface Process {
      readonly tokens: TokenManager;
      readonly faulty: FaultyStore;
    }

    const process = (): Process => {
      const faulty = new FaultyStore(store);
      return { faulty, tokens: world.manager({ store: faulty }) };
    };

    const soon = <Result>(promise: Promise<Result>): Promise<Result> => driven(world.clock, promise, 250);

    const register = ({ tokens }: Process, more: object = {}): Promise<void> =>
      soon(tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE], ...more }));

    const replacements = (): number => world.log.filter((line) => line.startsWith('storeReplaced')).length;

    test('a replaced store is refilled although it is emptied once more meanwhile', async () => {
      const one = process();
      await register(one);
      await soon(one.tokens.get(APPID, TYPE));
      const commands: string[] = [];
      one.faulty.before = (method, id) => void commands.push(`${method} ${id}`);
      store.wipe();
      await world.clock.advance(61_000);
      // The second time it is emptied before each of the commands in turn which the first time has caused.
      for (const at of commands.keys()) {
        let count = 0;
        one.faulty.before = () => {
          if (count++ === at) store.wipe();
        };
        store.wipe();
        await world.clock.advance(130_000);
        one.faulty.before = () => {};
        expect([at, store.ids('app', 'task', 'key')]).toEqual([at, [APP_ID, KEY_ID, `task/${APPID}/${TYPE}`]]);
        await register(one);
      }
    });

    test('a replaced store is refilled after it was put back to a state from before the refill', async () => {
      const one = process();
      await register(one);
      store.wipe();
      const states: State[] = [];
      one.faulty.before = (method, id = '') => {
        if (method === 'set' && /^(app|task)/.test(id)) states.push(store.state());
      };
      await world.clock.advance(61_000);
      expect([states.length, store.ids('app', 'task')]).toEqual([2, [APP_ID, `task/${APPID}/${TYPE}`]]);
      for (const state of [...states]) {
        await world.clock.advance(600_000);
        store.restore(state);
        await world.clock.advance(130_000);
        expect(store.ids('app', 'task')).toEqual([APP_ID, `task/${APPID}/${TYPE}`]);
      }
    });

    test('a replaced store gets back the secret that a registration there lacks', async () => {
      const [one, other] = [process(), process()];
      await register(one, { accessToken: 'plain' });
      store.wipe();
      await soon(other.tokens.register({ appid: APPID, tasks: [{ type: TYPE, subject: 'other' }] }));
      expect(store.data(APP_ID)?.['secret']).toBeUndefined();
      one.faulty.before = () => {};
      await world.clock.advance(61_000);
      expect(store.data(APP_ID)).toMatchObject({ secret: SECRET, accessToken: 'plain' });
      expect(store.ids('task')).toEqual([`task/${APPID}/${TYPE}`, `task/${APPID}/${TYPE}/other`]);
    });

    test('a replaced store keeps what a registration there has, also for those that read it before they refill it', async () => {
      const [one, other] = [process(), process()];
      await register(one);
      store.wipe();
      await register(other, { secret: OTHER_SECRET });
      await soon(one.tokens.get(APPID, TYPE, { minValidityMs: 7_100_000 })).catch(() => {});
      await world.clock.advance(61_000);
      expect(store.data(APP_ID)?.['secret']).toBe(OTHER_SECRET);
    });

    test('a refill sends nothing that comes too late for its lease, and the rest of it under the next one', async () => {
      const tasks = Array.from({ length: 100 }, (_, index) => ({ type: TYPE, subject: `u${index}` }));
      const one = process();
      for (const appid of ['wx1', 'wx2']) await register(one, { appid, tasks });
      store.wipe();
      const askedAt = new Map<string, number>();
      const sentAfterMs: number[] = [];
      one.faulty.before = async (method, id = '') => {
        const now = world.clock.monotonic();
        if (method === 'lease') askedAt.set(appidOf(id), now);
        const isTask = method === 'set' && id.startsWith('task/');
        if (isTask) sentAfterMs.push(now - (askedAt.get(appidOf(id)) ?? 0));
        await wait(world.clock, COMMAND_TIMEOUT_MS - 100);
      };
      await world.clock.advance(300_000);
      expect(Math.max(...sentAfterMs)).toBeLessThan(LEASE_MS - COMMAND_TIMEOUT_MS);
      expect([store.ids('task').length, store.ids('app')]).toEqual([2 * tasks.length, ['app/wx1', 'app/wx2']]);
      one.faulty.before = () => {};
    });

    const noticed = ({ tokens }: Process): Promise<unknown> =>
      new Promise((resolve) => {
        tokens.once('storeReplaced', resolve);
        store.tell();
      });

    test.each([1, 2, 3, 4].flatMap((written) => [true, false].map((isAdded) => ({ written, isAdded }))))(
      'a registration is whole although the store was emptied after $written tasks of it: %j',
      async ({ written, isAdded }) => {
        const tasks = [TYPE, ...['a', 'b', 'c'].map((subject) => ({ type: TYPE, subject }))];
        const one = process();
        await register(one, { appid: 'wx0' });
        if (isAdded) await register(one, { tasks: [] });
        let count = 0;
        one.faulty.afterSet = async (id) => {
          if (!id.startsWith('task/') || ++count !== written) return;
          store.wipe();
          await noticed(one);
        };
        await register(one, { tasks });
        expect([replacements(), store.ids('task').filter((id) => id.startsWith(`task/${APPID}`)).length]).toEqual([
          1, 4,
        ]);
      },
    );

    test('a secret is kept where the store was emptied before or during a registration without one', async () => {
      const [one, other] = [process(), process()];
      await register(one);
      await soon(other.tokens.get(APPID, TYPE));
      store.wipe();
      await soon(other.tokens.register({ appid: APPID, tasks: [{ type: TYPE, subject: 'a' }] }));
      expect(store.data(APP_ID)?.['secret']).toBe(SECRET);
      other.faulty.afterGet = () => {
        other.faulty.afterGet = () => {};
        store.wipe();
      };
      await soon(other.tokens.register({ appid: APPID, accessToken: 'plain', tasks: [] }));
      expect(store.data(APP_ID)).toMatchObject({ secret: SECRET, accessToken: 'plain' });
    });

    describe.each(['app', 'task'])('an unregistration of an %s that is not known to another process', (what) => {
      const gone = what === 'app' ? [APP_ID, `task/${APPID}/${TYPE}`] : [`task/${APPID}/${TYPE}`];
      const unregister = ({ tokens }: Process): Promise<void> =>
        soon(what === 'app' ? tokens.unregister(APPID) : tokens.unregister(APPID, TYPE));
      const left = (): string[] => store.ids('app', 'task').filter((id) => gone.includes(id));

      test('an unregistration is not undone by that process, at whichever command the store was emptied', async () => {
        for (let at = 0, count = at; count >= at; at += 1) {
          const [asleep, one] = [process(), process()];
          for (const each of [asleep, one]) await register(each);
          count = 0;
          one.faulty.before = async () => {
            if (count++ !== at) return;
            store.wipe();
            await noticed(asleep);
          };
          await unregister(one);
          one.faulty.before = () => {};
          await world.clock.advance(130_000);
          expect([at, left()]).toEqual([at, []]);
          for (const { tokens } of [asleep, one]) await soon(tokens.close());
        }
      });

      test('an unregistration is not undone by that process when the store was emptied afterwards', async () => {
        const [asleep, one] = [process(), process()];
        for (const each of [asleep, one]) await register(each);
        await unregister(one);
        store.wipe();
        await world.clock.advance(130_000);
        expect([left(), replacements()]).toEqual([[], 2]);
      });

      test.each([
        { afterMs: DAY_MS - 120_000, isGone: true },
        { afterMs: DAY_MS + 120_000, isGone: false },
      ])(
        'an unregistration holds in a backup that is restored $afterMs ms later: $isGone',
        async ({ afterMs, isGone }) => {
          const one = process();
          await register(one);
          const backup = store.state();
          await register(one, { appid: 'wx2', tasks: [] });
          await unregister(one);
          await world.clock.advance(afterMs);
          store.restore(backup);
          await world.clock.advance(130_000);
          expect([left(), store.ids('app').includes('app/wx2')]).toEqual([isGone ? [] : gone, true]);
        },
      );

      test('an unregistration by a process that had not registered it holds in a restored backup', async () => {
        const [one, other] = [process(), process()];
        await register(one);
        await soon(one.tokens.close());
        await soon(other.tokens.start());
        const backup = store.state();
        await unregister(other);
        await world.clock.advance(3_000);
        store.restore(backup);
        await world.clock.advance(130_000);
        expect(left()).toEqual([]);
      });

      test('an unregistration is not undone, however many absent things are unregistered since', async () => {
        const [asleep, one] = [process(), process()];
        for (const each of [asleep, one]) await register(each);
        asleep.faulty.before = () => {
          throw new Error('asleep');
        };
        store.wipe();
        await world.clock.advance(61_000);
        await unregister(one);
        const absent = Array.from({ length: 1_000 }, (_, index) => `absent-${index}`);
        const unregisterAbsent = (name: string): Promise<void> =>
          what === 'app'
            ? one.tokens.unregister(name)
            : one.tokens.unregister(APPID, 'oauth2_access_token', { subject: name });
        await soon(Promise.all(absent.map(unregisterAbsent)));
        asleep.faulty.before = () => {};
        await world.clock.advance(130_000);
        expect(left()).toEqual([]);
      });

      test('an unregistration is not undone where nothing had been put back yet when it was made', async () => {
        const asleep = process();
        await register(asleep);
        asleep.faulty.before = () => {
          throw new Error('asleep');
        };
        store.wipe();
        await unregister(process());
        asleep.faulty.before = () => {};
        await world.clock.advance(130_000);
        expect(left()).toEqual([]);
      });

      test.each([
        ['noted the same before it was emptied', 1_000],
        ['noted nothing any more before it was emptied', DAY_MS],
      ])('an unregistration is not undone where it finds nothing in a store that %s', async (_, afterMs) => {
        const [one, other] = [process(), process()];
        await register(one);
        await unregister(one);
        await soon(other.tokens.start());
        await register(one);
        await world.clock.advance(afterMs);
        store.wipe();
        await unregister(other);
        await world.clock.advance(130_000);
        expect(left()).toEqual([]);
      });

      test.each<[number, string, object]>([
        [0, 'as it is stored there', {}],
        [0, 'with another secret', { secret: OTHER_SECRET }],
        [30_000, 'as it is stored there', {}],
      ])(
        'an unregistration does not end a registration made %i ms after a backup was restored, %s',
        async (afterMs, _, more) => {
          const [one, other] = [process(), process()];
          await register(one);
          const backup = store.state();
          await soon(other.tokens.start());
          await unregister(one);
          store.tell();
          await world.clock.advance(3_000);
          store.restore(backup);
          await world.clock.advance(afterMs);
          await register(other, more);
          await soon(other.tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200 }));
          await world.clock.advance(130_000);
          expect(left()).toEqual(gone);
          for (const { tokens } of [one, other]) expect(await soon(tokens.get(APPID, TYPE))).toBe('put');
        },
      );

      test('a registration made anew before the store was emptied is kept, by another process or the same', async () => {
        for (const isSame of [true, false]) {
          const [one, other] = [process(), process()];
          await register(one);
          await unregister(one);
          await register(isSame ? one : other);
          store.wipe();
          await world.clock.advance(130_000);
          expect([isSame, left()]).toEqual([isSame, gone]);
          for (const { tokens } of [one, other]) await soon(tokens.close());
          store.wipe();
        }
      });

      test('a failed unregistration leaves what is put back into an emptied store', async () => {
        const one = process();
        await register(one);
        one.faulty.before = (method) => {
          if (method === 'delete') throw new Error('read only');
        };
        await expect(unregister(one)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
        one.faulty.before = () => {};
        store.wipe();
        await world.clock.advance(130_000);
        expect(left()).toEqual(gone);
      });
    });

    test('an earlier unregistration, noted in a replaced store by its mark alone, makes no process wait', async () => {
      const [one, other] = [process(), process()];
      await register(one);
      await soon(other.tokens.get(APPID, TYPE));
      await soon(one.tokens.unregister(APPID));
      store.wipe();
      // What this one holds goes on until it can list what is registered.
      other.faulty.before = (method) => {
        if (method === 'list') throw new Error('away');
      };
      await world.clock.advance(61_000);
      const supervised = engineOf(other.tokens).store;
      expect([await supervised.judgeAbsence(APP_ID), supervised.isAwaited(APP_ID)]).toEqual(['deleted', false]);
      other.faulty.before = () => {};
    });

    test('a replaced store causes no search of the whole cache for each app that is missing or shown', async () => {
      const appids = Array.from({ length: 20 }, (_, index) => `wx${index}`);
      const [one, other] = [process(), process()];
      for (const appid of appids) await register(one, { appid });
      for (const appid of appids) await soon(other.tokens.get(appid, TYPE));
      await soon(one.tokens.close());
      store.wipe();
      await world.clock.advance(61_000);
      const all = vi.spyOn(engineOf(other.tokens).records.cache, 'records');
      for (const appid of appids) {
        expect(await engineOf(other.tokens).store.judgeAbsence(`app/${appid}`)).toBe('lost');
        store.tell(`app/${appid}`);
        await world.clock.advance(0);
      }
      expect(all).not.toHaveBeenCalled();
    });

    test('a newer secret is kept when the store is emptied and an older state of it is restored, once and again', async () => {
      const [one, other] = [process(), process()];
      await register(one);
      await register(one, { tasks: [{ type: TYPE, subject: 'more' }] });
      const backup = store.state();
      await register(one, { secret: OTHER_SECRET });
      await soon(other.tokens.start());
      store.wipe();
      await world.clock.advance(130_000);
      for (let time = 0; time < 2; time += 1) {
        store.restore(backup);
        await world.clock.advance(130_000);
        expect([time, store.data(APP_ID)?.['secret']]).toEqual([time, OTHER_SECRET]);
      }
      expect(replacements()).toBe(6);
    });

    test('a registration in a restored state is kept when an earlier process then puts back what it had', async () => {
      const [one, other] = [process(), process()];
      await register(one);
      await soon(other.tokens.start());
      const backup = store.state();
      for (const secret of ['a', 'b', OTHER_SECRET]) await register(one, { secret });
      await world.clock.advance(2_000);
      store.restore(backup);
      let goOn = (): void => {};
      const held = new Promise<void>((resolve) => (goOn = resolve));
      one.faulty.before = (method) => (method === 'lease' ? held : undefined);
      store.tell();
      await world.clock.advance(0);
      // The history is written for the first one, less than a second before the other.
      for (const appid of ['wx2', APPID]) await other.tokens.register({ appid, secret: 'newest', tasks: [TYPE] });
      one.faulty.before = () => {};
      goOn();
      await world.clock.advance(0);
      expect(store.data(APP_ID)?.['secret']).toBe('newest');
      await world.clock.advance(130_000);
      expect(store.data(APP_ID)?.['secret']).toBe('newest');
    });

    test('a restored store gets back later registrations, though a new process registers something there first', async () => {
      const one = process();
      await register(one);
      const backup = store.state();
      await register(one, { appid: 'wx2' });
      await world.clock.advance(61_000);
      store.restore(backup);
      const fresh = process();
      for (const appid of ['wx3', 'wx4', 'wx5']) {
        await register(fresh, { appid });
        await world.clock.advance(1_500);
      }
      await world.clock.advance(130_000);
      expect(store.ids('app')).toEqual([APP_ID, 'app/wx2', 'app/wx3', 'app/wx4', 'app/wx5']);
      expect(await soon(fresh.tokens.get('wx2', TYPE))).toMatch(/^token-/);
    });

    test("a token put into a replaced store is answered for other processes' tasks until it expires", async () => {
      const [one, other] = [process(), process()];
      await register(one);
      await soon(other.tokens.get(APPID, TYPE));
      await soon(one.tokens.close());
      store.wipe();
      for (const value of ['put-1', 'put-2', 'put-3']) {
        await soon(other.tokens.put(APPID, TYPE, { value, expiresInSeconds: 7_200 }));
        await world.clock.advance(61_000);
        expect(await soon(other.tokens.get(APPID, TYPE))).toBe(value);
      }
      expect(replacements()).toBe(1);
    });
  },
);
