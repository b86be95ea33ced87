import { expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { ID, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

const OFFERED = 'refresh-1';

test.each([
  ['an app', (tokens: TokenManager<'user_token'>) => tokens.unregister(APPID)],
  ['a task', (tokens: TokenManager<'user_token'>) => tokens.unregister(APPID, TYPE, USER)],
])(
  'nothing is stored or sent for %s that is unregistered before its first refresh has announced what it sends',
  async (_, unregister) => {
    await using world = new RotatingWorld();
    expect(world.upstream.authorize()).toBe(OFFERED);
    const otherWay = new FaultyStore(shared(world.store));
    otherWay.before = (method, id) => {
      if (method === 'lease' && id === ID) throw new Error('this process refreshes nothing');
    };
    const other = world.process({ store: otherWay });
    await other.start();
    const way = new FaultyStore(shared(world.store));
    const tokens = world.process({ store: way });
    let unregistered: Promise<void> | undefined;
    way.before = async (method, id) => {
      if (method !== 'set' || id !== ID || tokens.peek(APPID, TYPE, USER) !== undefined) return;
      if (!tokens.hasTask(APPID, TYPE, USER)) return;
      unregistered ??= unregister(other);
      await unregistered;
    };
    await world.register(tokens, { refresh_token: OFFERED });
    await world.clock.advance(120_000);
    expect(unregistered).toBeDefined();
    expect(world.upstream.sent).toEqual([]);
    expect(await world.stored()).toBeUndefined();
  },
);
