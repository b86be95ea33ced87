import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { StoredDocument, TokenStore } from '../../../src/core/model/store.js';
import { MemoryStore } from '../../../src/stores/memory.js';
import { testTokenStore } from '../../../src/testing/store-contract.js';

type Change = (store: MemoryStore) => Partial<TokenStore>;

/** What a store might get wrong, and a test of the contract that must notice. */
const mistakes: [string, RegExp, Change][] = [
  [
    'a write that does not compare',
    /must not exist is created once/,
    (store) => ({
      set: async (id, data, _, options) => store.set(id, data, (await store.get([id]))[0]?.version ?? 0, options),
    }),
  ],
  [
    'a check and a write that are two steps',
    /of 20 writes at once one succeeds/,
    (store) => ({
      set: async (id, data, expected, options) => {
        const [before] = await store.get([id]);
        if ((before?.version ?? 0) !== expected) return undefined;
        await new Promise((resolve) => setImmediate(resolve));
        return store.set(id, data, (await store.get([id]))[0]?.version ?? 0, options);
      },
    }),
  ],
  [
    'versions that start anew after a delete',
    /versions grow across deletes/,
    (store) => {
      const versions = new Map<string, number>();
      return {
        set: async (id, data, expected, options) => {
          const [before] = await store.get([id]);
          if ((before === undefined ? 0 : versions.get(id)) !== expected) return undefined;
          await store.set(id, data, before?.version ?? 0, options);
          versions.set(id, expected + 1);
          return expected + 1;
        },
        get: async (ids) => (await store.get(ids)).map((document) => document && renumber(document, versions)),
        delete: async (id, expected) => {
          const [before] = await store.get([id]);
          return versions.get(id) === expected && store.delete(id, before?.version ?? 0);
        },
      };
    },
  ],
  [
    'a list that goes by characters',
    /goes by whole segments/,
    (store) => ({
      list: async function* (prefix, options) {
        const [kind = ''] = prefix.split('/');
        for await (const document of store.list(kind, options)) if (document.id.startsWith(prefix)) yield document;
      },
    }),
  ],
  [
    'a page that includes where it begins',
    /pages of any size/,
    (store) => ({
      list: async function* (prefix, { after, limit = Number.POSITIVE_INFINITY } = {}) {
        let left = limit;
        for await (const document of store.list(prefix)) {
          if (left-- > 0 && (after === undefined || document.id >= after)) yield document;
        }
      },
    }),
  ],
  [
    'due that is forgotten',
    /due is stored/,
    (store) => ({ set: (id, data, expected) => store.set(id, data, expected) }),
  ],
  ['a lease without a document', /carries the document/, (store) => leasing(store, { document: undefined })],
  [
    'a lease that is never released',
    /a released lease is free/,
    (store) => leasing(store, { release: () => Promise.resolve() }),
  ],
  [
    'a lost write that releases the lease',
    /a write releases the lease it is given, if it succeeds/,
    (store) => ({
      set: async (id, data, expected, options) => {
        await options?.lease?.release();
        return store.set(id, data, expected, options);
      },
    }),
  ],
  [
    'a lease that is granted to all callers at once',
    /granted to one at a time/,
    () => ({ lease: async (id) => ({ id, document: undefined, release: () => Promise.resolve() }) }),
  ],
  ['a watch that cannot be ended', /was ended tells nothing more/, (store) => endless(store)],
  ['a close that closes nothing', /after close every method rejects/, () => ({ close: () => Promise.resolve() })],
  ['names that are lower-cased', /ids of any allowed form/, (store) => ({ get: (ids) => store.get(ids.map(lower)) })],
];

describe('the contract tests', () => {
  test.each(mistakes)('the contract tests notice %s', async (_, expectedTest, change) => {
    const broken = async (): Promise<TokenStore> => overlay(new MemoryStore(), change);
    const bodies = new Map<string, () => Promise<void>>();
    testTokenStore((name, body) => void bodies.set(name, body), broken);
    const failed = [];
    for (const [name, body] of bodies) {
      if (expectedTest.test(name)) await body().catch(() => failed.push(name));
    }
    expect(failed.length).toBeGreaterThan(0);
  });

  test('the contract tests accept a store that is right', async () => {
    const bodies: (() => Promise<void>)[] = [];
    testTokenStore(
      (_, body) => bodies.push(body),
      async () => overlay(new MemoryStore(), () => ({})),
    );
    for (const body of bodies) await body();
    expect(bodies.length).toBeGreaterThan(35);
  });

  test('the contract tests accept a driver that makes its objects in another realm', async () => {
    const bodies: (() => Promise<void>)[] = [];
    testTokenStore(
      (_, body) => bodies.push(body),
      async () => overlay(new MemoryStore(), inAnotherRealm),
    );
    for (const body of bodies) await body();
    expect(bodies.length).toBeGreaterThan(35);
  });
});

const parseElsewhere = runInNewContext('JSON.parse') as (text: string) => unknown;

function copyElsewhere<Value>(value: Value): Value {
  return value === undefined ? value : (parseElsewhere(JSON.stringify(value)) as Value);
}

function inAnotherRealm(store: MemoryStore): Partial<TokenStore> {
  return {
    get: async (ids) => (await store.get(ids)).map(copyElsewhere),
    list: async function* (prefix, options) {
      for await (const document of store.list(prefix, options)) yield copyElsewhere(document);
    },
    lease: async (id, ttlMs) => {
      const lease = await store.lease(id, ttlMs);
      return lease && { ...lease, document: copyElsewhere(lease.document) };
    },
  };
}

function overlay(store: MemoryStore, change: Change): TokenStore {
  return {
    now: () => store.now(),
    get: (ids) => store.get(ids),
    set: (id, data, expected, options) => store.set(id, data, expected, options),
    delete: (id, expected) => store.delete(id, expected),
    list: (prefix, options) => store.list(prefix, options),
    lease: (id, ttlMs) => store.lease(id, ttlMs),
    watch: (changed) => store.watch(changed),
    close: () => store.close(),
    ...change(store),
  };
}

function leasing(store: MemoryStore, change: object): Partial<TokenStore> {
  return {
    lease: async (id, ttlMs) => {
      const lease = await store.lease(id, ttlMs);
      return lease && { ...lease, ...change };
    },
  };
}

function endless(store: MemoryStore): Partial<TokenStore> {
  return {
    watch: async (changed) => {
      await store.watch(changed);
      return () => Promise.resolve();
    },
  };
}

function renumber(document: StoredDocument, versions: ReadonlyMap<string, number>): StoredDocument {
  return { ...document, version: versions.get(document.id) ?? 0 };
}

function lower(id: string): string {
  return id.toLowerCase();
}
