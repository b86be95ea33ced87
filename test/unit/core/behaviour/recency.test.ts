import { describe, expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { APPID, SECRET, TYPE, World, type WorldOptions } from '../../../support/worlds/world.js';

const MAX_HELD = 3;
const MINUTE = 60_000;

interface Held {
  readonly world: World;
  readonly tokens: TokenManager;
}

/** Makes a manager that holds as many tokens as it may, of keys without a task: those of a, b and c, in this order. */
async function full(options: WorldOptions = {}): Promise<Held> {
  const world = new World(options);
  const tokens = world.manager({ maxCachedRecords: MAX_HELD });
  await tokens.register({ appid: APPID, secret: SECRET });
  for (const subject of ['a', 'b', 'c']) await tokens.get(APPID, TYPE, { subject });
  return { world, tokens };
}

function heldOf(tokens: TokenManager): string[] {
  return ['a', 'b', 'c', 'd'].filter((subject) => tokens.peek(APPID, TYPE, { subject }) !== undefined);
}

const WAYS: readonly [string, (tokens: TokenManager) => unknown][] = [
  ['get', (tokens) => tokens.get(APPID, TYPE, { subject: 'a' })],
  ['getRecord', (tokens) => tokens.getRecord(APPID, TYPE, { subject: 'a' })],
  ['peek', (tokens) => tokens.peek(APPID, TYPE, { subject: 'a' })],
];

describe.each(WAYS)('a token that is asked for by %s alone', (_name, way) => {
  test.each([
    [MINUTE - 1, ['b', 'c', 'd']],
    [MINUTE, ['a', 'c', 'd']],
    [MINUTE + 1, ['a', 'c', 'd']],
  ])(
    'a token counts as used when it is asked for after the look of each minute: after %i ms',
    async (afterMs, held) => {
      const { world, tokens } = await full();
      await using _world = world;
      await way(tokens);
      await world.clock.advance(afterMs);
      await way(tokens);
      await tokens.get(APPID, TYPE, { subject: 'd' });
      expect(heldOf(tokens)).toEqual(held);
    },
  );

  test.each<[string, WorldOptions]>([
    ['that tells of changes', {}],
    ['that is looked through each minute', { store: unwatched }],
  ])('a token in use stays cached, and unused ones make room, on a store %s', async (_store, options) => {
    const { world, tokens } = await full(options);
    await using _world = world;
    for (let second = 0; second < 300; second += 5) {
      await way(tokens);
      await world.clock.advance(5_000);
    }
    await tokens.get(APPID, TYPE, { subject: 'd' });
    expect(heldOf(tokens)).toEqual(['a', 'c', 'd']);
  });
});

test('a token that fell out of memory is read from the store, and not fetched again', async () => {
  const { world, tokens } = await full();
  await using _world = world;
  const token = tokens.peek(APPID, TYPE, { subject: 'a' })?.value;
  await tokens.get(APPID, TYPE, { subject: 'd' });
  expect(heldOf(tokens)).toEqual(['b', 'c', 'd']);
  expect(await tokens.get(APPID, TYPE, { subject: 'a' })).toBe(token);
  expect(world.wechat.calls).toBe(4);
});
