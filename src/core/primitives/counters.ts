/** The values of labels by their names; a value of `undefined` means the same as an absent name. */
export type Labels = Readonly<Record<string, string | undefined>>;

/** The number of events with these labels. */
export interface Count {
  readonly labels: Labels;
  value: number;
}

/**
 * Counts events, separately for each combination of labels. Callers pass the same names in the same order each time.
 */
export class Counter {
  readonly #counts = new Map<string, Count>();

  /**
   * @param known - the labels whose counts exist from the beginning, as 0: a monitoring system does not see a rise in a
   *   count that first appears as 1.
   */
  constructor(known: readonly Labels[] = []) {
    for (const labels of known) this.#counts.set(idOf(labels), { labels, value: 0 });
  }

  add(labels: Labels = {}): void {
    const id = idOf(labels);
    const count = this.#counts.get(id);
    if (count === undefined) this.#counts.set(id, { labels, value: 1 });
    else count.value += 1;
  }

  counts(): Iterable<Readonly<Count>> {
    return this.#counts.values();
  }
}

/** Counts values by the bucket into which they fall. */
export class Histogram {
  /** The upper bounds of the buckets, in ascending order; the last bucket has none. */
  readonly bounds: readonly number[];
  /** The number of values in each bucket, without those in the buckets before it. */
  readonly counts: number[];
  sum: number = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    const index = bucket === -1 ? this.bounds.length : bucket;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += value;
  }
}

function idOf(labels: Labels): string {
  return Object.values(labels).join('\n');
}
