/** The number of documents that are read, or written under one lease, at once. */
const LARGEST = 100;

/** Divides a list into batches that one round trip, and one lease on a slow store, are enough for. */
export function* batches<Item>(items: readonly Item[]): Iterable<readonly Item[]> {
  for (let start = 0; start < items.length; start += LARGEST) yield items.slice(start, start + LARGEST);
}
