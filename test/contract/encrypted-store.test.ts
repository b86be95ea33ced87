import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, test } from 'vitest';
import type { TokenStore } from '../../src/core/model/store.js';
import { EncryptedStore } from '../../src/stores/encrypted/encrypted-store.js';
import { FileStore } from '../../src/stores/file/file-store.js';
import { MemoryStore } from '../../src/stores/memory.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { testTokenStore } from '../../src/testing/store-contract.js';

const OPTIONS = { keys: ['0123456789abcdef'.repeat(4)] };

describe('EncryptedStore around a MemoryStore', () => {
  const clock = new FakeClock();
  testTokenStore(test, async () => new EncryptedStore(new MemoryStore({ clock }), OPTIONS), {
    advance: (ms) => clock.advance(ms),
  });
});

describe('EncryptedStore around a FileStore', () => {
  const directories = new Map<TokenStore, string>();

  afterAll(async () => {
    for (const directory of new Set(directories.values())) await rm(directory, { recursive: true });
  });

  function openAt(directory: string): TokenStore {
    const store = new EncryptedStore(new FileStore(directory), OPTIONS);
    directories.set(store, directory);
    return store;
  }

  testTokenStore(test, async () => openAt(await mkdtemp(join(tmpdir(), 'encrypted-store-'))), {
    reopen: async (store) => openAt(directories.get(store) ?? ''),
  });
});
