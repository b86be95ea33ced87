import { describe, expect, test } from 'vitest';
import type { TokenStore } from '../../../../src/index.js';
import { RestorableStore } from '../../../support/stores/restorable-store.js';
import { shared } from '../../../support/stores/shared-store.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { driven } from '../../../support/worlds/registrar-process.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LOOK_EVERY_MS = 60_000;

interface Scene {
  /** Asks the process that does not hear of the unregistration for the token. */
  answer(): Promise<unknown>;
  /** Asks it so long after it began, when it read the token. */
  answerAfter(ms: number): Promise<unknown>;
}

/** Returns a store that accepts a watcher and never notifies it. */
const silent = (store: TokenStore): TokenStore => ({ ...shared(store), watch: async () => async () => {} });

/** An app is unregistered by another process right after this one has read its token; before that, `replace` may be done. */
async function unheard(
  world: World,
  tasks: readonly 'access_token'[],
  wayOf: (store: TokenStore) => TokenStore,
  replace: (store: RestorableStore, earlier: ReturnType<RestorableStore['state']>) => void,
): Promise<Scene> {
  const store = new RestorableStore(world.clock, { isShared: isFleet });
  const one = world.manager({ store });
  const soon = <Result>(promise: Promise<Result>): Promise<Result> => driven(world.clock, promise, 1);
  await soon(one.register({ appid: APPID, secret: SECRET, tasks }));
  await soon(one.get(APPID, TYPE));
  const earlier = store.state();
  await soon(one.register({ appid: 'wx2', secret: SECRET }));
  await world.clock.advance(2_000);
  const tokens = world.manager({ store: wayOf(store) });
  const startedAt = world.clock.now();
  await tokens.start();
  await tokens.get(APPID, TYPE);
  expect(world.clock.now()).toBe(startedAt);
  replace(store, earlier);
  await soon(one.unregister(APPID));
  const answer = (): Promise<unknown> => tokens.get(APPID, TYPE).catch((error: { code: string }) => error.code);
  return {
    answer,
    answerAfter: async (ms) => {
      await world.clock.advance(startedAt + ms - world.clock.now());
      return soon(answer());
    },
  };
}

describe.each<[string, readonly 'access_token'[]]>([
  ['with a task', [TYPE]],
  ['without a task', []],
])('a token %s of an app that was unregistered unheard by another process', (_, tasks) => {
  describe.each<[string, (store: TokenStore) => TokenStore, Parameters<typeof unheard>[3]]>([
    ['in a store that was emptied before', silent, (store) => store.wipe()],
    ['in a store that was put back to an earlier state before', silent, (store, earlier) => store.restore(earlier)],
    ['in a store that tells of no changes', unwatched, () => {}],
  ])('%s', (__, wayOf, replace) => {
    test.each([
      [-1, 'token-1'],
      [0, 'NOT_REGISTERED'],
      [1, 'NOT_REGISTERED'],
    ])('a cached token is answered until the next look: %i ms after it %s', async (ms, expected) => {
      await using world = new World({ fleet: false });
      const { answerAfter } = await unheard(world, tasks, wayOf, replace);
      expect(await answerAfter(LOOK_EVERY_MS + ms)).toBe(expected);
    });
  });

  test.each([
    [-1, ['token-1', 'token-1']],
    [0, ['token-1', 'NOT_REGISTERED']],
    [1, ['token-1', 'NOT_REGISTERED']],
    [3_600_000, ['token-1', 'NOT_REGISTERED']],
  ])(
    'a cached token is answered once more in a store that loses the message, %i ms after it should be confirmed: %j',
    async (ms, expected) => {
      await using world = new World({ fleet: false });
      const { answerAfter, answer } = await unheard(world, tasks, silent, () => {});
      const first = await answerAfter(LOOK_EVERY_MS + ms);
      await world.clock.advance(0);
      expect([first, await answer()]).toEqual(expected);
    },
  );
});
