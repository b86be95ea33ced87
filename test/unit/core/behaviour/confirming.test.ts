import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import type { TokenManager, TokenStore } from '../../../../src/index.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const MINUTE = 60_000;
const KEY_DOCUMENT = `key/${APPID}/${TYPE}`;

/** Holds the names that were read of the store. */
function readsOf(reads: string[]): (store: TokenStore) => TokenStore {
  return (store) =>
    new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name !== 'get') return member.bind(target);
        return (ids: readonly string[]) => {
          reads.push(...ids);
          return target.get(ids);
        };
      },
    });
}

const confirming = (tokens: TokenManager) => engineOf(tokens).coldLookups.confirming(APPID, TYPE)?.value;
const isHit = (tokens: TokenManager) => engineOf(tokens).records.hit(APPID, TYPE) !== undefined;

test.each([
  [MINUTE - 1, true, 0],
  [MINUTE, false, 1],
  [MINUTE + 1, false, 1],
])(
  '%i ms after the store has shown a record, a hit is %s, and the check of the record costs %i background reads',
  async (ms, hits, expected) => {
    const reads: string[] = [];
    await using world = new World({ store: readsOf(reads) });
    const tokens = await world.registered();
    await tokens.get(APPID, TYPE);
    const shownAt = engineOf(tokens).records.cache.find(APPID, TYPE, undefined)?.confirmedAtMonotonic ?? 0;
    await world.clock.advance(shownAt + ms - world.clock.monotonic());
    reads.length = 0;
    expect(isHit(tokens)).toBe(hits);
    expect([confirming(tokens), confirming(tokens)]).toEqual(['token-1', 'token-1']);
    expect(isHit(tokens)).toBe(true);
    await world.clock.advance(0);
    expect(reads.filter((id) => id === KEY_DOCUMENT)).toHaveLength(expected);
    expect(world.wechat.calls).toBe(1);
  },
);

test('a change that the background check of the record finds is answered afterwards', async () => {
  await using world = new World({ fleet: false });
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await world.clock.advance(MINUTE);
  const other = world.manager();
  await other.put(APPID, TYPE, { value: 'newer', expiresInSeconds: 7_200 });
  await world.clock.advance(MINUTE);
  confirming(tokens);
  await world.clock.advance(0);
  expect(confirming(tokens)).toBe('newer');
});

const NO_ANSWERS: [string, (tokens: TokenManager, world: World) => unknown][] = [
  ['whose task has gone', (tokens) => tokens.unregister(APPID, TYPE)],
  ['whose app has gone', (tokens) => tokens.unregister(APPID)],
  ['that is due', (_tokens, world) => world.clock.advance(7_200_000 - 600_000)],
  ['that has ended', (_tokens, world) => world.clock.advance(7_200_000)],
  ['of a manager that was closed', (tokens, world) => Promise.all([tokens.close(), world.clock.advance(21_000)])],
];

test.each(NO_ANSWERS)('a record %s is not answered without waiting', async (_, change) => {
  await using world = new World();
  const tokens = await world.registered({ refresh: 'never' });
  await world.clock.advance(0);
  const value = 'given';
  await tokens.put(APPID, TYPE, { value, expiresInSeconds: 7_200 });
  expect(confirming(tokens)).toBe(value);
  await change(tokens, world);
  expect(confirming(tokens)).toBeUndefined();
});

test('a token without a task, and any token before the start, is not answered without waiting', async () => {
  await using world = new World();
  const tokens = world.manager({ refresh: 'never' });
  expect(confirming(tokens)).toBeUndefined();
  await tokens.register({ appid: APPID, secret: SECRET });
  await tokens.put(APPID, TYPE, { value: 'given', expiresInSeconds: 7_200 });
  expect(isHit(tokens)).toBe(true);
  expect(confirming(tokens)).toBeUndefined();
});
