/**
 * Deletes the entries of a map that were set first. The search for the first entry passes over all slots of earlier
 * deletions, so that deleting one entry at each insertion costs microseconds, while deleting many in one pass costs
 * next to nothing.
 */
export function deleteOldest(entries: Map<string, unknown>, count: number): void {
  let left = count;
  for (const name of entries.keys()) {
    if (left-- === 0) return;
    entries.delete(name);
  }
}
