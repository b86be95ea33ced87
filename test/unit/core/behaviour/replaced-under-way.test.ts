import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { driven } from '../../../support/registrar-process.js';
import { RestorableStore } from '../../../support/restorable-store.js';
import { FaultyStore } from '../../../support/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/world.js';

const APP_ID = `app/${APPID}`;
const KEY_ID = `key/${APPID}/${TYPE}`;
const OTHER_SECRET = 'CANARY-another-secret';

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

    test('is told again although it is emptied once more while it is told', async () => {
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

    test('gets back the secret that a registration there lacks', async () => {
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

    test('keeps what a registration there has, also for those that read it before they tell the store again', async () => {
      const [one, other] = [process(), process()];
      await register(one);
      store.wipe();
      await register(other, { secret: OTHER_SECRET });
      await soon(one.tokens.get(APPID, TYPE, { minValidityMs: 7_100_000 })).catch(() => {});
      await world.clock.advance(61_000);
      expect(store.data(APP_ID)?.['secret']).toBe(OTHER_SECRET);
    });

    const noticed = ({ tokens }: Process): Promise<unknown> =>
      new Promise((resolve) => {
        tokens.once('storeReplaced', resolve);
        store.tell();
      });

    test.each([1, 2, 3, 4].flatMap((written) => [true, false].map((isAdded) => ({ written, isAdded }))))(
      'has the whole of a registration although it was emptied after $written tasks of it: %j',
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

    test('keeps the secret where it was emptied before a registration without one, or under that', async () => {
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

    test('is answered for what others have registered as long as a token lives that was put there since', async () => {
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
