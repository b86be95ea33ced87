import type { Clock } from '../concurrency/clock.js';
import { belongsTo, type EnrolmentMarks } from '../model/enrolment.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from './cached-record.js';
import type { RecordCache } from './record-cache.js';

/**
 * Remembers the displaced records: those from a store that has since been replaced or has lost them, and has not shown
 * them again.
 */
export class DisplacedRecords {
  readonly #cache: RecordCache;
  readonly #clock: Clock;
  readonly #leftMs: (cached: CachedRecord) => number;
  readonly #marks = new WeakMap<CachedRecord, EnrolmentMarks | undefined>();
  #generation = 0;
  #replacedAtMonotonic = Number.NEGATIVE_INFINITY;

  /**
   * @param leftMs - returns the remaining lifetime of a record.
   */
  constructor(cache: RecordCache, clock: Clock, leftMs: (cached: CachedRecord) => number) {
    this.#cache = cache;
    this.#clock = clock;
    this.#leftMs = leftMs;
  }

  /** Returns how many times the store has been replaced. */
  get generation(): number {
    return this.#generation;
  }

  /** Returns how long ago the store was found to be replaced; infinity if it never was. */
  get replacedMsAgo(): number {
    return this.#clock.monotonic() - this.#replacedAtMonotonic;
  }

  has(cached: CachedRecord): boolean {
    return this.#marks.has(cached);
  }

  /** Yields the displaced records that are still of use: all, or those of one app. */
  *ofUse(appid?: string): Iterable<CachedRecord> {
    for (const cached of appid === undefined ? this.#cache.records() : this.#cache.recordsOf(appid)) {
      const isOfUse = this.#leftMs(cached) > 0 || cached.rotation !== undefined;
      if (isOfUse && this.has(cached)) yield cached;
    }
  }

  /** Adds every cached record, because the store has been replaced. */
  addAll(marksOf?: (key: TokenKey) => EnrolmentMarks | undefined): void {
    this.#generation += 1;
    this.#replacedAtMonotonic = this.#clock.monotonic();
    for (const cached of this.#cache.records()) this.add(cached, marksOf?.(cached.key));
  }

  /** Adds a record that the store has lost although the store itself was not replaced. */
  add(cached: CachedRecord, marks?: EnrolmentMarks): void {
    this.#marks.set(cached, marks);
    cached.confirmedAtMonotonic = undefined;
  }

  /** Returns whether a record may be put back for the registration with these marks. */
  isPutBackWith(cached: CachedRecord, registered: EnrolmentMarks): boolean {
    const marks = this.#marks.get(cached);
    return marks !== undefined && belongsTo(marks, registered);
  }

  /** Returns the marks that a record belongs to, whatever is registered in the store that has replaced its own. */
  marksOf(cached: CachedRecord): EnrolmentMarks | undefined {
    return this.#marks.get(cached);
  }
}
