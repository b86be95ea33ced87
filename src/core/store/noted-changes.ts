/** So many unregistrations, and as many registrations, are noted in a history. */
const MAX_NOTED = 1_000;

/** Returns the names with these after them: the oldest make room. */
export function withNewest(noted: readonly string[], names: readonly string[]): readonly string[] {
  return [...new Set([...noted, ...names])].slice(-MAX_NOTED);
}

/**
 * Returns the names with those of what is about to be unregistered. What was there stands last, and makes the oldest room. What was
 * not there stands first, where it makes room before all else: another process may still know of it, but calls that delete nothing
 * push out nothing that was deleted.
 *
 * @param wereThere - by name, whether there was anything to delete.
 * @returns `noted` itself where nothing changes.
 */
export function withUnregistered(noted: readonly string[], wereThere: ReadonlyMap<string, boolean>): readonly string[] {
  const deleted = [...wereThere.keys()].filter((name) => wereThere.get(name) === true);
  const absent = [...wereThere.keys()].filter((name) => wereThere.get(name) === false && !noted.includes(name));
  const others = noted.filter((name) => wereThere.get(name) !== true);
  const all = [...absent, ...others, ...deleted].slice(-MAX_NOTED);
  const isSame = all.length === noted.length && all.every((name, index) => name === noted[index]);
  return isSame ? noted : all;
}
