import assert from 'node:assert/strict';
import type { TokenStore } from '../../core/model/store.js';
import { assertEqual } from './assert-equal.js';
import { type StoreTest, written } from './store-test.js';

const APPS = 7;
const TYPES = 3;
const MANY = 1_000;
const HALF = 500;
const PAGE = 300;
const AT_ONCE = 50;

export function testListing(storeTest: StoreTest): void {
  storeTest('a list of nothing is empty', async ({ store }) => {
    assertEqual(await listIds(store, 'task'), []);
    assertEqual(await listIds(store, 'task/wx1'), []);
  });

  storeTest('a list goes by whole segments', async ({ store }) => {
    const ids = ['task/wx1', 'task/wx1/a', 'task/wx1/a/s', 'task/wx1/ab', 'task/wx12/a', 'tasks/wx1', 'app/wx1'];
    for (const id of ids) await written(store.set(id, { id }, 0));
    const listed = async (prefix: string): Promise<string[]> => (await listIds(store, prefix)).sort();
    assertEqual(await listed('task'), ['task/wx1', 'task/wx1/a', 'task/wx1/a/s', 'task/wx1/ab', 'task/wx12/a']);
    assertEqual(await listed('task/wx1'), ['task/wx1', 'task/wx1/a', 'task/wx1/a/s', 'task/wx1/ab']);
    assertEqual(await listed('task/wx1/a'), ['task/wx1/a', 'task/wx1/a/s']);
    assertEqual(await listed('task/wx1/a/s'), ['task/wx1/a/s']);
    assertEqual(await listed('task/w'), []);
  });

  storeTest('a list gives whole documents', async ({ store }) => {
    const version = await written(store.set('task/wx1/a', { n: 1 }, 0, { due: { lane: 'a', at: 7 } }));
    const documents = [];
    for await (const document of store.list('task')) documents.push(document);
    assertEqual(documents, [{ id: 'task/wx1/a', version, data: { n: 1 }, due: { lane: 'a', at: 7 } }]);
  });

  storeTest('a list leaves out what was deleted and has the latest of what was replaced', async ({ store }) => {
    const [first = '', second = ''] = await fill(store);
    const [deleted, replaced] = await store.get([first, second]);
    assert.equal(await store.delete(first, deleted?.version ?? 0), true);
    await written(store.set(second, { replaced: true }, replaced?.version ?? 0));
    const documents = new Map<string, unknown>();
    for await (const { id, data } of store.list('task')) documents.set(id, data.replaced);
    assert.equal(documents.has(first), false);
    assert.equal(documents.get(second), true);
  });

  storeTest('pages of any size make up the whole, each document once', async ({ store }) => {
    const ids = await fill(store);
    const whole = await listIds(store, 'task');
    assertEqual([...whole].sort(), [...ids].sort());
    assertEqual(await listIds(store, 'task'), whole);
    for (const limit of [1, 2, 5, ids.length, ids.length + 1]) {
      const paged: string[] = [];
      for (;;) {
        const after = paged.at(-1);
        const page = await listIds(store, 'task', after === undefined ? { limit } : { after, limit });
        assert.ok(page.length <= limit);
        paged.push(...page);
        assert.ok(paged.length <= whole.length, `pages of ${limit} hold more than the whole`);
        if (page.length < limit) break;
      }
      assertEqual(paged, whole, `pages of ${limit}`);
    }
    assertEqual(await listIds(store, 'task', { limit: 0 }), []);
  });

  storeTest('a page may follow a document that has been deleted', async ({ store }) => {
    await fill(store);
    const whole = await listIds(store, 'task');
    for (const [position, after] of whole.entries()) {
      const [document] = await store.get([after]);
      assert.equal(await store.delete(after, document?.version ?? 0), true);
      assertEqual(await listIds(store, 'task', { after }), whole.slice(position + 1), `after ${after}`);
    }
  });

  storeTest('a list below a prefix pages too', async ({ store }) => {
    await fill(store);
    const whole = await listIds(store, 'task/wx3');
    for (const [position, after] of whole.entries()) {
      assertEqual(await listIds(store, 'task/wx3', { after }), whole.slice(position + 1), `after ${after}`);
    }
  });

  storeTest(`${MANY} documents are listed, paged and read at once`, async ({ store }) => {
    const ids = Array.from({ length: MANY }, (_, index) => `task/wx${index}/type`);
    for (let next = 0; next < ids.length; next += AT_ONCE) {
      await Promise.all(ids.slice(next, next + AT_ONCE).map((id) => written(store.set(id, { id }, 0))));
    }
    const documents = await store.get(ids.slice(0, HALF));
    assertEqual(
      documents.map((document) => document?.data.id),
      ids.slice(0, HALF),
    );
    const whole = await listIds(store, 'task');
    assertEqual([...whole].sort(), [...ids].sort());
    const paged: string[] = [];
    for (let pages = 0; pages <= MANY / PAGE; pages++) {
      const after = paged.at(-1);
      paged.push(...(await listIds(store, 'task', after === undefined ? { limit: PAGE } : { after, limit: PAGE })));
    }
    assertEqual(paged, whole);
  });

  storeTest('a list can be left early', async ({ store }) => {
    await fill(store);
    for await (const { id } of store.list('task')) {
      assert.ok(id.startsWith('task/'));
      break;
    }
  });
}

async function listIds(
  store: TokenStore,
  prefix: string,
  options?: { readonly after?: string; readonly limit?: number },
): Promise<string[]> {
  const ids = [];
  for await (const { id } of store.list(prefix, options)) ids.push(id);
  return ids;
}

/** Stores documents with ids of all lengths, including some below each other, and returns the ids. */
async function fill(store: TokenStore): Promise<string[]> {
  const ids: string[] = [];
  for (let app = 0; app < APPS; app++) {
    if (app % 2 === 0) ids.push(`task/wx${app}`);
    for (let type = 0; type < TYPES; type++) {
      if (type !== 1) ids.push(`task/wx${app}/type${type}`);
      if (type !== 0) ids.push(`task/wx${app}/type${type}/subject`);
    }
  }
  for (const id of ids) await written(store.set(id, { id }, 0));
  return ids;
}
