/** The marker that is noted in place of a version if a read has found no document. */
const ABSENT = Symbol('absent');

/**
 * The relation of an answer to what became known while it was read: `news` has to be adopted, `old` contains nothing
 * new, and `unclear` means that either may be newer, so that the document has to be read again.
 */
export type Judgement = 'news' | 'old' | 'unclear';

/** A read in progress, and what has become known of its documents since it began. */
export interface OpenRead {
  /**
   * Judges the answer for one document.
   *
   * @param version - the version in the answer; `undefined` if the answer contains no document.
   */
  judge(id: string, version: number | undefined): Judgement;
  /**
   * Forgets that this version became known, because it was this read that reported it. A read reports each document
   * once.
   */
  forget(id: string, version: number): void;
  end(): void;
}

/**
 * Orders the answers of overlapping reads. An answer shows what was stored at some moment after its read began. Of two
 * versions the higher one is newer. An absent document has no version, so it is unclear whether an absence is older or
 * newer than a version.
 */
export class OpenReads {
  readonly #open = new Set<Map<string, number | typeof ABSENT>>();
  #histories = 0;

  /** Begins to note for a read what becomes known, until the read is ended. */
  begin(): OpenRead {
    const known = new Map<string, number | typeof ABSENT>();
    const history = this.#histories;
    this.#open.add(known);
    return {
      judge: (id, version) => (history === this.#histories ? judge(known.get(id), version) : 'unclear'),
      forget: (id, version) => {
        if (known.get(id) === version) known.delete(id);
      },
      end: () => {
        this.#open.delete(known);
      },
    };
  }

  /** Notes that the store was replaced. Versions from before and after a replacement cannot be compared. */
  noteReplacement(): void {
    this.#histories += 1;
  }

  /** Notes for every read in progress that this version of a document was adopted or deleted. */
  noteVersion(id: string, version: number): void {
    for (const known of this.#open) known.set(id, version);
  }

  /** Notes for every read in progress that another read has found no document. */
  noteAbsence(id: string): void {
    for (const known of this.#open) known.set(id, ABSENT);
  }
}

function judge(known: number | typeof ABSENT | undefined, version: number | undefined): Judgement {
  if (known === undefined) return 'news';
  if (known === ABSENT) return version === undefined ? 'old' : 'unclear';
  if (version === undefined) return 'unclear';
  return version > known ? 'news' : 'old';
}
