/**
 * Deletes the entries of a map that were set first. Finding the first entry passes over all that were deleted before it, so that
 * deleting one at each insertion costs microseconds, and deleting many in one pass next to nothing.
 */
export function deleteOldest(entries: Map<string, unknown>, count: number): void {
  let left = count;
  for (const name of entries.keys()) {
    if (left-- === 0) return;
    entries.delete(name);
  }
}
