/** Noted in place of a version where a read has found no document. */
const ABSENT = Symbol('absent');

/**
 * The relation of an answer to what became known while it was read: `news` is to be adopted, `old` says nothing new, and
 * `unclear` means that either may be newer, so that the document has to be read again.
 */
export type Judgement = 'news' | 'old' | 'unclear';

/** A read that is under way, and what has become known of its documents since it began. */
export interface OpenRead {
  /**
   * Judges the answer for one document.
   *
   * @param version - the version that the read shows; `undefined` where it shows no document.
   */
  judge(id: string, version: number | undefined): Judgement;
  /** Forgets that this version became known, which the read itself has shown: it shows each document once. */
  forget(id: string, version: number): void;
  end(): void;
}

/**
 * Orders the answers of reads that overlap. An answer shows what was stored at some moment since its read began. Of two
 * versions the higher one is newer; an absence has no version, so beside a version it is unclear which of them came first.
 */
export class OpenReads {
  readonly #open = new Set<Map<string, number | typeof ABSENT>>();
  #histories = 0;

  /** Begins to note what becomes known, until the read is ended. */
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

  /** Notes that the store was replaced: versions of before and after say nothing of each other. */
  noteReplacement(): void {
    this.#histories += 1;
  }

  /** Notes for every read under way that a document was adopted, or that this version of it has been deleted. */
  noteVersion(id: string, version: number): void {
    for (const known of this.#open) known.set(id, version);
  }

  /** Notes for every read under way that another one has found no document. */
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
