/** The version of a document that was read as absent: no version that an earlier read shows is newer. */
const ABSENT = Number.POSITIVE_INFINITY;

/** A read that is under way, and what has become known of its documents since it began. */
export interface OpenRead {
  /** Whether nothing became known since the read began that an answer with this version would undo. */
  isNews(id: string, version: number | undefined): boolean;
  end(): void;
}

/**
 * Orders the answers of reads that overlap. An answer says what was stored at some moment since its read began, and what was
 * adopted meanwhile may be newer: versions decide, and an absence, which has none, gives way.
 */
export class OpenReads {
  readonly #open = new Set<Map<string, number>>();

  begin(): OpenRead {
    const known = new Map<string, number>();
    this.#open.add(known);
    return {
      isNews: (id, version) => {
        const other = known.get(id);
        return other === undefined || (version !== undefined && version > other);
      },
      end: () => {
        this.#open.delete(known);
      },
    };
  }

  /** Notes for every read under way that a document was adopted, or that this version of it has been deleted. */
  noteVersion(id: string, version: number): void {
    for (const known of this.#open) known.set(id, version);
  }

  /** Notes for every read under way that there was no document, so that what they show of it has to be read again. */
  noteAbsence(id: string): void {
    for (const known of this.#open) known.set(id, ABSENT);
  }
}
