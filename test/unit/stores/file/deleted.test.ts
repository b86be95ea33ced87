import { rm } from 'node:fs/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FileStore, TokenManager } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { newDirectory, openStore } from './file-places.js';

test('a directory that was deleted under the store is made again', async () => {
  const root = newDirectory();
  const store = openStore(root);
  await store.set('app/wx1', { n: 1 }, 0);
  await rm(root, { recursive: true, force: true });
  expect(await store.get(['app/wx1'])).toEqual([undefined]);
  expect(await store.set('app/wx1', { n: 2 }, 0)).toBe(1);
  expect((await store.get(['app/wx1']))[0]?.data).toEqual({ n: 2 });
});

test('a directory that was deleted and made anew is watched again', async () => {
  const root = newDirectory();
  const [clock, told] = [new FakeClock(), [] as (string | undefined)[]];
  const store = new FileStore(root, { clock });
  onTestFinished(() => store.close());
  await store.watch((id) => void told.push(id));
  await rm(root, { recursive: true, force: true });
  await clock.advance(5_000);
  await vi.waitFor(() => expect(told).toContain(undefined));
  const other = openStore(root);
  await other.set('app/wx1', { n: 1 }, 0);
  await clock.advance(5_000);
  await vi.waitFor(() => expect(told.filter((id) => id === undefined)).toHaveLength(2));
  // By the system, without a further look.
  await other.set('app/wx2', { n: 1 }, 0);
  await vi.waitFor(() => expect(told).toContain('app/wx2'));
});

test('managers go on with a directory that was deleted, also when another process fills it meanwhile', async () => {
  const root = newDirectory();
  const clock = new FakeClock({ random: 0.5 });
  let fetches = 0;
  const manager = (): TokenManager => {
    const refresh = async () => ({ value: `token-${++fetches}`, expiresInSeconds: 7_200 });
    const refreshers = [{ type: 'access_token', refresh }];
    const tokens = new TokenManager({ store: new FileStore(root, { clock: new FakeClock() }), clock, refreshers });
    onTestFinished(() => tokens.close());
    return tokens;
  };
  const [one, other] = [manager(), manager()];
  for (const tokens of [one, other]) {
    await tokens.register({ appid: 'wx1', secret: 'S', tasks: ['access_token'] });
    await tokens.get('wx1', 'access_token');
  }
  await one.refresh('wx1', 'access_token', { force: true });
  await rm(root, { recursive: true, force: true });
  const next = manager();
  await next.register({ appid: 'wx1', secret: 'S', tasks: ['access_token'] });
  const fresh = await next.get('wx1', 'access_token');
  await vi.waitFor(
    async () => {
      await clock.advance(30_000);
      const got = [one, other, next].map((tokens) => tokens.get('wx1', 'access_token'));
      expect(await Promise.all(got)).toEqual([fresh, fresh, fresh]);
    },
    { timeout: 20_000 },
  );
  expect(fresh).toBe(`token-${fetches}`);
});
