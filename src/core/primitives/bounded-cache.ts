import { LRUCache } from 'lru-cache';

/**
 * Returns an empty cache of at most `maxEntries` entries. A full cache evicts the least recently used entry.
 *
 * The bound is set as a total size, with a size of 1 for each entry: with a bound on their number, the cache would
 * allocate room for all entries at once, which takes megabytes and tens of milliseconds for each manager that is
 * constructed.
 *
 * @param dispose - called with each entry that leaves the cache, and with the reason.
 */
export function boundedCache<Key extends {}, Value extends {}>(
  maxEntries: number,
  dispose?: LRUCache.Disposer<Key, Value>,
): LRUCache<Key, Value> {
  return new LRUCache<Key, Value>({
    maxSize: maxEntries,
    sizeCalculation: () => 1,
    ...(dispose === undefined ? {} : { dispose }),
  });
}
