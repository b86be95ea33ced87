/** The maximum number of unregistrations, and of registrations, that are noted in a history. */
const MAX_NOTED = 1_000;

/** Returns the noted names with these appended. The oldest ones are dropped if there are too many. */
export function withNewest(noted: readonly string[], names: readonly string[]): readonly string[] {
  return [...new Set([...noted, ...names])].slice(-MAX_NOTED);
}

/**
 * Returns the noted names with those of apps and tasks that are about to be unregistered. Names of existing ones are
 * appended, and the oldest names are dropped if there are too many. Names of absent ones are noted as well, because
 * another process may still know them, but they are put first, where they are dropped before all others: a call that
 * deletes nothing must not displace the name of anything that was deleted.
 *
 * @param wereThere - whether there was anything to delete, by name.
 * @returns `noted` itself if nothing changes.
 */
export function withUnregistered(noted: readonly string[], wereThere: ReadonlyMap<string, boolean>): readonly string[] {
  const deleted = [...wereThere.keys()].filter((name) => wereThere.get(name) === true);
  const absent = [...wereThere.keys()].filter((name) => wereThere.get(name) === false && !noted.includes(name));
  const others = noted.filter((name) => wereThere.get(name) !== true);
  const all = [...absent, ...others, ...deleted].slice(-MAX_NOTED);
  const isSame = all.length === noted.length && all.every((name, index) => name === noted[index]);
  return isSame ? noted : all;
}
