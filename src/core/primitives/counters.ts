/** Names to values; one that is `undefined` is as good as absent. */
export type Labels = Readonly<Record<string, string | undefined>>;

/** The number of times that something has happened, with these labels. */
export interface Count {
  readonly labels: Labels;
  value: number;
}

/** Counts that only rise, one for each combination of labels. Their names are the same each time, in the same order. */
export class Counter {
  readonly #counts = new Map<string, Count>();

  /** @param known - the labels that are there from the beginning: a count that appears as 1 is not seen to rise from 0. */
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

/** Counts how values are spread over buckets. */
export class Histogram {
  /** The upper bounds of the buckets, rising; the bucket after the last has none. */
  readonly bounds: readonly number[];
  /** The number of values in each bucket, those of the smaller ones not included. */
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
