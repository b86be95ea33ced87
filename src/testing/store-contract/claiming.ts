import assert from 'node:assert/strict';
import type { Lease, TokenStore } from '../../core/model/store.js';
import { assertEqual } from './assert-equal.js';
import {
  granted,
  LONG_LEASE_MS,
  SHORT_LEASE_MS,
  type StoreTest,
  type StoreTestContext,
  until,
  written,
} from './store-test.js';

const ID = 'key/wx1/access_token';
const LANE = 'access_token';
const MANY = 60;
const SHARE = 10;

type ClaimingStore = TokenStore & Required<Pick<TokenStore, 'claimDue'>>;
type ClaimTest = (name: string, body: (store: ClaimingStore, context: StoreTestContext) => Promise<void>) => void;

/** Defines the tests of claiming. A store without `claimDue` passes them. */
export function testClaiming(storeTest: StoreTest, sharedStoreTest: StoreTest): void {
  const claimTest = claimTestOf(storeTest);
  const sharedClaimTest = claimTestOf(sharedStoreTest);

  claimTest('what is due is claimed, the earliest first', async (store) => {
    const now = await store.now();
    const ids = ['key/wx1/a', 'key/wx2/a', 'key/wx3/a', 'key/wx4/b', 'key/wx5/c', 'key/wx6/a'];
    const dues = [now - 10, now - 30, now - 20, now - 40, now - 50, now + LONG_LEASE_MS];
    for (const [index, id] of ids.entries()) await written(setDue(store, id, dues[index] ?? 0, id.slice(-1)));
    const held = await granted(store.lease('key/wx3/a', LONG_LEASE_MS));
    const first = await store.claimDue(['a', 'b'], 2, LONG_LEASE_MS);
    assertEqual(
      first.map((lease) => [lease.id, lease.document?.data.id]),
      [
        ['key/wx4/b', 'key/wx4/b'],
        ['key/wx2/a', 'key/wx2/a'],
      ],
    );
    assert.equal(await store.lease('key/wx4/b', LONG_LEASE_MS), undefined);
    assertEqual(await claim(store, 2, ['a', 'b']), ['key/wx1/a']);
    await held.release();
    assertEqual(await claim(store, 2, ['a', 'b']), ['key/wx3/a']);
  });

  claimTest('a claim carries the document as it is', async (store) => {
    const due = { lane: LANE, at: (await store.now()) - 1 };
    const version = await written(store.set(ID, { empty: [], n: 1 }, 0, { due }));
    const [lease] = await store.claimDue([LANE], 5, LONG_LEASE_MS);
    assertEqual(lease?.document, { id: ID, version, data: { empty: [], n: 1 }, due });
    assertEqual(await store.get([ID]), [{ id: ID, version, data: { empty: [], n: 1 }, due }]);
  });

  claimTest('nothing is claimed before it is due', async (store, { advance }) => {
    const at = (await store.now()) + SHORT_LEASE_MS;
    await written(setDue(store, ID, at));
    await written(setDue(store, 'key/wx2/later', at + LONG_LEASE_MS));
    await advance?.(SHORT_LEASE_MS - 1);
    const early = await claim(store, 5);
    const checkedAt = await store.now();
    assert.ok(early.length === 0 || checkedAt >= at, `claimed before ${checkedAt}, due at ${at}`);
    await advance?.(1);
    const claimed = await until('the document is due', async () => {
      const ids = [...early, ...(await claim(store, 5))];
      return ids.length === 0 ? undefined : ids;
    });
    assertEqual(claimed, [ID]);
    assert.ok((await store.now()) >= at, 'claimed before it was due');
  });

  claimTest('a document whose due was taken away is not claimed', async (store) => {
    const version = await written(setDue(store, ID, 1));
    await written(store.set(ID, {}, version));
    assertEqual(await claim(store, 5), []);
  });

  claimTest(
    'a document that was deleted is not claimed, nor is one that came after it without a due',
    async (store) => {
      const version = await written(setDue(store, ID, 1));
      assert.equal(await store.delete(ID, version), true);
      assertEqual(await claim(store, 5), []);
      await written(store.set(ID, {}, 0));
      assertEqual(await claim(store, 5), []);
    },
  );

  claimTest('a write moves the due, later and earlier and to another lane', async (store) => {
    const first = await written(setDue(store, ID, 1));
    const second = await written(setDue(store, ID, (await store.now()) + LONG_LEASE_MS, LANE, first));
    assertEqual(await claim(store, 5), []);
    const third = await written(setDue(store, ID, 2, 'other', second));
    assertEqual(await claim(store, 5), []);
    await written(setDue(store, ID, 3, LANE, third));
    assertEqual(await claim(store, 5, ['other']), []);
    assertEqual(await claim(store, 5), [ID]);
  });

  claimTest('a write that loses leaves the due as it is', async (store) => {
    const version = await written(setDue(store, ID, 1));
    assert.equal(await store.set(ID, {}, version + 1), undefined);
    assert.equal(await store.delete(ID, version + 1), false);
    assertEqual(await claim(store, 5), [ID]);
  });

  claimTest('a claim is good until it lapses, and then the next may have it', async (store, { advance }) => {
    await written(setDue(store, ID, 1));
    const [lapsed] = await store.claimDue([LANE], 1, SHORT_LEASE_MS);
    assert.ok(lapsed !== undefined);
    await advance?.(SHORT_LEASE_MS);
    await until('the claim lapses', async () => ((await claim(store, 1)).length > 0 ? true : undefined));
    await lapsed.release();
    assertEqual(await claim(store, 1), [], 'the late release freed the next claim');
    assert.equal(await store.lease(ID, 1), undefined, 'the late release freed the next lease');
  });

  claimTest('a lease that lapsed makes the document claimable too', async (store, { advance }) => {
    await written(setDue(store, ID, 1));
    await granted(store.lease(ID, SHORT_LEASE_MS));
    await advance?.(SHORT_LEASE_MS);
    await until('the lease lapses', async () => ((await claim(store, 1)).length > 0 ? true : undefined));
  });

  claimTest('what was claimed and released may be claimed again at once', async (store) => {
    await written(setDue(store, ID, 1));
    for (let round = 0; round < 3; round++) {
      const [lease] = await store.claimDue([LANE], 1, LONG_LEASE_MS);
      assert.equal(lease?.id, ID);
      assertEqual(await claim(store, 1), []);
      await lease.release();
    }
  });

  claimTest('a claim is a lease: no other holder gets one of that document', async (store) => {
    await written(setDue(store, ID, 1));
    const [lease] = await store.claimDue([LANE], 1, LONG_LEASE_MS);
    assert.ok(lease !== undefined);
    assert.equal(await store.lease(ID, LONG_LEASE_MS), undefined);
    await lease.release();
    await granted(store.lease(ID, LONG_LEASE_MS));
    assertEqual(await claim(store, 1), []);
  });

  claimTest('a write releases the claim it is given, if it succeeds', async (store) => {
    const version = await written(setDue(store, ID, 1));
    const [lease] = await store.claimDue([LANE], 1, LONG_LEASE_MS);
    assert.ok(lease !== undefined);
    assert.equal(await store.set(ID, {}, version + 1, { lease }), undefined);
    assertEqual(await claim(store, 1), [], 'a write that lost released the claim');
    await written(store.set(ID, {}, version, { lease, due: { lane: LANE, at: 2 } }));
    assertEqual(await claim(store, 1), [ID]);
  });

  claimTest('a write without the lease leaves a document claimed', async (store) => {
    const version = await written(setDue(store, ID, 1));
    const [lease] = await store.claimDue([LANE], 1, LONG_LEASE_MS);
    await written(setDue(store, ID, 2, LANE, version));
    assertEqual(await claim(store, 1), []);
    await lease?.release();
    assertEqual(await claim(store, 1), [ID]);
  });

  claimTest('a document that becomes due only while it is leased waits for the release', async (store) => {
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    await written(setDue(store, ID, 1));
    assertEqual(await claim(store, 1), []);
    await lease.release();
    assertEqual(await claim(store, 1), [ID]);
  });

  claimTest('no more is claimed than was asked for', async (store) => {
    const ids = await fill(store);
    assertEqual(await claim(store, 0), []);
    assertEqual(await claim(store, 1), ids.slice(0, 1));
    assertEqual(await claim(store, SHARE), ids.slice(1, 1 + SHARE));
    assertEqual(await claim(store, ids.length), ids.slice(1 + SHARE));
  });

  claimTest('other lanes are not touched', async (store) => {
    await written(setDue(store, ID, 1, 'other'));
    await written(setDue(store, 'key/wx2/a', 1));
    assertEqual(await claim(store, 5, []), []);
    assertEqual(await claim(store, 5, ['oth', 'other2', 'Other']), []);
    assertEqual(await claim(store, 5), ['key/wx2/a']);
    const lease = await granted(store.lease(ID, LONG_LEASE_MS));
    await lease.release();
    assertEqual(await claim(store, 5, ['other']), [ID]);
  });

  claimTest('leased ones at the head hide none of those behind', async (store) => {
    const ids = await fill(store);
    const leased = ids.slice(0, MANY / 3);
    const claimed = ids.slice(leased.length, (2 * MANY) / 3);
    for (const id of leased) await granted(store.lease(id, LONG_LEASE_MS));
    assertEqual(await claim(store, claimed.length), claimed);
    assertEqual(await claim(store, 3), ids.slice((2 * MANY) / 3, (2 * MANY) / 3 + 3));
  });

  claimTest('claims at once never get the same document', async (store) => {
    await claimAtOnce(store, store);
  });

  sharedClaimTest('two users that claim at once never get the same document', async (store, { another }) => {
    const other = await another();
    assert.ok(isClaiming(other));
    await claimAtOnce(store, other);
  });
}

