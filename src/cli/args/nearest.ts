/** Returns the candidate that was probably meant; `undefined` when none is similar to the word. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let found: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  let leastEdits = 0;
  for (const candidate of candidates) {
    const isBeginning = word.length > 2 && (candidate.startsWith(word) || word.startsWith(candidate));
    const edits = editDistance(word, candidate);
    const distance = isBeginning ? Math.min(1, edits) : edits;
    if (distance > least || (distance === least && edits >= leastEdits)) continue;
    found = candidate;
    least = distance;
    leastEdits = edits;
  }
  return found;
}

/**
 * Returns ` (did you mean ...?)`, or an empty text.
 *
 * @param prefix - the prefix of all candidates, which is left out of the comparison.
 */
export function suggestion(word: string, candidates: Iterable<string>, prefix = ''): string {
  const bare = Array.from(candidates, (candidate) => candidate.slice(prefix.length));
  const meant = nearest(word.slice(prefix.length), bare);
  return meant === undefined ? '' : ` (did you mean ${prefix}${meant}?)`;
}

/** Returns the number of insertions, deletions, changes and swaps of neighbouring letters that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(beforeLast, j - 2) + 1 : change;
      row[j] = Math.min(at(last, j) + 1, at(row, j - 1) + 1, change, swap);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
