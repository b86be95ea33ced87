import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { newDirectory, openStore } from './file-places.js';

test('a directory that was deleted under the store is made again', async () => {
  const root = newDirectory();
  const store = openStore(root);
  await store.set('app/wx1', { n: 1 }, 0);
  await rm(root, { recursive: true, force: true });
  expect(await store.get(['app/wx1'])).toEqual([undefined]);
  await store.set('app/wx1', { n: 2 }, 0).catch(() => undefined);
  expect(await store.set('app/wx1', { n: 3 }, 0)).toBe(1);
  expect((await store.get(['app/wx1']))[0]?.data).toEqual({ n: 3 });
});
