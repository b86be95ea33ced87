import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { boundedCache } from '../../../../src/core/primitives/bounded-cache.js';

test('the least recently used entry makes room, and leaves with the reason', () => {
  const left: unknown[] = [];
  const cache = boundedCache<string, number>(2, (value, key, reason) => void left.push([key, value, reason]));
  cache.set('a', 1);
  cache.set('b', 2);
  cache.get('a');
  cache.set('c', 3);
  expect([...cache.keys()]).toEqual(['c', 'a']);
  expect(left).toEqual([['b', 2, 'evict']]);
});

test('an entry that is replaced evicts no other one', () => {
  const cache = boundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.set('a', 3);
  expect([...cache.entries()]).toEqual([
    ['a', 3],
    ['b', 2],
  ]);
});

test('no room is reserved for absent entries', () => {
  // No array may be so long, so a cache that reserved the room could not be constructed.
  const cache = boundedCache<string, number>(2 ** 40);
  cache.set('a', 1);
  expect(cache.size).toBe(1);
});

test('every cache of the core is a bounded cache', async () => {
  const core = new URL('../../../../src/core/', import.meta.url);
  const names = (await readdir(core, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, core), 'utf8')));
  expect(names.filter((_, index) => texts[index]?.includes('new LRUCache'))).toEqual(['primitives/bounded-cache.ts']);
});
