/** The maximum number of documents that are read at once, or written under one lease. */
const LARGEST = 100;

/** Divides a list into batches that are small enough for one round trip, and for one lease on a slow store. */
export function* batches<Item>(items: readonly Item[]): Iterable<readonly Item[]> {
  for (let start = 0; start < items.length; start += LARGEST) yield items.slice(start, start + LARGEST);
}
