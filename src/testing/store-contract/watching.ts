import assert from 'node:assert/strict';
import type { TokenStore } from '../../core/model/store.js';
import { assertEqual } from './assert-equal.js';
import { type StoreTest, until, written } from './store-test.js';

const ID = 'key/wx1/access_token';
const MARK = 'key/wx1/mark';

export function testWatching(storeTest: StoreTest, sharedStoreTest: StoreTest): void {
  storeTest('a watch tells of changes and of deletes', async ({ store }) => {
    const watched = await startWatch(store);
    if (watched === undefined) return;
    const version = await written(store.set(ID, {}, 0));
    await watched.tells(ID);
    await store.delete(ID, version);
    await watched.tells(ID);
    await watched.end();
  });

  sharedStoreTest('a watch tells of what another user changes and deletes', async (context) => {
    const watched = await startWatch(context.store);
    if (watched === undefined) return;
    const other = await context.another();
    const version = await written(other.set(ID, {}, 0));
    await watched.tells(ID);
    await other.delete(ID, version);
    await watched.tells(ID);
    await watched.end();
  });

  storeTest('a watch that was ended tells nothing more, and does not end others', async ({ store }) => {
    const ended = await startWatch(store);
    const other = await startWatch(store);
    if (ended === undefined || other === undefined) return;
    await ended.end();
    ended.told.length = 0;
    await written(store.set(MARK, {}, 0));
    await other.tells(MARK);
    assertEqual(ended.told, []);
    await ended.end();
    await other.end();
  });

  storeTest('after close every method rejects', async ({ store }) => {
    await written(store.set(ID, {}, 0));
    const watched = await startWatch(store);
    await store.close();
    await assert.rejects(store.now());
    await assert.rejects(store.get([ID]));
    await assert.rejects(store.set(ID, {}, 0));
    await assert.rejects(store.delete(ID, 1));
    await assert.rejects(store.lease(ID, 1));
    await assert.rejects(async () => {
      for await (const document of store.list('key')) assert.fail(`${document.id} was listed`);
    });
    if (store.watch !== undefined) await assert.rejects(store.watch(() => undefined));
    if (store.claimDue !== undefined) await assert.rejects(store.claimDue(['access_token'], 1, 1));
    await watched?.end();
  });
}

interface Watched {
  readonly told: (string | undefined)[];
  readonly end: () => Promise<void>;
  /** Waits until the watch has reported this id, or that any document may have changed, and forgets all earlier reports. */
  tells(id: string): Promise<void>;
}

async function startWatch(store: TokenStore): Promise<Watched | undefined> {
  const told: (string | undefined)[] = [];
  const end = await store.watch?.((id) => told.push(id));
  if (end === undefined) return undefined;
  return {
    told,
    end,
    tells: async (id) => {
      await until(`the watch tells of ${id}`, () => told.includes(id) || told.includes(undefined) || undefined);
      told.length = 0;
    },
  };
}
