import assert from 'node:assert/strict';
import { assertEqual } from './assert-equal.js';
import { type StoreTest, written } from './store-test.js';

const ID = 'key/wx1/access_token';
const RIVALS = 20;

export function testChangingDocuments(storeTest: StoreTest, sharedStoreTest: StoreTest): void {
  storeTest('a document that must not exist is created once', async ({ store }) => {
    const version = await written(store.set(ID, { by: 'first' }, 0));
    assert.ok(Number.isSafeInteger(version) && version > 0, `version ${version}`);
    assert.equal(await store.set(ID, { by: 'second' }, 0), undefined);
    assertEqual(await store.get([ID]), [{ id: ID, version, data: { by: 'first' } }]);
  });

  storeTest('a write with the version that is stored replaces it by a higher one', async ({ store }) => {
    const first = await written(store.set(ID, { n: 1, old: true }, 0));
    const second = await written(store.set(ID, { n: 2 }, first));
    assert.ok(second > first);
    assertEqual(await store.get([ID]), [{ id: ID, version: second, data: { n: 2 } }]);
  });

  storeTest('a write with any other version loses and changes nothing', async ({ store }) => {
    const first = await written(store.set(ID, { n: 1 }, 0));
    const second = await written(store.set(ID, { n: 2 }, first, { due: { lane: 'x', at: 5 } }));
    for (const expected of [0, first, second + 1, second - 1, -1]) {
      if (expected === second) continue;
      const options = { due: { lane: 'y', at: 6 } };
      assert.equal(await store.set(ID, { n: 3 }, expected, options), undefined, `expected ${expected}`);
    }
    assertEqual(await store.get([ID]), [{ id: ID, version: second, data: { n: 2 }, due: { lane: 'x', at: 5 } }]);
  });

  storeTest('a write with a version loses where there is no document', async ({ store }) => {
    assert.equal(await store.set(ID, {}, 1), undefined);
    assertEqual(await store.get([ID]), [undefined]);
  });

  storeTest('a delete with the version that is stored removes the document', async ({ store }) => {
    const version = await written(store.set(ID, {}, 0));
    assert.equal(await store.delete(ID, version), true);
    assertEqual(await store.get([ID]), [undefined]);
    assert.equal(await store.delete(ID, version), false);
  });

  storeTest('a delete with any other version removes nothing', async ({ store }) => {
    assert.equal(await store.delete(ID, 1), false);
    assert.equal(await store.delete(ID, 0), false);
    const first = await written(store.set(ID, { n: 1 }, 0));
    const second = await written(store.set(ID, { n: 2 }, first));
    for (const expected of [0, first, second + 1]) assert.equal(await store.delete(ID, expected), false);
    assertEqual(await store.get([ID]), [{ id: ID, version: second, data: { n: 2 } }]);
  });

  storeTest('versions grow across deletes', async ({ store }) => {
    let highest = 0;
    for (let round = 0; round < 4; round++) {
      const created = await written(store.set(ID, { round }, 0));
      const replaced = await written(store.set(ID, { round }, created));
      assert.ok(created > highest && replaced > created, `${created} and ${replaced} after ${highest}`);
      assert.equal(await store.delete(ID, replaced), true);
      for (const expected of [created, replaced, replaced + 1]) {
        assert.equal(await store.set(ID, {}, expected), undefined, 'a write after the delete');
        assert.equal(await store.delete(ID, expected), false, 'a delete after the delete');
      }
      highest = replaced;
    }
  });

  storeTest('a document does not touch those above, below and beside it', async ({ store }) => {
    const ids = ['key/wx1', 'key/wx1/a', 'key/wx1/a/b', 'key/wx1/ab', 'app/wx1'];
    const versions = [];
    for (const id of ids) versions.push(await written(store.set(id, { id }, 0)));
    assert.equal(await store.delete('key/wx1/a', versions[1] ?? 0), true);
    const documents = await store.get(ids);
    assertEqual(
      documents.map((document) => document?.data.id),
      ['key/wx1', undefined, 'key/wx1/a/b', 'key/wx1/ab', 'app/wx1'],
    );
  });

  storeTest('due is stored, replaced and removed with the data', async ({ store }) => {
    const first = await written(store.set(ID, { n: 1 }, 0, { due: { lane: 'access_token', at: 1_767_225_600_123 } }));
    assertEqual((await store.get([ID]))[0]?.due, { lane: 'access_token', at: 1_767_225_600_123 });
    const second = await written(store.set(ID, { n: 1 }, first, { due: { lane: 'deliver', at: 0 } }));
    assertEqual((await store.get([ID]))[0]?.due, { lane: 'deliver', at: 0 });
    await written(store.set(ID, { n: 1 }, second));
    const [document] = await store.get([ID]);
    assert.equal(document !== undefined && document.due === undefined, true);
  });

  storeTest(`of ${RIVALS} writes at once one succeeds`, async ({ store }) => {
    for (let round = 0, expected = 0; round < 3; round++) {
      const rivals = Array.from({ length: RIVALS }, (_, by) => store.set(ID, { by }, expected));
      const versions = await Promise.all(rivals);
      const [winner, ...others] = versions.flatMap((version, by) => (version === undefined ? [] : [{ version, by }]));
      assert.ok(winner !== undefined && others.length === 0, `versions ${versions}`);
      assertEqual(await store.get([ID]), [{ id: ID, version: winner.version, data: { by: winner.by } }]);
      expected = winner.version;
    }
  });

  storeTest('a delete and a write at once: one succeeds', async ({ store }) => {
    const version = await written(store.set(ID, { n: 1 }, 0));
    const [wasDeleted, replaced] = await Promise.all([store.delete(ID, version), store.set(ID, { n: 2 }, version)]);
    assert.equal(wasDeleted, replaced === undefined);
    const [document] = await store.get([ID]);
    assert.equal(document?.version, replaced);
  });

  sharedStoreTest('two users see and respect each other', async (context) => {
    const { store } = context;
    const other = await context.another();
    const first = await written(store.set(ID, { by: 'one' }, 0));
    assertEqual((await other.get([ID]))[0]?.data, { by: 'one' });
    const second = await written(other.set(ID, { by: 'other' }, first));
    assert.equal(await store.set(ID, { by: 'one' }, first), undefined);
    assert.equal(await store.delete(ID, first), false);
    assert.equal(await store.delete(ID, second), true);
    assert.equal(await other.set(ID, {}, second), undefined);
    assert.ok((await written(other.set(ID, {}, 0))) > second);
  });

  sharedStoreTest(`of ${RIVALS} writes of two users at once one succeeds`, async (context) => {
    const stores = [context.store, await context.another()] as const;
    const versions = await Promise.all(
      Array.from({ length: RIVALS }, (_, by) => stores[by % 2 === 0 ? 0 : 1].set(ID, { by }, 0)),
    );
    assert.equal(versions.filter((version) => version !== undefined).length, 1);
  });
}