/**
 * Claims from two stores at once. Colliding claims may return fewer documents than requested; the next claim returns the
 * rest.
 */
async function claimAtOnce(store: ClaimingStore, other: ClaimingStore): Promise<void> {
  const ids = await fill(store);
  const claims = await Promise.all([0, 1].flatMap(() => [claim(store, SHARE), claim(other, SHARE)]));
  assert.ok(claims.every((claimed) => claimed.length <= SHARE));
  const claimed = claims.flat();
  assert.equal(new Set(claimed).size, claimed.length, 'a document was claimed twice');
  claimed.push(...(await claim(store, MANY)));
  assertEqual(claimed.sort(), [...ids].sort());
  assertEqual(await claim(other, MANY), []);
}

function claimTestOf(define: StoreTest): ClaimTest {
  return (name, body) =>
    define(name, async (context) => {
      const { store } = context;
      if (isClaiming(store)) await body(store, context);
    });
}

function isClaiming(store: TokenStore): store is ClaimingStore {
  return store.claimDue !== undefined;
}

function setDue(store: TokenStore, id: string, at: number, lane = LANE, expected = 0): Promise<number | undefined> {
  return store.set(id, { id }, expected, { due: { lane, at } });
}

/** Claims documents with long leases, and returns their ids. */
async function claim(store: ClaimingStore, limit: number, lanes: readonly string[] = [LANE]): Promise<string[]> {
  const leases: Lease[] = await store.claimDue(lanes, limit, LONG_LEASE_MS);
  return leases.map(({ id }) => id);
}

/** Stores documents that are due, and returns their ids in the order of their due times. */
async function fill(store: TokenStore): Promise<string[]> {
  const ids = Array.from({ length: MANY }, (_, index) => `key/wx${(index * 7) % MANY}/${LANE}`);
  for (const [index, id] of ids.entries()) await written(setDue(store, id, 1_000 + index));
  return ids;
}
