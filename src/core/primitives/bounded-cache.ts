import { LRUCache } from 'lru-cache';

/**
 * Returns an empty cache of at most `maxEntries`, of which the one that was not used for longest makes room for a new one.
 *
 * The bound is set as a sum of sizes that are all 1, since a bound on the count makes the cache reserve room for all of
 * its entries at once: megabytes, and tens of milliseconds, for each manager that is constructed.
 *
 * @param dispose - called with each entry that leaves the cache, and why.
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
