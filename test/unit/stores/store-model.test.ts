import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TokenStore } from '../../../src/core/model/store.js';
import { MemoryStore } from '../../../src/stores/memory.js';
import { newDirectory, openStore } from './file/file-places.js';

const IDS = ['key/wx1/a', 'key/wx1/a/s', 'key/WX1/a'] as const;

const step = fc.record({
  id: fc.constantFrom(...IDS),
  action: fc.constantFrom('set', 'set', 'set', 'delete'),
  /** Which version to expect: the one stored, none, the one before, or one that does not exist yet. */
  expected: fc.constantFrom('stored', 'stored', 'stored', 'none', 'before', 'next'),
  value: fc.integer(),
  due: fc.option(fc.record({ lane: fc.constantFrom('a', 'b'), at: fc.nat() }), { nil: undefined }),
});

interface Modelled {
  readonly version: number;
  readonly data: { readonly value: number };
  readonly due?: { readonly lane: string; readonly at: number };
}

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function behavesLikeAMap(store: TokenStore, steps: readonly Step[]): Promise<void> {
  const model = new Map<string, Modelled>();
  const highest = new Map<string, number>();
  for (const { id, action, expected, value, due } of steps) {
    const stored = model.get(id)?.version ?? 0;
    const top = highest.get(id) ?? 0;
    const version = { stored, none: 0, before: stored - 1, next: top + 1 }[expected];
    if (action === 'delete') {
      const isDeleted = await store.delete(id, version);
      expect(isDeleted).toBe(stored > 0 && version === stored);
      if (isDeleted) model.delete(id);
    } else {
      const data = { value };
      const written = await store.set(id, data, version, due === undefined ? {} : { due });
      expect(written !== undefined).toBe(version === stored);
      if (written !== undefined) {
        expect(written).toBeGreaterThan(top);
        highest.set(id, written);
        model.set(id, due === undefined ? { version: written, data } : { version: written, data, due });
      }
    }
    const documents = await store.get(IDS);
    expect(documents).toEqual(IDS.map((other) => (model.has(other) ? { id: other, ...model.get(other) } : undefined)));
    const listed = [];
    for await (const document of store.list('key')) listed.push(document.id);
    expect(listed.sort()).toEqual([...model.keys()].sort());
  }
}

describe('any sequence of writes and deletes', () => {
  test('MemoryStore holds what a map would hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) => behavesLikeAMap(new MemoryStore(), steps)),
    );
  });

  test('FileStore holds what a map would hold', async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), (steps) =>
      behavesLikeAMap(openStore(newDirectory()), steps),
    );
    await fc.assert(property, { numRuns: 30 });
  }, 60_000);
});
