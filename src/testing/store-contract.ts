import type { TokenStore } from '../core/model/store.js';
import { testChangingDocuments } from './store-contract/changing-documents.js';
import { testClaiming } from './store-contract/claiming.js';
import { testLeases } from './store-contract/leases.js';
import { testListing } from './store-contract/listing.js';
import { testReadingDocuments } from './store-contract/reading-documents.js';
import { openStores, type StoreTest } from './store-contract/store-test.js';
import { testWatching } from './store-contract/watching.js';

/**
 * The options of `testTokenStore`.
 *
 * @public
 */
export interface StoreContractOptions {
  /**
   * Opens another store object on the storage of `store`, as another process would.
   *
   * @defaultValue none: the tests of durability and of two users are left out
   */
  readonly reopen?: (store: TokenStore) => Promise<TokenStore>;
  /**
   * Moves the store's clock forward by `ms` milliseconds.
   *
   * @defaultValue none: leases of 30 ms are taken and tried for until they have expired
   */
  readonly advance?: (ms: number) => Promise<void>;
}

/**
 * Defines the contract that every `TokenStore` has to pass, as tests of the given test runner.
 *
 * Nothing is slept through: a test waits for an event (a lapsed lease, a message), for 10 s at most.
 *
 * @param test - the runner's function that defines a test, such as `test` of vitest or of `node:test`.
 * @param open - opens a store on empty storage of its own. Every store is closed after its test.
 *
 * @example
 * ```ts
 * import { test } from 'vitest';
 *
 * testTokenStore(test, async () => new MyStore(await emptyDatabase()));
 * ```
 *
 * @public
 */
export function testTokenStore(
  test: (name: string, body: () => Promise<void>) => void,
  open: () => Promise<TokenStore>,
  options: StoreContractOptions = {},
): void {
  const { reopen, advance } = options;
  const storeTest: StoreTest = (name, body) => {
    test(name, () => openStores({ open, reopen, advance }, body));
  };
  const sharedStoreTest: StoreTest = reopen === undefined ? () => undefined : storeTest;
  testReadingDocuments(storeTest, sharedStoreTest);
  testChangingDocuments(storeTest, sharedStoreTest);
  testListing(storeTest);
  testLeases(storeTest, sharedStoreTest);
  testClaiming(storeTest, sharedStoreTest);
  testWatching(storeTest, sharedStoreTest);
}
