import assert from 'node:assert/strict';
import { assertEqual } from './assert-equal.js';
import { granted, LONG_LEASE_MS, SHORT_LEASE_MS, type StoreTest, written } from './store-test.js';

const ID = 'key/wx1/access_token';
const OTHER_ID = 'key/wx1/jsapi_ticket';
const RIVALS = 20;

export function testLeases(storeTest: StoreTest, sharedStoreTest: StoreTest): void {
  storeTest('a lease is granted to one at a time', async ({ store }) => {
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    assert.equal(lease.id, ID);
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined);
    assert.equal(await store.lease(ID, 1), undefined);
    await granted(store.lease(OTHER_ID, LONG_LEASE_MS));
  });

  storeTest('a lease carries the document as it is, or undefined', async ({ store }) => {
    const absent = await granted(store.lease(ID, LONG_LEASE_MS));
    assert.equal(absent.document, undefined);
    assertEqual(await store.get([ID]), [undefined]);
    const version = await written(store.set(ID, { n: 1 }, 0, { lease: absent, due: { lane: 'x', at: 1 } }));
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    assertEqual(lease.document, { id: ID, version, data: { n: 1 }, due: { lane: 'x', at: 1 } });
    assert.equal(await store.delete(ID, version), true);
    await lease.release();
    assert.equal((await granted(store.lease(ID, LONG_LEASE_MS))).document, undefined);
  });

  storeTest('the lease of an absent document is no document', async ({ store }) => {
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    const listed = [];
    for await (const document of store.list('key')) listed.push(document.id);
    assertEqual(listed, []);
    await written(store.set(ID, {}, 0));
    await lease.release();
  });

  storeTest('a released lease is free; to release it twice is harmless', async ({ store }) => {
    const first = await granted(store.lease(ID, LONG_LEASE_MS));
    await first.release();
    const second = await granted(store.lease(ID, LONG_LEASE_MS));
    await first.release();
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined, 'the second lease was released by the first');
    await second.release();
    await granted(store.lease(ID, LONG_LEASE_MS));
  });

  storeTest(
    'a lapsed lease is free, and its late release does not free the next',
    async ({ store, leaseAfterLapse }) => {
      const lapsed = await granted(store.lease(ID, SHORT_LEASE_MS));
      await leaseAfterLapse(ID, LONG_LEASE_MS);
      await lapsed.release();
      assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined);
    },
  );

  storeTest('a holder whose lease has lapsed loses against the next holder', async ({ store, leaseAfterLapse }) => {
    const version = await written(store.set(ID, { by: 'initial' }, 0));
    const lapsed = await granted(store.lease(ID, SHORT_LEASE_MS));
    const next = await leaseAfterLapse(ID, LONG_LEASE_MS);
    await written(store.set(ID, { by: 'next' }, next.document?.version ?? 0));
    assert.equal(await store.set(ID, { by: 'late' }, version, { lease: lapsed }), undefined);
    assertEqual((await store.get([ID]))[0]?.data, { by: 'next' });
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined, 'the lost write released the lease');
  });

  storeTest('a write releases the lease it is given, if it succeeds', async ({ store }) => {
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    assert.equal(await store.set(ID, {}, 1, { lease }), undefined);
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined, 'a write that lost released the lease');
    const version = await written(store.set(ID, {}, 0));
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined, 'a write without the lease released it');
    await written(store.set(ID, {}, version, { lease }));
    const next = await granted(store.lease(ID, LONG_LEASE_MS));
    await lease.release();
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined);
    await next.release();
  });

  storeTest('a lease does not keep others from writing', async ({ store }) => {
    await granted(store.lease(ID, LONG_LEASE_MS));
    const version = await written(store.set(ID, {}, 0));
    assert.equal(await store.delete(ID, version), true);
  });

  storeTest(`of ${RIVALS} that want a lease at once one gets it`, async ({ store }) => {
    for (let round = 0; round < 3; round++) {
      const leases = await Promise.all(Array.from({ length: RIVALS }, () => store.lease(ID, LONG_LEASE_MS)));
      const [lease, ...others] = leases.filter((asked) => asked !== undefined);
      assert.ok(lease !== undefined && others.length === 0, `${others.length + 1} leases`);
      await lease.release();
    }
  });

  sharedStoreTest('users take leases from each other', async (context) => {
    const { store } = context;
    const other = await context.another();
    const version = await written(store.set(ID, {}, 0));
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    assert.equal(await other.lease(ID, LONG_LEASE_MS), undefined);
    const latest = await written(store.set(ID, {}, version, { lease }));
    const next = await granted(other.lease(ID, LONG_LEASE_MS));
    assert.equal(next.document?.version, latest);
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined);
  });

  sharedStoreTest(`of ${RIVALS} of two users that want a lease at once one gets it`, async (context) => {
    const stores = [context.store, await context.another()] as const;
    const leases = await Promise.all(
      Array.from({ length: RIVALS }, (_, by) => stores[by % 2 === 0 ? 0 : 1].lease(ID, LONG_LEASE_MS)),
    );
    assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
  });
}
