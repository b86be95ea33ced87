import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, test } from 'vitest';
import type { TokenStore } from '../../src/core/model/store.js';
import { FileStore } from '../../src/stores/file/file-store.js';
import { testTokenStore } from '../../src/testing/store-contract.js';

describe('FileStore', () => {
  const directories = new Map<TokenStore, string>();

  afterAll(async () => {
    for (const directory of new Set(directories.values())) await rm(directory, { recursive: true });
  });

  function openAt(directory: string): TokenStore {
    const store = new FileStore(directory);
    directories.set(store, directory);
    return store;
  }

  testTokenStore(test, async () => openAt(await mkdtemp(join(tmpdir(), 'file-store-'))), {
    reopen: async (store) => openAt(directories.get(store) ?? ''),
  });
});
